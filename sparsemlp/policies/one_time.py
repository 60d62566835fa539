"""`OneTimePruning`: train, remove the smallest connections once, train on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .layer_choice import check_layers, is_for, n_possible, smallest, threshold_of
from .state_checks import MAX, Number, check_entries


@dataclass(frozen=True)
class OneTimePruning(Policy):
    """After some epochs remove the connections closest to zero, layer by layer, and train the rest.

    Parameters
    ----------
    sparsity : float in [0, 1)
        Of each pruned layer afterwards: round((1 - sparsity) * n_in * n_out) connections are kept, and at least one.
    after : int, >= 1
        Epochs of training before it. The run must be longer: a policy is not asked after the last epoch. To prune a net that has
        been trained and leave it at that, use `prune` or `TrainPruneRetrain(retrain_epochs=0)`.
    layers : tuple of int, optional
        Layers to prune, counted from 0; default: all.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    A layer that is as sparse already is left alone. Of equal magnitudes the first go. Biases are not pruned. O(n_in * n_out) for
    a dense layer, O(connections) for a sparse one, once. The state keeps `threshold`, the largest magnitude that was removed.

    References
    ----------
    Yu, Seide, Li, Deng, "Exploiting sparseness in deep neural networks for large vocabulary speech recognition", ICASSP 2012;
    algorithm 1 of Bartoldson, Barbu, Erlebacher; the one-time pruning of Alford, "Training sparse neural networks" (2018).

    Examples
    --------
    >>> OneTimePruning(sparsity=0.9, after=5)
    OneTimePruning(sparsity=0.9, after=5, layers=None)
    """

    sparsity: float
    after: int = 1
    layers: tuple | None = None

    def __post_init__(self) -> None:
        checks.fraction("OneTimePruning.sparsity", self.sparsity, open_high=True)
        checks.integer("OneTimePruning.after", self.after, 1)
        object.__setattr__(self, "layers", check_layers("OneTimePruning.layers", self.layers))

    def check_state(self, view: LayerView, state: Any) -> None:
        if state is not None:
            check_entries(self, view, state, threshold=Number(float, 0, MAX))

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        if progress.epoch + 1 != self.after or not is_for(self.layers, view):
            return None, state
        drop = smallest(view, max(1, round((1 - self.sparsity) * n_possible(view))))
        return (Change(drop=drop) if drop.size else None), {"threshold": threshold_of(view, drop)}
