"""`insert_auxiliary_layer`: a full hidden layer between a net's two halves; `AuxiliaryLayer`: insert, retrain, prune again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..initializers import for_activation
from ..layers import Linear
from ..models.surgery import replace_layers
from ..randomness import stream
from ..training.trainer import Trainer
from ..weights.dense import DenseWeights
from .low_rank import factor
from .prune_rounds import Rounds, fit_pruned
from .resumable import Stages

if TYPE_CHECKING:
    from ..models.network import Network
    from .prune_rounds import Pruned


INITS = ("random", "lowrank")


def insert_auxiliary_layer(
    network: Network, n_units: int, init: str = "random", *, at: int | None = None, seed: int | None = None
) -> tuple[Network, float | None]:
    """Return a new network in which one matrix is replaced by a fully connected hidden layer of n_units and the matrices to and from it.

    Parameters
    ----------
    network : Network
        Not changed; all its other weights and all its biases are copied.
    n_units : int, >= 1
    init : {"random", "lowrank"}
        "random": both matrices are drawn by the initializer that suits the activation. "lowrank": they are factors of the old matrix,
        so that the network computes what it did, as far as n_units allow; see `low_rank.factor`.
    at : int, optional
        Which matrix, counted from 0; between two hidden layers. Default: the one that splits the hidden units most evenly.
    seed : int, optional
        Of the random weights; default: the network's.

    Returns
    -------
    (Network, float)
        And the relative error of the product of the factors, |W - A B| / |W| (Frobenius norms; 0 is the same function for ReLU and
        identity units, and nearly the same for sigmoid and tanh); None if random. Dense matrices, no optimizer state.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range, or a network with fewer than two hidden layers.

    Notes
    -----
    The new units have the activation and the dropout of the layer before; their biases start at 0, and corrections of the next
    layer's bias (sigmoid) are made.

    References
    ----------
    Esfandiarpoor, Hajabdollahi, Karimi, "Simplified neural network based on auxiliary layer and adaptive pruning rate", section
    III.B, which inserts random weights; the low-rank start is ours.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> net = sm.MLP([100, 80, 60, 40, 10], seed=0)
    >>> larger, error = insert_auxiliary_layer(net, 20)
    >>> larger.sizes
    [100, 80, 20, 60, 40, 10]
    >>> larger, error = insert_auxiliary_layer(net, 120, "lowrank")
    >>> error < 1e-5
    True
    """
    checks.integer("n_units", n_units, 1)
    checks.choice("init", init, INITS)
    at = middle(network) if at is None else checks.integer("at", at, 1, len(network.layers) - 2, fix="Between two hidden layers.")
    rng = stream(network.seed if seed is None else checks.integer("seed", seed, 0), "procedure", at, n_units)
    before, old = (_linear(network.layers[k], k) for k in (at - 1, at))
    matrix = old.weights.csr.toarray()
    n_in, n_out = matrix.shape
    draw = for_activation(before.activation, before.slope)
    into = draw.sample(rng, n_in * n_units, n_in, n_units, n_in * n_units, matrix.dtype).reshape(n_in, n_units)
    out = old.initializer.sample(rng, n_units * n_out, n_units, n_out, n_units * n_out, matrix.dtype).reshape(n_units, n_out)
    bias, error = old.bias.copy(), None
    if init == "lowrank":
        into, out, shift, error = factor(matrix, into, before.activation, before.slope)
        bias += shift.astype(bias.dtype)
    first = Linear(DenseWeights(into), np.zeros(n_units, matrix.dtype), before.activation, before.slope, before.dropout, draw)
    second = Linear(DenseWeights(out), bias, old.activation, old.slope, old.dropout, old.initializer)
    larger = copy.deepcopy(network)
    for layer in larger.layers:
        layer.allocate_state(0)
    replace_layers(larger, [*larger.layers[:at], first, second, *larger.layers[at + 1 :]])
    return larger, error


def _linear(layer: Any, k: int) -> Any:
    """The layer, or TypeError: only the matrix between two Linear layers can be factored."""
    if not isinstance(layer, Linear):
        raise TypeError(f"An auxiliary layer goes between two Linear layers; layer {k} is {layer!r:.80}.")
    if layer.initializer is None:
        raise ValueError(f"Layer {k} must have an initializer for the new weights; got None. Give sm.Linear(..., initializer=sm.He()).")
    return layer


def middle(network: Network) -> int:
    """The matrix between two hidden layers that leaves the most equal numbers of hidden units on both sides; the first of equals."""
    widths = network.sizes[1:-1]
    if len(widths) < 2:
        raise ValueError(f"An auxiliary layer goes between two hidden layers; the network has {len(widths)}, widths {network.sizes}.")
    total = sum(widths)
    return min(range(1, len(widths)), key=lambda k: abs(2 * sum(widths[:k]) - total))


@dataclass(frozen=True)
class AuxiliaryLayer:
    """Give a pruned network a full hidden layer in its middle, retrain it, and prune again.

    Parameters
    ----------
    n_units : int, >= 1
        Of the layer.
    pruning : AdaptivePruneRetrain or PruneRetrain
        How to prune again.
    retrain_epochs : int, >= 1
        After the insertion, before the pruning.
    init : {"random", "lowrank"}
    at : int, optional
        As `insert_auxiliary_layer`.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    References
    ----------
    Esfandiarpoor, Hajabdollahi, Karimi, "Simplified neural network based on auxiliary layer and adaptive pruning rate", figure 2 and
    table IV.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_val, y_val = sm.datasets.load("digits")
    >>> trainer = sm.Trainer(sm.MLP([64, 40, 30, 10], activation="tanh", seed=0), optimizer=sm.Adam(lr=0.003))
    >>> first = sm.AdaptivePruneRetrain(allowed_drop=0.03, retrain_epochs=3, max_rounds=2, train_epochs=10)
    >>> pruned = first.run(trainer, X / 16, y, validation_data=(X_val / 16, y_val))
    >>> again = sm.AuxiliaryLayer(15, sm.AdaptivePruneRetrain(allowed_drop=0.03, retrain_epochs=3, max_rounds=2), retrain_epochs=3)
    >>> outcome = again.run(pruned.trainer, X / 16, y, validation_data=(X_val / 16, y_val), base_accuracy=pruned.base["accuracy"])
    >>> outcome.network.sizes
    [64, 40, 15, 30, 10]
    """

    n_units: int
    pruning: Rounds
    retrain_epochs: int
    init: str = "random"
    at: int | None = None

    def __post_init__(self) -> None:
        checks.integer("AuxiliaryLayer.n_units", self.n_units, 1)
        checks.instance("AuxiliaryLayer.pruning", self.pruning, Rounds, "sm.AdaptivePruneRetrain(allowed_drop=0.005, retrain_epochs=5)")
        checks.integer("AuxiliaryLayer.retrain_epochs", self.retrain_epochs, 1)
        checks.choice("AuxiliaryLayer.init", self.init, INITS)
        if self.pruning.train_epochs:
            raise ValueError(f"AuxiliaryLayer.pruning must have train_epochs=0, retrain_epochs are here; got {self.pruning.train_epochs}.")

    def run(
        self,
        trainer: Trainer,
        X: Any,
        y: Any,
        *,
        validation_data: tuple,
        base_accuracy: float | None = None,
        on_round: Callable | None = None,
        folder: Any = None,
        custom: Sequence[type] = (),
        **options: Any,
    ) -> Pruned:
        """Insert, retrain, prune.

        Parameters
        ----------
        trainer : Trainer
            Of the pruned network, which is not changed: the larger one gets a trainer of its own, with this one's optimizer, loss and
            callbacks.
        X, y, options
            As `Trainer.fit`, of all stages.
        validation_data : (X, y)
            Every decision is made by it; never give the test set.
        base_accuracy : float, optional
            What the allowed drop counts from: that of the network before all pruning. Default: the larger network's, retrained.
        on_round, folder, custom
            As `Rounds.run`.

        Returns
        -------
        Pruned
            Its base also has "auxiliary_at", the inserted matrix's place, "factor_error" of a low-rank start, and
            "accuracy_inserted", before the retraining.
        """
        stages = Stages(self, folder, custom)
        network = trainer.network
        at = middle(network) if self.at is None else self.at
        larger, error = insert_auxiliary_layer(network, self.n_units, self.init, at=at)
        inserted = larger.evaluate(*validation_data)["accuracy"]
        settings = trainer.settings()
        new = Trainer(larger, **settings)
        new.lr = trainer.lr
        new = fit_pruned(stages, "inserted", new, X, y, self.retrain_epochs, validation_data=validation_data, **options)
        said = {"auxiliary_at": at, "factor_error": error, "accuracy_inserted": inserted}

        def seen(network: Network, record: dict) -> Any:
            if "round" not in record:
                record.update(said)
            if on_round:
                on_round(network, record)

        rounds_folder = None if stages.folder is None else stages.folder / "pruning"
        options.update(validation_data=validation_data, base_accuracy=base_accuracy)
        outcome = self.pruning.run(new, X, y, on_round=seen, folder=rounds_folder, custom=custom, **options)
        outcome.histories = {**stages.histories, **outcome.histories}
        return outcome
