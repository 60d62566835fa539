"""`RandomPruning`: one random mask before training, never changed."""

from dataclasses import dataclass

import numpy as np

from .. import checks
from ..topology.sampling import distinct
from ..weights.change import Change
from .base import LayerView, Policy


@dataclass(frozen=True)
class RandomPruning(Policy):
    """Before the first step remove a fraction p of every layer's connections, chosen at random, for good.

    Parameters
    ----------
    p : float in [0, 1)
        round(p * connections) of each layer go, exactly; each set of so many is equally likely.

    Raises
    ------
    ValueError
        p is not in [0, 1).

    Notes
    -----
    Weights keep the scale they were drawn with, that of the layer before: `Uniform(1 - p)` as the net's topology scales them by
    the connections there are. Biases are never pruned. O(connections) time, once.

    References
    ----------
    "What to prune and what not to prune at initialization", anonymous, under review: what it calls random dropout.

    Examples
    --------
    >>> RandomPruning(p=0.8)
    RandomPruning(p=0.8)
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        checks.fraction("RandomPruning.p", self.p, open_high=True)

    def at_start(self, views: list[LayerView], rngs: list[np.random.Generator]) -> list[Change | None]:
        return [self._change(view, rng) for view, rng in zip(views, rngs, strict=True)]

    def _change(self, view: LayerView, rng: np.random.Generator) -> Change | None:
        n = view.n_connections
        n_removed = round(float(self.p) * n)
        return Change(drop=view.slots_of(distinct(n, n_removed, rng))) if n_removed else None
