"""`DissipatingGradients`: remove the connections that the first epochs hardly moved."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import checks
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .state_checks import Array, check_entries


@dataclass(frozen=True)
class DissipatingGradients(Policy):
    """After each of the first epochs remove the connections that have hardly been moved: by their gradients, or from their start.

    Parameters
    ----------
    epsilon : float, >= 0
        What a connection must reach to stay; see `by`.
    epochs : int, >= 1
        How many epochs end so; then the topology stays. The change falls between two epochs, so the run must be longer than this
        for the last one to happen.
    by : {"gradient", "displacement"}
        "gradient": the magnitude of the sum of its gradients over the epoch's steps, each the mean over its batch.
        "displacement": how far its weight is from its initial value, as a fraction of that. An optimizer such as Adam makes the two
        differ: it moves weights of small gradients too. A weight that starts at 0 is never removed.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    What is removed stays removed; biases are never pruned. "displacement" keeps the initial weights until its last epoch, and needs no
    gradients. The sparsity that comes out depends on data, epsilon and epochs, and
    grows with the number of inputs that are always 0. O(connections) time after those epochs.

    References
    ----------
    "What to prune and what not to prune at initialization", anonymous, under review: equations 3 and 4 (epsilon 1e-6) and
    algorithm 2 (1e-4); the abstract speaks of weights "that remain within a fraction of their initial value", which is "displacement".
    Departures: the paper compares the sum itself with epsilon, which would remove every negative one, and its
    algorithm adds the next epoch's gradients onto the mask; here it is the magnitude, and the sum begins anew with each epoch.

    Examples
    --------
    >>> DissipatingGradients(epsilon=1e-4)
    DissipatingGradients(epsilon=0.0001, epochs=2, by='gradient')
    """

    epsilon: float = 1e-6
    epochs: int = 2
    by: str = "gradient"
    needs: ClassVar[frozenset] = frozenset({"accumulated_gradient"})

    def __post_init__(self) -> None:
        checks.real("DissipatingGradients.epsilon", self.epsilon, 0)
        checks.integer("DissipatingGradients.epochs", self.epochs, 1)
        checks.choice("DissipatingGradients.by", self.by, ("gradient", "displacement"))
        if self.by == "displacement":
            object.__setattr__(self, "needs", frozenset())

    def start(self, view: LayerView, rng: np.random.Generator) -> Any:
        return {"initial": view.values.copy()} if self.by == "displacement" else None

    def check_state(self, view: LayerView, state: Any) -> None:
        if state is not None:
            largest = float(np.finfo(view.data.dtype).max)
            check_entries(self, view, state, initial=Array(view.data.dtype, (view.n_connections,), -largest, largest))

    def needs_at(self, index: int, state: Any, progress: Progress) -> frozenset[str]:
        return self.needs if progress.epoch < self.epochs else frozenset()

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        if progress.epoch >= self.epochs:
            return None, state
        if self.by == "gradient":
            still = np.abs(view.of_connections(view.accumulated_gradient)) < self.epsilon
        else:
            initial = state["initial"]
            still = np.abs(view.values - initial) < self.epsilon * np.abs(initial)
            state = {"initial": initial[~still]} if progress.epoch < self.epochs - 1 else None
        drop = view.slots_of(np.flatnonzero(still))
        return (Change(drop=drop) if drop.size else None), state
