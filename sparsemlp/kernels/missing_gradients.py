"""Gradients of connections that do not exist: the largest of them, or those of given places. No dense gradient is ever stored."""

import numpy as np
from numba import njit, prange

from .common import U
from .compile import kernel, single
from .simd import INNER, lanes
from .simd_products import vdot, vdot4


@njit(**INNER)
def _gradient_row(w, i, x, dy, row):
    """row[j] = sum over the batch of x[i] dy[j], for all output units; a fixed order of additions."""
    T = lanes(w)
    n_in, n_out = x.shape[1], dy.shape[1]
    row[:] = 0
    for tile in range(x.shape[0]):
        xo, o = (tile * n_in + i) * T, tile * n_out * T
        j = 0
        while j + 4 <= n_out:
            vdot4(dy, o, o + T, o + 2 * T, o + 3 * T, x, xo, row, j, w)
            o += 4 * T
            j += 4
        while j < n_out:
            s = vdot(dy, o, x, xo, w)
            row[U(j)] += s
            o += T
            j += 1


@njit(**INNER)
def _keep_largest(values, places, n, k):
    """Bring the k largest of values[:n] to the front, in their order, of equal ones the first; returns the smallest of them."""
    bound = np.partition(values[:n], n - k)[n - k]
    above = 0
    for q in range(n):
        above += values[U(q)] > bound
    equal, m = k - above, 0
    for q in range(n):
        v = values[U(q)]
        take = v > bound
        if v == bound and equal > 0:
            equal -= 1
            take = True
        if take:
            values[U(m)], places[U(m)] = v, places[U(q)]
            m += 1
    return bound


@njit(**INNER)
def _scan(w, i0, i1, x, dy, indptr, indices, dropped, k, row, values, places):
    """Collect the k largest gradients among the missing connections of input units [i0, i1); returns how many there are."""
    n_out = dy.shape[1]
    n, bound = 0, x.dtype.type(-1)
    for i in range(i0, i1):
        _gradient_row(w, i, x, dy, row)
        q, end = U(indptr[i]), U(indptr[i + 1])
        start = np.int64(i) * n_out
        for j in range(n_out):
            if q < end and indices[q] == j:
                q += U(1)
                if not dropped[q - U(1)]:
                    continue
            g = abs(row[U(j)])
            if g > bound:
                values[U(n)], places[U(n)] = g, start + j
                n += 1
                if n == values.size:
                    bound, n = _keep_largest(values, places, n, k), k
    if n > k:
        _keep_largest(values, places, n, k)
    return min(n, k)


@njit(**INNER)
def _join(n_threads, k, values, places, counts, out):
    """The k largest of what the threads found, as ascending places."""
    n = 0
    for t in range(n_threads):
        n += counts[t]
    all_values, all_places = np.empty(n, values.dtype), np.empty(n, np.int64)
    m = 0
    for t in range(n_threads):  # threads hold ascending ranges of rows: the places stay in order
        for q in range(counts[t]):
            all_values[m], all_places[m] = values[t, q], places[t, q]
            m += 1
    if n > k:
        _keep_largest(all_values, all_places, n, k)
    out[:] = all_places[:k]


@kernel
def largest_missing(w, n_threads, x, dy, indptr, indices, dropped, k, rows, values, places, counts, out):
    """The places of the missing connections whose gradients are largest in magnitude; of equal ones the first.

    Parameters
    ----------
    w : width tag; n_threads : int
    x : float[tiles, n_in, lanes], the layer's input; zero in the lanes beyond the batch, or dy is
    dy : float[tiles, n_out, lanes], gradient of the loss at the layer's pre-activation
    indptr : int32[n_in + 1], indices : int32[connections], CSR by input unit
    dropped : uint8[connections], 1 where the place counts as missing
    k : int, from 1 to the number of missing places
    rows : float[n_threads, n_out], scratch
    values : float[n_threads, m], places : int64[n_threads, m], scratch; m > k
    counts : int64[n_threads], scratch
    out : int64[k], overwritten: flat places i * n_out + j, ascending

    Notes
    -----
    n_in * n_out * batch multiply-adds. A row of the gradient at a time is in memory; each thread keeps its k best. The same bits for
    any number of threads.
    """
    n_in = x.shape[1]
    for t in prange(n_threads):
        counts[t] = _scan(
            w, n_in * t // n_threads, n_in * (t + 1) // n_threads, x, dy, indptr, indices, dropped, k, rows[t], values[t], places[t]
        )
    _join(n_threads, k, values, places, counts, out)


@single
def gradients_at(w, x, dy, places, out):
    """out[q] = the gradient of the connection at flat place places[q], whether it exists or not; x, dy as in `largest_missing`."""
    T = lanes(w)
    n_in, n_out = x.shape[1], dy.shape[1]
    for q in range(places.size):
        i = places[U(q)] // n_out
        j = places[U(q)] - i * n_out
        s = x.dtype.type(0)
        for tile in range(x.shape[0]):
            s += vdot(dy, (tile * n_out + j) * T, x, (tile * n_in + i) * T, w)
        out[U(q)] = s
