"""`Change`, a plan that a policy makes, and `apply_change`, the only code that rewrites a topology."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import TopologyError
from .checks import INDEX_LIMIT
from .dense_change import apply_to_dense

if TYPE_CHECKING:
    from .dense import DenseWeights
    from .sparse import SparseWeights

CONTENT = {"drop": "slots", "zero": "slots", "grow": "cells"}


@dataclass(frozen=True, eq=False)
class Change:
    """Says what to change in one layer.

    Parameters
    ----------
    drop : int64, ascending
        Slots in the layer's `data` of the connections to remove.
    grow : int64, ascending
        Cells i * n_out + j to connect, which must be empty once `drop` is gone. A connection that is in both starts anew.
    zero : int64, ascending, optional
        Slots in `data` (before the change) whose values become 0. Their connections stay and are trained on; they keep their
        optimizer state. A slot that is in `drop` must not be here.
    values : float[len(grow)], optional
        What the new connections start from; default zeros. Their optimizer state always starts at zero.

    Raises
    ------
    TopologyError
        If a list is not 1-D and integer, or `values` is not aligned with `grow`. What depends on the layer is checked by `apply_change`.

    Examples
    --------
    >>> Change(drop=[0, 3], grow=[7, 9], values=[0.1, -0.1])
    Change(drop 2, grow 2)
    """

    drop: Any = ()
    grow: Any = ()
    zero: Any = None
    values: Any = None

    def __post_init__(self) -> None:
        for name in ("drop", "grow", "zero"):
            object.__setattr__(self, name, _indices(name, getattr(self, name)))
        if self.values is not None:
            values = np.asarray(self.values)
            if values.dtype.kind not in "fiu" or values.shape != self.grow.shape:
                got = f"{values.dtype}{list(values.shape)}"
                raise TopologyError(f"Change.values must be one number for each of the {self.grow.size} in grow; got {got}.")
            object.__setattr__(self, "values", values)

    def __repr__(self) -> str:
        zero = f", zero {self.zero.size}" if self.zero.size else ""
        return f"Change(drop {self.drop.size}, grow {self.grow.size}{zero})"


def _indices(name: str, value: Any) -> np.ndarray:
    array = np.asarray(() if value is None else value)
    if array.size == 0:
        array = np.zeros(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.dtype == np.uint64:
        raise TopologyError(f"Change.{name} must be a 1-D array of {CONTENT[name]}, int64; got {array.dtype}{list(array.shape)}.")
    array = np.ascontiguousarray(array, np.int64).view()
    array.flags.writeable = False
    return array


def apply_change(weights: SparseWeights | DenseWeights, change: Change, aligned: Sequence[np.ndarray] = ()) -> list[np.ndarray]:
    """Change a layer's topology in place: indices, values and optimizer state together, and the index by output unit.

    Parameters
    ----------
    weights : SparseWeights or DenseWeights
        If the number of connections stays the same, so do the arrays of sparse weights, with new content; else they get new ones.
        Survivors keep value and optimizer state bit for bit; `version` changes. A change that only zeroes values leaves the
        topology and the version as they are. Dense weights keep their arrays: what is dropped is masked out (`dense_change.py`), and
        slots count in all of `data`, masked ones included.
    change : Change
    aligned : sequence of float[n]
        Arrays that are aligned with `data` and must stay so, such as gradients.

    Returns
    -------
    list of float[n]
        What `aligned` must be after the change: survivors keep their entry, new connections have 0. The same arrays for dense weights.

    Raises
    ------
    TopologyError
        If a slot or a cell is out of range, out of order, or doubled; a cell to grow is taken; a value is not finite; the layer would
        hold more than 2**31 - 1 connections. Nothing has been changed then.

    Notes
    -----
    Sparse weights: O(connections + units) time. With the number of connections unchanged it takes no second copy of the layer: 1 byte per
    connection and 4 (float64: 8) per new one. All is checked first, and then done in one kernel call or swapped in one
    assignment, so that KeyboardInterrupt comes before or after.
    """
    drop, grow, zero = change.drop, change.grow, change.zero
    weights.require_sound()
    values = np.zeros(grow.size, weights.dtype) if change.values is None else _finite(change.values, weights.dtype)
    marks = _check(weights, drop, zero, grow)
    if weights.is_dense:
        apply_to_dense(weights, change, values)
        return list(aligned)
    if not (drop.size or grow.size):
        weights.data[zero] = 0
        return list(aligned)
    carried = _carried_over(weights, change, aligned)

    from ..kernels.rewrite import rewrite
    from ..kernels.simd import WIDTH

    old = weights._indptr, weights._indices, weights.data, weights.state
    n_kept = weights.n_connections - drop.size
    n = n_kept + grow.size
    if n == weights.n_connections:
        weights.version += 1  # first: an interrupt between here and the end only makes plans that are still valid be built anew
        index = weights._perm, weights._inputs, weights._out_ptr
        rewrite(WIDTH[16], weights.shape[1], *old, n_kept, grow, values, marks, *old, *index)
        return carried
    new = {
        "_indptr": np.empty_like(weights._indptr),
        "_indices": np.empty(n, np.int32),
        "data": np.empty(n, weights.dtype),
        "state": np.empty((weights.state.shape[0], n), weights.dtype),
        "_perm": np.empty(n, np.int32),
        "_inputs": np.empty(n, np.int32),
        "_out_ptr": np.empty_like(weights._out_ptr),
    }
    rewrite(WIDTH[16], weights.shape[1], *old, n_kept, grow, values, marks, *new.values())
    vars(weights).update(new, version=weights.version + 1)
    return carried


def _carried_over(weights: SparseWeights, change: Change, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return arrays that were aligned with sparse weights' data before a change, aligned with it after. O(connections) for each."""
    if not arrays:
        return []
    kept = np.delete(weights.cells, change.drop)
    cells = np.union1d(kept, change.grow)
    at, found = np.searchsorted(cells, kept), []
    for old in arrays:
        new = np.zeros(cells.size, old.dtype)
        new[at] = np.delete(old, change.drop)
        found.append(new)
    return found


def _finite(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Return start values in the layer's dtype, or raise TopologyError."""
    with np.errstate(over="ignore"):
        values = np.array(values, dtype)  # a copy, which `rewrite` uses up
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise TopologyError(f"Change.values must be finite in {dtype}; got {values[bad[0]]} for grow[{bad[0]}].")
    return values


def _check(weights: SparseWeights | DenseWeights, drop: np.ndarray, zero: np.ndarray, grow: np.ndarray) -> np.ndarray:
    """Return the marks that `rewrite` takes, uint8[connections], or raise TopologyError if the change does not fit the layer."""
    n_in, n_out = weights.shape
    n = weights.data.size
    if not weights.is_dense and n - drop.size + grow.size > INDEX_LIMIT:
        raise TopologyError(f"A layer holds at most 2**31 - 1 connections; the change would make {n - drop.size + grow.size}.")

    from ..kernels import rewrite as evolve
    from ..kernels.simd import WIDTH

    # a dense layer's structure is its mask's, which dense_change.py checks: here it counts as rows without connections
    empty = np.zeros(n_in + 1, np.int32), np.zeros(0, np.int32)
    indptr, indices = empty if weights.is_dense else (weights._indptr, weights._indices)
    marks, seen = np.empty(max(n, n - drop.size + grow.size), np.uint8), np.empty(n_out, np.int32)
    fault, q = evolve.find_fault(WIDTH[16], n_out, indptr, indices, n, drop, zero, grow, marks, seen)
    if fault == evolve.NO_FAULT:
        return marks
    stored = f"a slot from 0 to {n - 1} in the layer's data"
    ascending = "above the one before it: ascending, without doubles, is the rule"
    name, array, rule = {
        evolve.DROP_RANGE: ("drop", drop, stored),
        evolve.DROP_ORDER: ("drop", drop, ascending),
        evolve.ZERO_RANGE: ("zero", zero, stored),
        evolve.ZERO_ORDER: ("zero", zero, ascending),
        evolve.ZERO_DROPPED: ("zero", zero, "a connection that stays, and this one is in drop"),
        evolve.GROW_RANGE: ("grow", grow, f"a cell i * {n_out} + j from 0 to {n_in * n_out - 1}"),
        evolve.GROW_ORDER: ("grow", grow, ascending),
        evolve.GROW_TAKEN: ("grow", grow, "an empty cell once drop is gone"),
    }[fault]
    raise TopologyError(f"Change.{name}[{q}] must be {rule}; got {array[q]}. Nothing was changed.")
