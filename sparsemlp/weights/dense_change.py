"""Changes of dense layers: what is removed is masked out, and stays exactly zero with zero optimizer state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import TopologyError

if TYPE_CHECKING:
    from .change import Change
    from .dense import DenseWeights


def apply_to_dense(weights: DenseWeights, change: Change, values: np.ndarray) -> None:
    """Apply a change whose lists are in range, ascending and disjoint where they must be.

    Parameters
    ----------
    weights : DenseWeights
    change : Change
    values : float[len(change.grow)]

    Raises
    ------
    TopologyError
        If a slot to drop or to zero is masked already, or a cell to grow is taken. Nothing has been changed then.

    Notes
    -----
    O(k log k) time for k slots and cells; the first removal makes the mask, 1 byte a weight. Values become 0 before they are masked and are
    unmasked before they get a value, so that whatever interrupts leaves a valid layer.
    """
    drop, grow, zero = change.drop, change.grow, change.zero
    removed: Any = weights.removed
    if removed is not None:
        for name, slots in (("drop", drop), ("zero", zero)):
            _refuse(name, slots, removed[slots], "a connection that exists, and this one was removed before")
    taken = np.ones(grow.size, bool) if removed is None else ~removed[grow]
    taken &= ~np.isin(grow, drop, assume_unique=True)
    _refuse("grow", grow, taken, "an empty cell once drop is gone")
    weights.data[zero] = 0
    for row in (weights.data, *weights.state):
        row[drop] = 0
    if removed is None and drop.size:
        mask = np.zeros(weights.data.size, bool)
        mask[drop] = True
        weights.removed = removed = mask
        weights.version += 1  # what was prebuilt knows of no mask
    elif drop.size:
        removed[drop] = True
    if grow.size:
        removed[grow] = False
        weights.data[grow] = values


def _refuse(name: str, array: np.ndarray, wrong: np.ndarray, rule: str) -> None:
    if wrong.any():
        q = int(np.flatnonzero(wrong)[0])
        raise TopologyError(f"Change.{name}[{q}] must be {rule}; got {array[q]}. Nothing was changed.")
