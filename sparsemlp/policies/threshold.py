"""`ThresholdPruning`: remove whatever is smaller than a number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..schedules import as_schedule
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .layer_choice import check_layers, is_for
from .state_checks import MAX, Number, check_entries


@dataclass(frozen=True)
class ThresholdPruning(Policy):
    """Between epochs remove the connections with |w| < threshold; how many that are, training decides.

    Parameters
    ----------
    threshold : float >= 0 or schedule
        Called with the number of epochs done, 1 ... n_epochs - 1, and the length of the run.
    relative : bool
        False: an absolute magnitude. True: times the standard deviation of the layer's existing weights (Han et al. 2015).
    layers : tuple of int, optional
        Layers to prune, counted from 0; default: all.

    Raises
    ------
    ValueError
        A setting out of its range, at construction; during the run, a threshold that would leave a layer without a connection.

    Notes
    -----
    O(n_in * n_out) for a dense layer, O(connections) for a sparse one. Biases are not pruned. What is removed stays removed. The
    state keeps the absolute `threshold`.

    References
    ----------
    Han, Pool, Tran, Dally, "Learning both weights and connections for efficient neural networks", NIPS 2015; Alford, "Training
    sparse neural networks", 2018: ``weights[abs(weights) < threshold] = 0``.

    Examples
    --------
    >>> ThresholdPruning(0.05)
    ThresholdPruning(threshold=0.05, relative=False, layers=None)
    """

    threshold: float | Callable[[float, float], float]
    relative: bool = False
    layers: tuple | None = None

    def __post_init__(self) -> None:
        as_schedule(self.threshold, "ThresholdPruning.threshold")
        checks.instance("ThresholdPruning.relative", self.relative, bool, "True")
        object.__setattr__(self, "layers", check_layers("ThresholdPruning.layers", self.layers))

    def check_state(self, view: LayerView, state: Any) -> None:
        if state is not None:
            check_entries(self, view, state, threshold=Number(float, 0, MAX))

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        if not is_for(self.layers, view):
            return None, state
        done = progress.epoch + 1
        value = as_schedule(self.threshold)(done, progress.n_epochs)
        threshold = checks.real(f"ThresholdPruning.threshold after epoch {done}", value, 0)
        values = view.values
        if not values.size:
            return None, state
        if self.relative:
            threshold *= float(np.std(values, dtype=np.float64))
        drop = np.flatnonzero(np.abs(values) < threshold)
        if drop.size == values.size > 0:
            raise ValueError(
                f"ThresholdPruning.threshold must leave layer {view.index} at least one connection; {threshold:g} is above its largest "
                f"weight, {np.abs(values).max():g}. Lower it, or give the layers= that it is for."
            )
        state = {"threshold": threshold}
        if not drop.size:
            return None, state
        return Change(drop=view.slots_of(drop)), state
