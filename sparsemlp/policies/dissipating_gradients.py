"""`DissipatingGradients`: remove the connections that the first epochs hardly moved."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import checks
from ..weights.change import Change
from .base import Policy


@dataclass(frozen=True)
class DissipatingGradients(Policy):
    """After each of the first epochs remove the connections whose gradients of that epoch add up to less than epsilon.

    Parameters
    ----------
    epsilon : float, >= 0
        A connection goes if the magnitude of the sum over the epoch's steps, each the mean over its batch, is below it.
    epochs : int, >= 1
        How many epochs end so; then the topology stays. The change falls between two epochs, so the run must be longer than this
        for the last one to happen.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    What is removed stays removed; biases are never pruned. The sparsity that comes out depends on data, epsilon and epochs, and
    grows with the number of inputs that are always 0. O(connections) time after those epochs.

    References
    ----------
    "What to prune and what not to prune at initialization", anonymous, under review: equations 3 and 4 (epsilon 1e-6) and
    algorithm 2 (1e-4). Departures: the paper compares the sum itself with epsilon, which would remove every negative one, and its
    algorithm adds the next epoch's gradients onto the mask; here it is the magnitude, and the sum begins anew with each epoch.

    Examples
    --------
    >>> DissipatingGradients(epsilon=1e-4)
    DissipatingGradients(epsilon=0.0001, epochs=2)
    """

    epsilon: float = 1e-6
    epochs: int = 2
    needs: ClassVar[frozenset] = frozenset({"accumulated_gradient"})

    def __post_init__(self):
        checks.real("DissipatingGradients.epsilon", self.epsilon, 0)
        checks.integer("DissipatingGradients.epochs", self.epochs, 1)

    def needs_at(self, index, state, progress):
        return self.needs if progress.epoch < self.epochs else frozenset()

    def between_epochs(self, view, state, progress, rng):
        if progress.epoch >= self.epochs:
            return None, state
        still = np.abs(view.of_connections(view.accumulated_gradient)) < self.epsilon
        drop = view.positions_of(np.flatnonzero(still))
        return (Change(drop=drop) if drop.size else None), state
