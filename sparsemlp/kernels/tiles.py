"""A batch of rows into feature-major tiles, and back."""

import numpy as np
from numba import njit, prange

from .common import U
from .simd import INNER, KERNEL, lanes
from .simd_math import transpose_block


@njit(**INNER)
def _columns(w, square, X, rows, x, f0, f1, offsets):
    """Features [f0, f1) of all samples; full squares by shuffles, the rest one by one."""
    T, B = lanes(w), lanes(square)
    n, F = rows.size, X.shape[1]
    Xf, xf = X.ravel(), x.ravel()
    n_square = n // B * B
    f_square = f0 + (f1 - f0) // B * B
    for r in range(0, n_square, B):
        o = (r // T) * F * T + r % T
        for f in range(f0, f_square, B):
            for i in range(B):
                offsets[i] = rows[r + i] * F + f
            transpose_block(Xf, offsets, xf, o + f * T, T, square)
    for r in range(n):
        o = (r // T) * F * T + r % T
        for f in range(U(f0 if r >= n_square else f_square), U(f1)):
            xf[U(o) + f * U(T)] = Xf[U(rows[r]) * U(F) + f]
    for r in range(n, x.shape[0] * T):
        o = (r // T) * F * T + r % T
        for f in range(U(f0), U(f1)):
            xf[U(o) + f * U(T)] = 0


@njit(parallel=True, **KERNEL)
def to_tiles(w, square, n_threads, X, rows, x, offsets):
    """x[tile, feature, lane] = X[rows[tile * lanes + lane], feature], zero in the lanes beyond the batch.

    Parameters
    ----------
    w, square : width tags, of the tiles and of the squares to transpose (at most as wide)
    X : any real or integer dtype [n_samples, n_features], C order; rows : int64[n_batch], unchecked
    x : float[tiles, n_features, lanes], overwritten
    offsets : int64[n_threads, 16], scratch
    """
    F, B = X.shape[1], lanes(square)
    for t in prange(n_threads):
        f1 = F if t == n_threads - 1 else F * (t + 1) // n_threads // B * B
        _columns(w, square, X, rows, x, F * t // n_threads // B * B, f1, offsets[t])


@njit(**KERNEL)
def to_tiles_serial(w, square, n_threads, X, rows, x, offsets):
    """`to_tiles` by the calling thread alone."""
    _columns(w, square, X, rows, x, 0, X.shape[1], offsets[0])


@njit(**KERNEL)
def csr_to_tiles(w, data, indices, indptr, rows, x):
    """`to_tiles` of the rows of a CSR matrix (data, indices, indptr); entries that stand twice are added."""
    T = lanes(w)
    F = x.shape[1]
    xf = x.ravel()
    for k in range(xf.size):
        xf[k] = 0
    for r in range(rows.size):
        o = (r // T) * F * T + r % T
        for p in range(indptr[rows[r]], indptr[rows[r] + 1]):
            xf[o + np.int64(indices[p]) * T] += data[p]


@njit(**KERNEL)
def from_tiles(w, y, out):
    """out[sample, unit] = y[tile, unit, lane] for the out.shape[0] samples of the batch."""
    T = lanes(w)
    for r in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[r, j] = y[r // T, j, np.int64(r % T)]
