"""`RigL`: every some steps, replace the smallest connections by those whose gradients are largest."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import checks
from ..weights.change import Change
from .base import LayerView, Policy, Progress, warn_if_full

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RigL(Policy):
    """Rigged lottery: grow where the gradient of a connection that does not exist is largest.

    After step t of a run of T steps, if t is a multiple of `every` and t < until * T, each layer drops its
    floor(f * connections) smallest weights by magnitude, f = fraction / 2 * (1 + cos(pi t / (until * T))), and grows as many
    connections, those of the largest |dL/dw| in that step's batch among all that do not exist once the others are dropped.

    Parameters
    ----------
    fraction : float in [0, 1)
        alpha, the fraction replaced at first; it falls to 0 by a cosine.
    every : int, >= 1
        Steps between two changes.
    until : float in (0, 1]
        Fraction of the run in which the topology changes; the rest trains the last one.
    candidates : int, optional
        Look only at so many cells, drawn at random among the empty ones (or at as many as grow, if those are more). Default: at all.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    Any topology does; the paper's ERK is `ErdosRenyi` for layers without convolution. The number of connections never changes;
    new ones start at 0 with zero optimizer state. Full layers are left alone. A change costs n_in * n_out * batch multiply-adds a
    layer, as a dense layer's gradient, which is never stored: a row of it at a time, and 24 bytes a thread for each connection that
    grows. With `candidates` it costs candidates * batch. Other steps cost microseconds. Of equal ones the first go.

    References
    ----------
    Evci, Gale, Menick, Castro, Elsen, "Rigging the lottery: making all tickets winners", ICML 2020, algorithm 1 and section 3.
    Departures: there a change takes the place of the optimizer's step, here it follows it, so the gradients are those at the
    weights before this step; t counts steps from 1. `candidates` is ours, for layers too wide to look at everywhere.

    Examples
    --------
    >>> RigL()
    RigL(fraction=0.3, every=100, until=0.75, candidates=None)
    """

    needs: ClassVar[frozenset] = frozenset({"growth_gradient"})
    fraction: float = 0.3
    every: int = 100
    until: float = 0.75
    candidates: int | None = None

    def __post_init__(self) -> None:
        checks.fraction("RigL.fraction", self.fraction, open_high=True)
        checks.integer("RigL.every", self.every, 1)
        checks.fraction("RigL.until", self.until, open_low=True)
        if self.candidates is not None:
            checks.integer("RigL.candidates", self.candidates, 1)

    def fraction_after(self, t: int, n_steps: int) -> float:
        """Return the fraction that is replaced after step t, from 1, of a run of n_steps; 0 where nothing is."""
        end = self.until * n_steps
        if t % self.every or t >= end:
            return 0.0
        return self.fraction / 2 * (1 + math.cos(math.pi * t / end))

    def _fraction_now(self, progress: Progress) -> float:
        return self.fraction_after(progress.fit_step + 1, progress.n_epochs * progress.n_steps)

    def needs_at(self, index: int, state: Any, progress: Progress) -> frozenset[str]:
        return self.needs if self._fraction_now(progress) else NOTHING

    def warn_before(self, network: Any, n_epochs: int, n_steps: int) -> None:
        warn_if_full(self, network)

    def on_step(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        fraction = self._fraction_now(progress)
        if not fraction:
            return None, state
        n_connections = view.n_connections
        n = int(fraction * n_connections)
        if not n or n_connections == view.shape[0] * view.shape[1]:
            return None, state
        drop = view.smallest(n)
        return Change(drop=drop, grow=view.steepest(n, drop, candidates=self.candidates, rng=rng)), state
