"""`IterativePruning`: follow a sparsity that grows during training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..schedules import CubicSparsity, as_schedule
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .layer_choice import check_layers, is_for, n_possible, smallest, threshold_of
from .state_checks import MAX, Number, check_entries


@dataclass(frozen=True)
class IterativePruning(Policy):
    """Remove the connections closest to zero so that each layer follows a sparsity s(t), and train between two removals.

    Parameters
    ----------
    sparsity : schedule, or float in [0, 1)
        s(t) of each pruned layer, called with epochs, fractional within one: `CubicSparsity(0, 0.95, begin=1, end=8)`. Where it
        falls nothing happens: what is removed stays removed. At least one connection is kept.
    every : int, optional
        Steps between two removals; the run's last step prunes too. Default: once an epoch, between two epochs; the run
        then counts without its last epoch, which nothing follows, so that a schedule without an end of its own gets there.
    layers : tuple of int, optional
        Layers to prune, counted from 0; default: all.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range, at construction; what a function as schedule returns, during the run.

    Notes
    -----
    A removal costs O(n_in * n_out) for a dense layer, O(connections) for a sparse one; other steps cost microseconds. Of equal
    magnitudes the first go. Biases are not pruned. The state keeps `threshold`, the largest magnitude removed by the last removal.

    References
    ----------
    Zhu, Gupta, "To prune, or not to prune", 2017, equation 1 (that is `CubicSparsity`); Alford, "Training sparse neural
    networks", 2018 (any monotone s(t); "pruning more frequently led to better results").

    Examples
    --------
    >>> IterativePruning(CubicSparsity(0, 0.95, begin=1, end=8), every=100).layers
    >>> IterativePruning(95)
    Traceback (most recent call last):
    ValueError: IterativePruning.sparsity must be in [0, 1]; got 95. Fractions, not percent.
    """

    sparsity: float | Callable[[float, float], float] = CubicSparsity(0.0, 0.9)
    every: int | None = None
    layers: tuple | None = None

    def __post_init__(self) -> None:
        as_schedule(self.sparsity, "IterativePruning.sparsity", 0, 1)
        if self.every is not None:
            checks.integer("IterativePruning.every", self.every, 1)
        object.__setattr__(self, "layers", check_layers("IterativePruning.layers", self.layers))

    def sparsity_at(self, time: float, n_epochs: int) -> float:
        """Return s(t), checked; time in epochs."""
        return checks.fraction(f"IterativePruning.sparsity at epoch {time:g}", as_schedule(self.sparsity)(time, n_epochs), open_high=True)

    def start(self, view: LayerView, rng: np.random.Generator) -> Any:
        return {"threshold": 0.0} if is_for(self.layers, view) else None

    def check_state(self, view: LayerView, state: Any) -> None:
        if state is not None:
            check_entries(self, view, state, threshold=Number(float, 0, MAX))

    def on_step(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        if self.every is None or state is None:
            return None, state
        done = progress.fit_step + 1
        if done % self.every and done != progress.n_epochs * progress.n_steps:
            return None, state
        return self._prune(view, state, done / progress.n_steps, progress.n_epochs)

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        if self.every is not None or state is None:
            return None, state
        return self._prune(view, state, progress.epoch + 1, progress.n_epochs - 1)

    def _prune(self, view: LayerView, state: Any, time: float, n_epochs: int) -> tuple[Change | None, Any]:
        n_kept = round((1 - self.sparsity_at(time, n_epochs)) * n_possible(view))
        drop = smallest(view, max(1, n_kept))
        if not drop.size:
            return None, state
        return Change(drop=drop), {"threshold": threshold_of(view, drop)}
