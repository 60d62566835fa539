"""`AnnealedPruning`: zero the largest weights of a layer epoch after epoch, let some back in, and cut in the end."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..schedules import Annealed
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .select import largest_magnitude, smallest_magnitude
from .state_checks import Array, Number, check_entries


@dataclass(frozen=True)
class AnnealedPruning(Policy):
    """Annealed pruning (AP) of one layer: a mask that grows from epoch to epoch zeroes weights, and becomes permanent at last.

    After epoch e = 1 ... n_epochs, with n = n_epochs - post - first + 1 pruning epochs, i = e - first + 1 from 1 to n, M weights
    and k = round(keep * M):

    1. among the unmasked weights the largest by magnitude are masked, so that
       M_e = k + (M - k) * max(0, (n - i) / (2 i mu + n)) stay unmasked;
    2. every masked weight becomes 0; it stays trainable;
    3. a random subset of the masked is unmasked, floor(c * a) of them: c were masked before this epoch, a is drawn from
       U(0, reentry * (n - i) / (n - 1)).

    At i = n nothing is unmasked, and what is masked is removed for good: exactly k connections remain.

    Parameters
    ----------
    layer : int
        Of the net, from 0.
    keep : float in (0, 1]
        The paper's p.
    mu : float, >= 0
    first : int, >= 1
        First pruning epoch, counted from 1; the paper's `start`.
    post : int, >= 1
        Epochs after the last pruning. (With 0 it would fall after the last epoch, when no policy is asked.)
    target : {"largest", "smallest"}
        What is masked. "smallest" is the usual magnitude pruning, with re-entry.
    reentry : float in [0, 1)
        Bound of the share that is unmasked, at the first pruning epoch; it falls to 0.
    permanent : bool
        Remove what step 1 masks at once and for good, without re-entry: the paper leaves it to later work. The layer turns sparse as soon
        as few enough remain, and the epochs after that are faster.

    Raises
    ------
    ValueError
        A setting out of its range; after the first epoch of a run that is too short to prune in.

    Notes
    -----
    Until the last pruning the layer stays as it is stored, dense or sparse, and nothing gets faster; then it turns sparse. A
    pruning costs O(stored weights), the state 1 byte for each. Of equal magnitudes the first are masked. Biases are not pruned.

    References
    ----------
    Bartoldson, Barbu, Erlebacher, "Enhancing the regularization effect of weight pruning in artificial neural networks",
    algorithm 3. The paper says of the re-entry only that b < 1 falls to 0; `reentry` and its linear fall are our choice. Its masked
    weights count in re-entry as "pruned_ct", taken before the epoch's masking, as here.

    Examples
    --------
    >>> AnnealedPruning(layer=0, keep=0.1)
    AnnealedPruning(layer=0, keep=0.1, mu=1.0, first=3, post=3, target='largest', reentry=0.5, permanent=False)
    """

    layer: int
    keep: float = 0.1
    mu: float = 1.0
    first: int = 3
    post: int = 3
    target: str = "largest"
    reentry: float = 0.5
    permanent: bool = False

    def __post_init__(self) -> None:
        checks.integer("AnnealedPruning.layer", self.layer, 0)
        checks.fraction("AnnealedPruning.keep", self.keep, open_low=True)
        checks.real("AnnealedPruning.mu", self.mu, 0)
        checks.integer("AnnealedPruning.first", self.first, 1)
        checks.integer("AnnealedPruning.post", self.post, 1, fix="No policy is asked after the last epoch.")
        checks.choice("AnnealedPruning.target", self.target, ("largest", "smallest"))
        checks.fraction("AnnealedPruning.reentry", self.reentry, open_high=True)
        checks.instance("AnnealedPruning.permanent", self.permanent, bool, "True or False")

    def check_state(self, view: LayerView, state: Any) -> None:
        if state is not None:
            rules = {"size": Number(int, 1)} if self.permanent else {"masked": Array(np.uint8, (view.n_connections,), 0, 1)}
            check_entries(self, view, state, **rules)

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        if view.index != self.layer:
            return None, state
        n = progress.n_epochs - self.post - self.first + 1
        if n < 1:
            raise ValueError(
                f"{self} must have at least one epoch to prune after; got a run of {progress.n_epochs}. Train for "
                f"{self.first + self.post} epochs or more, or lower first and post."
            )
        i = progress.epoch + 1 - self.first + 1
        if not 1 <= i <= n:
            return None, state
        values = view.values
        if not values.size:
            return None, state
        if self.permanent:
            size = values.size if state is None else state["size"]
            at = self._choose(values, values.size - self._n_unmasked(size, i, n))
            return (Change(drop=view.slots_of(at)) if at.size else None), {"size": size} if i < n else None
        masked = np.zeros(values.size, bool) if state is None else state["masked"].astype(bool)
        before = np.count_nonzero(masked)
        masked = self._mask(values, masked, i, n)
        at = np.flatnonzero(masked)
        slots = view.slots_of(at)
        if i == n:
            return (Change(drop=slots) if at.size else None), None
        share = rng.random() * self.reentry * (n - i) / (n - 1)
        masked[rng.choice(at, int(before * share), replace=False)] = False
        return (Change(zero=slots) if at.size else None), {"masked": masked.astype(np.uint8)}

    def _mask(self, values: np.ndarray, masked: np.ndarray, i: int, n: int) -> np.ndarray:
        """Return the mask after pruning i of n: the old one, and of the unmasked as many as leave M_e of them."""
        unmasked = np.flatnonzero(~masked)
        masked = masked.copy()
        masked[unmasked[self._choose(values[unmasked], unmasked.size - self._n_unmasked(values.size, i, n))]] = True
        return masked

    def _n_unmasked(self, size: int, i: int, n: int) -> int:
        """Return M_e after pruning i of n of a layer that began with `size` connections."""
        n_kept = max(1, round(self.keep * size))
        return round(size * Annealed(n_kept / size, self.mu)(i, n))

    def _choose(self, values: np.ndarray, count: int) -> np.ndarray:
        """Return where the `count` values are that the target names; none if it is below 1."""
        return (largest_magnitude if self.target == "largest" else smallest_magnitude)(values, max(0, count))
