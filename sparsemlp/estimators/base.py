"""What the two estimators share: settings, one network, one trainer, and what scikit-learn wants to know of them."""

import numbers

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .. import checks, optimizers
from ..models.mlp import MLP
from ..policies import SET, Policy, Static
from ..topology import Dense
from ..training.callbacks import BestWeights, EarlyStopping
from ..training.trainer import Trainer

OPTIMIZERS = {"adam": optimizers.Adam, "adamw": optimizers.AdamW, "sgd": optimizers.SGD, "rmsprop": optimizers.RMSprop}
POLICIES = {"set": SET, "static": Static}
LARGE = 10_000  # samples from which batch_size="auto" takes the larger batch


class SparseMLP(BaseEstimator):
    """The base of `SparseMLPClassifier` and `SparseMLPRegressor`, which say what their settings mean."""

    def __init__(
        self,
        hidden_layer_sizes=(300, 300),
        density=0.1,
        *,
        topology=None,
        activation="relu",
        dropout=0.0,
        policy="set",
        optimizer="adam",
        learning_rate=0.001,
        batch_size="auto",
        max_iter=100,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        random_state=None,
        verbose=False,
    ):
        self.hidden_layer_sizes, self.density, self.topology = hidden_layer_sizes, density, topology
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
    def _network(self, n_out, output):
        checks.integer("max_iter", self.max_iter, 1)
        checks.integer("n_iter_no_change", self.n_iter_no_change, 1)
        checks.real("validation_fraction", self.validation_fraction, 0, 1, open_low=True, open_high=True)
        hidden = self.hidden_layer_sizes
        hidden = [hidden] if isinstance(hidden, numbers.Integral) else list(hidden)
        topology, density = self.topology, self.density
        if topology is None and density == 1:
            topology = Dense()
        seed = self.random_state
        if not isinstance(seed, numbers.Integral):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        return MLP(
            [self.n_features_in_, *hidden, n_out],
            topology,
            self.activation,
            self.dropout,
            output,
            density=density if topology is None else None,
            seed=seed,
        )

    def _optimizer(self):
        if isinstance(self.optimizer, str):
            return OPTIMIZERS[checks.choice("optimizer", self.optimizer, OPTIMIZERS)](lr=self.learning_rate)
        return self.optimizer

    def _policy(self):
        if isinstance(self.policy, str):
            return POLICIES[checks.choice("policy", self.policy, POLICIES)]()
        return checks.instance("policy", self.policy, Policy, "'set', 'static' or sm.SET(zeta=0.3)")

    def _new_trainer(self, network, policy):
        """A trainer with the settings of now; with what an earlier one of this network counted."""
        trainer = Trainer(network, self._optimizer(), policy=policy)
        before = getattr(self, "_trainer", None)
        if before is not None and before.network is network:
            trainer.n_fits = before.n_fits + 1
            if type(before.optimizer) is type(trainer.optimizer):
                trainer.step = before.step  # the optimizer's state is kept too
        return trainer

    # ---- training ----
    def _goes_on(self):
        return self.warm_start and hasattr(self, "network_")

    def _train(self, network, X, y, sample_weight):
        checks.choice("early_stopping", self.early_stopping, (True, False))
        trainer, validation = self._new_trainer(network, self._policy()), None
        if self.early_stopping:
            monitor = "val_loss" if network.output != "softmax" else "val_accuracy"
            trainer.callbacks = [BestWeights(monitor), EarlyStopping(monitor, self.n_iter_no_change, self.tol)]
            parts = train_test_split(
                X,
                y,
                *([] if sample_weight is None else [sample_weight]),
                test_size=self.validation_fraction,
                random_state=int(network.seed % 2**32),
                stratify=y if network.output == "softmax" else None,
            )
            X, validation, y = parts[0], (parts[1], parts[3]), parts[2]
            sample_weight = None if sample_weight is None else parts[4]
        self._run(trainer, X, y, sample_weight, epochs=self.max_iter, validation_data=validation, progress=bool(self.verbose))
        return self

    def _train_on(self, network, X, y, sample_weight):
        """One pass over the samples of a `partial_fit`, by a trainer that leaves the topology as it is."""
        trainer = getattr(self, "_trainer", None)
        if trainer is None or trainer.network is not network or not self._incremental or trainer.optimizer != self._optimizer():
            trainer = self._new_trainer(network, Static())
        self._run(trainer, X, y, sample_weight, epochs=trainer.epoch + 1, resume=True)
        self._incremental = True
        return self

    def _run(self, trainer, X, y, sample_weight, **how):
        size = self.batch_size
        if isinstance(size, str):
            checks.choice("batch_size", size, ("auto",))
            size = 32 if X.shape[0] < LARGE else 128
        try:
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
