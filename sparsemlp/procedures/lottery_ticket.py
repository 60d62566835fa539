"""`restart`: a topology that some method found, with the weights it might have started from; `LotteryTicket`, the loop around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..models.network import Network
from ..models.surgery import redrawn, with_values
from ..policies.layer_choice import check_layers
from ..randomness import stream
from ..training.trainer import Trainer
from .resumable import Outcome, Stages
from .train_prune_retrain import prune, require_static


def restart(found: Network, initial: Network | None = None, *, seed: int | None = None, draw: int = 0) -> Network:
    """Return a new network on the connections of `found`, with other weights to start from.

    Parameters
    ----------
    found : Network
        Only its connections and its architecture are used, however they were found; it is not changed.
    initial : Network, optional
        Original weights: weights and biases are those of this net, which must have every connection of `found`. It is usually the
        net before training: `MLP(...)` with the same arguments and seed has the same weights. Default: new weights, drawn by
        each layer's initializer for the connections that it really has; biases 0.
    seed : int, optional
        Of the new network: new weights, shuffling and dropout; default: that of `found`.
    draw : int, >= 0
        Another number gives other new weights with the same seed.

    Returns
    -------
    Network
        Each layer is stored as in `found`, dense or sparse. No optimizer state, no classes.

    Raises
    ------
    ValueError
        `initial` has other widths, or lacks a connection.

    Notes
    -----
    Original weights of a net that began dense are as small as a dense layer wants them, sqrt(2 / n_in) for ReLU; new ones are
    scaled by the connections that remain, so at 1 % density they are 10 times as large. That alone is a reason why the two train
    differently.

    References
    ----------
    Frankle, Carbin, "The lottery ticket hypothesis: finding sparse, trainable neural networks", ICLR 2019 (original weights);
    Alford, "Training sparse neural networks", 2018 (new weights).

    Examples
    --------
    >>> import sparsemlp as sm
    >>> found = sm.MLP([64, 100, 10], density=0.1, seed=0)
    >>> again = sm.restart(found, initial=sm.MLP([64, 100, 10], seed=1))
    >>> again.n_connections == found.n_connections
    True
    """
    seed = found.seed if seed is None else checks.integer("seed", seed, 0)
    checks.integer("draw", draw, 0)
    if initial is not None and initial.sizes != found.sizes:
        raise ValueError(f"initial must have the widths of the found net, {found.sizes}; got {initial.sizes}.")
    layers = []
    for k, layer in enumerate(found.layers):
        source = None if initial is None else initial.layers[k]
        if layer.weights is None:
            weights = None
        elif source is None:
            weights = redrawn(layer, stream(seed, "procedure", draw, k))
        else:
            weights = with_values(layer.weights, _values_at(source.weights, layer.weights.cells, k))
        new = layer.fresh(weights)
        if source is not None:
            for p, original in zip(new.parameters(), source.parameters(), strict=True):
                if p is not new.weights:
                    p.data[:] = original.data
        layers.append(new)
    return Network(layers, found.output, found.input_dropout.dropout, seed)


def _values_at(weights: Any, cells: np.ndarray, k: int) -> np.ndarray:
    """Values of layer k's `weights` at these cells, or ValueError if a connection is missing."""
    stored = weights.cells
    at = np.searchsorted(stored, cells)
    missing = np.ones(len(at), bool) if not stored.size else stored[np.minimum(at, stored.size - 1)] != cells
    if missing.any():
        i, j = divmod(int(cells[np.flatnonzero(missing)[0]]), weights.shape[1])
        raise ValueError(
            f"initial must have every connection of the found net; layer {k} lacks {np.count_nonzero(missing)} of {cells.size}, the "
            f"first from input {i} to output {j}. A topology that grew connections has no original weights for them: leave initial out."
        )
    return weights.values[at]


@dataclass(frozen=True)
class LotteryTicket:
    """Train, prune, start again on what is left, as often as asked, and train the last time.

    Parameters
    ----------
    sparsity : float in [0, 1)
        Of each pruned layer in the end.
    epochs : int, >= 1
        Of each training; there are rounds + 1.
    rounds : int, >= 1
        Prunings. Each removes the same share of what is left: round r of n leaves the density (1 - sparsity)**(r / n).
    weights : {"original", "new"}
        What each training after the first starts from; see `restart`.
    layers : tuple of int, optional
        Layers to prune, counted from 0; default: all.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    References
    ----------
    Frankle, Carbin, "The lottery ticket hypothesis: finding sparse, trainable neural networks", ICLR 2019, section 1 (identifying
    winning tickets, iterative pruning) and section 3.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> trainer = sm.Trainer(sm.MLP([64, 100, 10], seed=0), optimizer=sm.SGD(lr=0.05, momentum=0.9))
    >>> outcome = sm.LotteryTicket(0.8, epochs=5).run(trainer, X / 16, y)
    >>> outcome.trainer.network.n_connections, list(outcome.histories)
    (1480, ['round-1', 'final'])
    """

    sparsity: float
    epochs: int
    rounds: int = 1
    weights: str = "original"
    layers: tuple | None = None

    def __post_init__(self) -> None:
        checks.fraction("LotteryTicket.sparsity", self.sparsity, open_high=True)
        checks.integer("LotteryTicket.epochs", self.epochs, 1)
        checks.integer("LotteryTicket.rounds", self.rounds, 1)
        checks.choice("LotteryTicket.weights", self.weights, ("original", "new"))
        object.__setattr__(self, "layers", check_layers("LotteryTicket.layers", self.layers))

    def run(self, trainer: Trainer, X: Any, y: Any, *, folder: Any = None, custom: Sequence[type] = (), **options: Any) -> Outcome:
        """Run all stages.

        Parameters
        ----------
        trainer : Trainer
            Not trained yet, with the policy `Static`. It is trained in the first round; later rounds have trainers of their own,
            with its optimizer, loss and callbacks.
        X, y, options
            As `Trainer.fit`, of all stages.
        folder : path, optional
            Where the stages are kept, so that an interrupted run goes on; see `Stages`.
        custom : sequence of classes
            As in `sparsemlp.load`.

        Returns
        -------
        Outcome
            Stages "round-1" ... and "final".
        """
        require_static(trainer, "LotteryTicket")
        if trainer.step:
            raise ValueError(f"LotteryTicket.run must get a trainer that has not trained yet; got one after {trainer.step} steps.")
        stages = Stages(self, folder, custom)
        settings = trainer.settings()
        initial = restart(trainer.network, trainer.network)  # a copy
        for r in range(1, self.rounds + 1):
            trainer = stages.fit(f"round-{r}", trainer, X, y, self.epochs, **options)
            prune(trainer.network, 1 - (1 - self.sparsity) ** (r / self.rounds), self.layers)
            found = restart(trainer.network, initial if self.weights == "original" else None, draw=r)
            trainer = Trainer(found, **settings)
        trainer = stages.fit("final", trainer, X, y, self.epochs, **options)
        return Outcome(trainer, stages)
