"""Rewriting a topology in O(connections): is a change sound, and the change itself.

Serial, without the GIL. All lists are sorted by position, so that each step is one pass from front to back, or back to front.
"""

import numpy as np
from numba import njit

from .common import U
from .compile import single
from .index import transpose_index
from .simd import INNER

NO_FAULT, DROP_RANGE, DROP_ORDER, ZERO_RANGE, ZERO_ORDER, ZERO_DROPPED, GROW_RANGE, GROW_ORDER, GROW_TAKEN = range(9)
STAY, DROP, ZERO, NEW = range(4)  # marks of connections


@single
def find_fault(w, n_out, indptr, indices, n, drop, zero, grow, marks, seen):
    """(fault, place) : the first rule that a change breaks, and where in its list; NO_FAULT if it may be applied.

    Parameters
    ----------
    w : width tag, ignored
    indptr : int32[n_in + 1], indices : int32[connections], CSR by input unit; without content for a dense layer
    n : connections
    drop, zero, grow : int64, of any content; see `rewrite`
    marks : uint8[n] at least, overwritten: DROP, ZERO, or 0 for the connections that stay as they are
    seen : int32[n_out], overwritten
    """
    marks[:] = 0
    for q in range(drop.size):
        if drop[q] < 0 or drop[q] >= n:
            return DROP_RANGE, q
        if q and drop[q] <= drop[q - 1]:
            return DROP_ORDER, q
        marks[U(drop[q])] = DROP
    for q in range(zero.size):
        if zero[q] < 0 or zero[q] >= n:
            return ZERO_RANGE, q
        if q and zero[q] <= zero[q - 1]:
            return ZERO_ORDER, q
        if marks[U(zero[q])] == DROP:
            return ZERO_DROPPED, q
        marks[U(zero[q])] = ZERO
    for q in range(grow.size):
        if grow[q] < 0 or grow[q] >= (indptr.size - 1) * n_out:
            return GROW_RANGE, q
        if q and grow[q] <= grow[q - 1]:
            return GROW_ORDER, q
    seen[:] = -1  # the last row that keeps a connection to this output unit
    q = U(0)
    for i in range(U(indptr.size - 1)):
        row = np.int32(i)
        for k in range(U(indptr[i]), U(indptr[i + U(1)])):
            seen[U(indices[k])] = -1 if marks[k] == DROP else row
        start = np.int64(i) * n_out
        while q < U(grow.size) and grow[q] - start < n_out:
            if seen[U(grow[q] - start)] == row:
                return GROW_TAKEN, np.int64(q)
            q += U(1)
    return NO_FAULT, 0


@njit(**INNER)
def _compact(indptr, indices, data, state, marks, new_indptr, new_indices, new_data, new_state):
    """Move the connections that are not dropped to the front."""
    n, zero = U(indices.size), data.dtype.type(0)
    while n and marks[n - U(1)] == DROP:
        n -= U(1)  # so that no write goes past the kept ones
    place, start = U(0), U(0)
    for i in range(U(indptr.size - 1)):
        stop = U(indptr[i + U(1)])
        for k in range(start, min(stop, n)):
            mark, value = marks[k], data[k]  # selects, not branches: they are taken at random
            new_indices[place] = indices[k]
            new_data[place] = zero if mark == ZERO else value
            place += U(mark != DROP)
        start = stop
        new_indptr[i + U(1)] = place
    new_indptr[0] = 0
    for s in range(U(state.shape[0])):
        place = U(0)
        for k in range(n):
            new_state[s, place] = state[s, k]
            place += U(marks[k] != DROP)


@njit(**INNER)
def _make_room(n_out, grow, indptr, indices, columns, marks):
    """Count the new connections into indptr; mark their places among all with NEW, and the kept ones' with STAY."""
    marks[:] = STAY
    k, g = U(0), U(0)
    for i in range(U(indptr.size - 1)):
        last = U(indptr[i + U(1)])
        start = np.int64(i) * n_out
        while g < U(grow.size) and grow[g] - start < n_out:
            column = grow[g] - start
            while k < last and indices[k] < column:
                k += U(1)
            columns[g] = column
            marks[k + g] = NEW
            g += U(1)
        k = last
        indptr[i + U(1)] = last + g


@njit(**INNER)
def _spread(n_kept, new, marks, a):
    """Move a[:n_kept] to the places marked STAY and the new entries to those marked NEW, from the back."""
    k, g = U(n_kept), U(new.size)
    place = k + g
    while g:
        place -= U(1)  # not computed from k and g: the marks must not wait for them
        source = k - U(k > U(0))
        insert, entry, value = marks[place] == NEW, new[g - U(1)], a[source]
        a[place] = entry if insert else value
        g -= U(insert)
        k -= U(not insert)


@single
def rewrite(
    w, n_out, indptr, indices, data, state, n_kept, grow, values, marks,
    new_indptr, new_indices, new_data, new_state, perm, inputs, out_ptr,
):  # fmt: skip
    """Remove connections, set some to zero, add others, and index the result by output unit.

    Parameters
    ----------
    w : width tag, ignored
    indptr : int32[n_in + 1], indices : int32[connections], data : float[connections], state : float[k, connections]
    n_kept : connections that are not dropped
    grow : int64, ascending flat positions i * n_out + j that are empty after the drop
    values : float[grow.size]
    marks : uint8[max(connections before, after)], of `find_fault`, overwritten
    new_indptr, new_indices, new_data, new_state : overwritten, for n_kept + grow.size connections; with as many as before these
        may be the old arrays themselves
    perm, inputs, out_ptr : overwritten; see `transpose_index`

    Notes
    -----
    The kept connections move to the front, then, from the back, to their places among the new ones: no memory beside the arrays.
    """
    _compact(indptr, indices, data, state, marks, new_indptr, new_indices, new_data, new_state)
    if grow.size:
        columns = perm[: grow.size]  # free until the end
        _make_room(n_out, grow, new_indptr, new_indices, columns, marks[: new_indices.size])
        _spread(n_kept, columns, marks, new_indices)
        _spread(n_kept, values, marks, new_data)
        values[:] = 0
        for s in range(new_state.shape[0]):
            _spread(n_kept, values, marks, new_state[s])
    transpose_index(w, new_indptr, new_indices, perm, inputs, out_ptr)
