"""`FSA`: feature selection with annealing, which removes small connections after every step."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..schedules import Annealed
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .layer_choice import check_layers, is_for, n_possible, smallest
from .state_checks import Number, check_entries


@dataclass(frozen=True)
class FSA(Policy):
    """Feature selection with annealing: after each step keep only the M_e connections of largest magnitude.

    With M possible connections of the layer, k = round(keep * M), N steps in the run and e = 1 ... N,
    M_e = k + (M - k) * max(0, (N - 2 e) / (2 e mu + N)): half of the run removes, the other half trains what is left.

    Parameters
    ----------
    keep : float in (0, 1]
        Fraction of a layer's possible connections that remains.
    mu : float, >= 0
        The larger, the more goes early.
    every : int, >= 1
        Steps between two removals, each to the M_e of its own step. 1 is the algorithm; more costs less.
    layers : tuple of int, optional
        Layers to prune, counted from 0; default: all.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    Removal is final. Of equal magnitudes the first go. Biases are not pruned. A removal costs O(n_in * n_out) for a dense layer,
    O(connections) for a sparse one, as much as a small part of a step of batch 100; in the second half of the run steps cost nothing.

    References
    ----------
    Barbu, She, Ding, Gramajo, "Feature selection with annealing for computer vision and big data learning", 2017; algorithm 2 of
    Bartoldson, Barbu, Erlebacher. Theirs selects among the weights of a linear model; here it is for each layer apart.

    Examples
    --------
    >>> FSA(keep=0.1)
    FSA(keep=0.1, mu=1.0, every=1, layers=None)
    """

    keep: float = 0.1
    mu: float = 1.0
    every: int = 1
    layers: tuple | None = None

    def __post_init__(self) -> None:
        checks.fraction("FSA.keep", self.keep, open_low=True)
        checks.real("FSA.mu", self.mu, 0)
        checks.integer("FSA.every", self.every, 1)
        object.__setattr__(self, "layers", check_layers("FSA.layers", self.layers))

    def start(self, view: LayerView, rng: np.random.Generator) -> Any:
        return {"done": False} if is_for(self.layers, view) else None

    def check_state(self, view: LayerView, state: Any) -> None:
        if state is not None:
            check_entries(self, view, state, done=Number(bool))

    def on_step(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        if state is None or state["done"]:
            return None, state
        e = progress.fit_step + 1
        n_steps = progress.n_epochs * progress.n_steps
        over = 2 * e >= n_steps
        if e % self.every and not over:
            return None, state
        possible = n_possible(view)
        n_kept = round(possible * Annealed(max(1, round(self.keep * possible)) / possible, self.mu, until=0.5)(e, n_steps))
        drop = smallest(view, n_kept)
        return (Change(drop=drop) if drop.size else None), {"done": over}
