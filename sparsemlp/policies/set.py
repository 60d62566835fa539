"""`SET`: between epochs, replace the connections closest to zero by random ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..schedules import as_schedule
from ..weights.change import Change
from .base import LayerView, Policy, Progress, warn_if_full
from .select import smallest_by_sign


@dataclass(frozen=True)
class SET(Policy):
    """Sparse evolutionary training: between epochs i and i + 1 replace a fraction zeta_i of each sparse layer.

    Parameters
    ----------
    zeta : float in [0, 1) or schedule
        Fraction of the connections; called with the epoch just finished. Constant 0.3 is SET; a decaying zeta is EXD or LDV,
        an oscillating one OSV.
    by : {"sign", "magnitude"}
        "sign": remove the floor(zeta * n) smallest of the n positive weights and the floor(zeta * n) largest of the n negative
        ones; a weight of exactly 0 is the smallest positive one. "magnitude": the floor(zeta * connections) smallest of all by |w|.
        Of equal weights the one in the first slot is removed first.
    new : {"zero", "threshold", "initializer"}
        What a new connection starts from. "zero": 0, as in the code released with the second paper. "threshold": a normal draw whose
        deviation is half the largest magnitude that this change removes, so that hardly any enters above the threshold and displaces
        what was learned. "initializer": a draw of the layer's initializer, the scale of a whole new net: weights as large as the
        trained ones, which then are the next to go.

    Raises
    ------
    ValueError
        zeta, at construction or what its schedule returns, is not in [0, 1).

    Notes
    -----
    As many connections grow as are removed, in empty cells, each equally likely; those just emptied are among them. The number
    of connections never changes. New ones start with zero optimizer state, the others keep value and state bit for bit. Full layers,
    such as dense ones without a mask, are left alone. O(connections) time; about 1 + 24 zeta bytes per connection while it decides.

    References
    ----------
    Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network
    science", Nature Communications 2018, algorithm 1 (its smallest positive and largest negative weights are our "sign").
    Chouliaras, Fragkou, Katsaros, "Feed forward neural network sparsification with dynamic pruning", PCI 2021 (the schedules
    of zeta; its pseudo-code counts epochs from 1, its code and this one from 0). Departures: the number of connections is kept
    exactly, and new cells are exactly uniform over the empty ones, drawn without repetition. The code released with the
    second paper computes the evolved masks but never applies them; here they are applied.

    Examples
    --------
    >>> SET()
    SET(zeta=0.3, by='sign', new='zero')
    >>> SET(zeta=30)
    Traceback (most recent call last):
    ValueError: SET.zeta must be in [0, 1); got 30. Fractions, not percent.
    """

    zeta: float | Callable[[float, float], float] = 0.3
    by: str = "sign"
    new: str = "zero"

    def __post_init__(self) -> None:
        if callable(self.zeta):
            as_schedule(self.zeta, "SET.zeta", 0, 1)
        else:
            checks.fraction("SET.zeta", self.zeta, open_high=True)
        checks.choice("SET.by", self.by, ("sign", "magnitude"))
        checks.choice("SET.new", self.new, ("zero", "threshold", "initializer"))

    def zeta_at(self, epoch: int, n_epochs: int) -> float:
        """Return the fraction replaced after this epoch, checked."""
        value = as_schedule(self.zeta)(epoch, n_epochs)
        return checks.fraction(f"SET.zeta at epoch {epoch}", value, open_high=True)

    def warn_before(self, network: Any, n_epochs: int, n_steps: int) -> None:
        warn_if_full(self, network)

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        zeta = self.zeta_at(progress.epoch, progress.n_epochs)
        if view.n_connections == view.shape[0] * view.shape[1]:
            return None, state
        by_sign = self.by == "sign"
        drop = view.slots_of(smallest_by_sign(view.values, zeta)) if by_sign else view.smallest(int(zeta * view.n_connections))
        if not drop.size:
            return None, state
        grow = view.draw_empty(drop.size, rng, drop)
        values = None
        if self.new == "initializer":
            values = view.sample(grow.size, rng)
        elif self.new == "threshold":
            values = (rng.standard_normal(grow.size) * (np.abs(view.data[drop]).max() / 2)).astype(view.data.dtype)
        return Change(drop=drop, grow=grow, values=values), state
