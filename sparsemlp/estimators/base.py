"""What the two estimators share: settings, one network, one trainer, and what scikit-learn wants to know of them."""

import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .. import checks, optimizers, recipes
from ..errors import ConnectivityWarning
from ..models.mlp import MLP
from ..policies import SET, Policy, Static
from ..schedules import WarmupCosine
from ..topology import Dense, ErdosRenyi
from ..training.callbacks import BestWeights, EarlyStopping
from ..training.trainer import Trainer

OPTIMIZERS = {"adam": optimizers.Adam, "adamw": optimizers.AdamW, "sgd": optimizers.SGD, "rmsprop": optimizers.RMSprop}
POLICIES = {"set": SET, "static": Static}
RATES = {"adam": 0.002, "adamw": 0.002, "sgd": 0.05, "rmsprop": 0.001}  # of learning_rate="auto"
LARGE = 10_000  # samples from which batch_size="auto" takes the larger batch


class SparseMLP(BaseEstimator):
    """The base of `SparseMLPClassifier` and `SparseMLPRegressor`, which say what their settings mean."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (300, 300),
        density: float | None = 0.1,
        *,
        recipe: str | None = "auto",
        image_shape: tuple[int, ...] | None = None,
        topology: Any = None,
        activation: Any = "relu",
        dropout: float = 0.0,
        policy: str | Policy = "auto",
        optimizer: Any = "adam",
        learning_rate: Any = "auto",
        weight_decay: float | str = "auto",
        batch_size: int | str = "auto",
        max_iter: int = 100,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes, self.density, self.topology = hidden_layer_sizes, density, topology
        self.recipe, self.image_shape, self.weight_decay = recipe, image_shape, weight_decay
        self.activation, self.dropout, self.policy = activation, dropout, policy
        self.optimizer, self.learning_rate, self.batch_size = optimizer, learning_rate, batch_size
        self.max_iter, self.shuffle = max_iter, shuffle
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.n_iter_no_change, self.tol = n_iter_no_change, tol
        self.warm_start, self.random_state, self.verbose = warm_start, random_state, verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ---- settings to objects ----
    def _seed(self):
        seed = self.random_state
        return int(seed) if isinstance(seed, numbers.Integral) else int(check_random_state(seed).randint(2**31 - 1))

    def _network(self, X, y, output, n_out, seed, *, whole):
        """A new net for these data, `y` as topologies want it; parts of the data (not `whole`) do not decide the recipe "auto"."""
        checks.integer("max_iter", self.max_iter, 1)
        checks.integer("n_iter_no_change", self.n_iter_no_change, 1)
        checks.real("validation_fraction", self.validation_fraction, 0, 1, open_low=True, open_high=True)
        hidden = self.hidden_layer_sizes
        hidden = [hidden] if isinstance(hidden, numbers.Integral) else list(hidden)
        hidden = [checks.integer(f"hidden_layer_sizes[{k}]", n, 1) for k, n in enumerate(hidden)]
        sizes, topology, data = [self.n_features_in_, *hidden, n_out], self.topology, None
        known = whole or self.recipe != "auto" or self.image_shape is not None
        self.recipe_ = recipes.choose(self.recipe if known else None, X, self.image_shape)
        if topology is not None or self.density == 1:
            self.recipe_, topology = None, Dense() if topology is None else topology
        elif self.recipe_ is not None:
            topology = recipes.topologies(self.recipe_, sizes, ErdosRenyi(density=self.density), self.image_shape)
        if topology is not None and any(getattr(t, "needs_data", False) for t in (topology if isinstance(topology, list) else [topology])):
            data = X, y
        return MLP(
            sizes,
            topology,
            self.activation,
            self.dropout,
            output,
            density=self.density if topology is None else None,
            data=data,
            seed=seed,
        )

    def _optimizer(self, n_rows, whole=True):
        """The optimizer for a fit on so many rows, or, if not `whole`, for parts of a run whose length nobody knows."""
        if not isinstance(self.optimizer, str):
            return self.optimizer
        kind = OPTIMIZERS[checks.choice("optimizer", self.optimizer, OPTIMIZERS)]
        rate, decay = self.learning_rate, self.weight_decay
        if isinstance(rate, str):
            checks.choice("learning_rate", rate, ("auto",))
            rate = WarmupCosine(RATES[self.optimizer]) if whole else RATES[self.optimizer]
        if isinstance(decay, str):
            checks.choice("weight_decay", decay, ("auto",))
            decay = recipes.decay(n_rows) if whole else 0.0
        momentum = {"momentum": 0.9, "nesterov": True} if kind is optimizers.SGD else {}
        return kind(lr=rate, weight_decay=decay, **momentum)

    def _policy(self):
        if isinstance(self.policy, str):
            if self.policy == "auto":
                return recipes.policy(getattr(self, "recipe_", None))
            return POLICIES[checks.choice("policy", self.policy, ("auto", *POLICIES))]()
        return checks.instance("policy", self.policy, Policy, "'auto', 'set', 'static' or sm.SET(zeta=0.3)")

    def _new_trainer(self, network, policy, optimizer):
        """A trainer with the settings of now; with what an earlier one of this network counted."""
        trainer = Trainer(network, optimizer, policy=policy, weight_by="data")
        before = getattr(self, "_trainer", None)
        if before is not None and before.network is network:
            trainer.n_fits = before.n_fits + 1
            if type(before.optimizer) is type(trainer.optimizer):
                trainer.step = before.step  # the optimizer's state is kept too
        return trainer

    # ---- training ----
    def _goes_on(self):
        return self.warm_start and hasattr(self, "network_")

    def _split(self, X: Any, y: Any, sample_weight: Any, seed: int, stratify: bool) -> tuple[tuple[Any, Any, Any], tuple[Any, Any] | None]:
        """((X, y, sample_weight) to train on, (X, y) to stop by or None)."""
        checks.choice("early_stopping", self.early_stopping, (True, False))
        if not self.early_stopping:
            return (X, y, sample_weight), None
        checks.real("validation_fraction", self.validation_fraction, 0, 1, open_low=True, open_high=True)
        parts = train_test_split(
            X,
            y,
            *([] if sample_weight is None else [sample_weight]),
            test_size=self.validation_fraction,
            random_state=seed % 2**32,
            stratify=y if stratify else None,
        )
        return (parts[0], parts[2], None if sample_weight is None else parts[4]), (parts[1], parts[3])

    def _train(self, network, training, validation):
        X, y, sample_weight = training
        trainer = self._new_trainer(network, self._policy(), self._optimizer(X.shape[0]))
        recipes.warn_of_dropout(network)
        if validation is not None:
            monitor = "val_loss" if network.output != "softmax" else "val_accuracy"
            trainer.callbacks = [BestWeights(monitor), EarlyStopping(monitor, self.n_iter_no_change, self.tol)]
        self._run(trainer, X, y, sample_weight, epochs=self.max_iter, validation_data=validation, progress=bool(self.verbose))
        return self

    def _train_on(self, network, X, y, sample_weight):
        """One pass over the samples of a `partial_fit`, by a trainer that leaves the topology as it is."""
        trainer, optimizer = getattr(self, "_trainer", None), self._optimizer(X.shape[0], whole=False)
        if trainer is None or trainer.network is not network or not self._incremental or trainer.optimizer != optimizer:
            trainer = self._new_trainer(network, Static(), optimizer)
        trainer.run = {}  # a stream: each part is other data
        self._run(trainer, X, y, sample_weight, epochs=trainer.epoch + 1, resume=True)
        self._incremental = True
        return self

    def _run(self, trainer, X, y, sample_weight, **how):
        size = self.batch_size
        if isinstance(size, str):
            checks.choice("batch_size", size, ("auto",))
            size = 32 if X.shape[0] < LARGE else 128
        try:
            with warnings.catch_warnings():
                if self.recipe_ is not None and trainer.network.check_connectivity().only_inputs_unused:
                    warnings.simplefilter("ignore", ConnectivityWarning)  # the recipe left them out on purpose
                trainer.fit(X, y, batch_size=size, sample_weight=sample_weight, shuffle=self.shuffle, **how)
        except KeyboardInterrupt:  # what was learned is kept
            self._keep(trainer)
            raise
        self._keep(trainer)

    def _keep(self, trainer):
        self._trainer, self._incremental = trainer, False
        self.network_, self.history_ = trainer.network, trainer.history
        self.n_iter_ = len(trainer.history)
        self.loss_curve_ = [r["loss"] for r in trainer.history.records]
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else None
        self.n_outputs_ = trainer.network.n_out

    def _validated(self, X, *y, reset, **options):
        """X (and y) checked by scikit-learn; integers stay integers, sparse matrices become CSR and stay sparse."""
        return validate_data(self, X, *y, reset=reset, accept_sparse="csr", dtype="numeric", **options)

    def _weights(self, sample_weight, X):
        if sample_weight is None:
            return None
        return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)

    def _rows(self, X):
        check_is_fitted(self, "network_")
        return self._validated(X, reset=False)
