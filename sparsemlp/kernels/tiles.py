"""A batch of rows into feature-major tiles, and back."""

import numpy as np
from numba import njit, prange

from .common import U
from .compile import kernel, single
from .simd import INNER, lanes
from .simd_math import transpose_block


@njit(**INNER)
def _columns(w, square, X, rows, x, tile, f0, f1, offsets):
    """Features [f0, f1) of the samples of one tile; full squares by shuffles, the rest one by one."""
    T, B = lanes(w), lanes(square)
    F = X.shape[1]
    Xf, xf = X.ravel(), x.ravel()
    r0, r1 = tile * T, min(rows.size, (tile + 1) * T)
    r_square = r0 + (r1 - r0) // B * B
    f_square = f0 + (f1 - f0) // B * B
    o = tile * F * T - r0  # of feature 0 and row 0
    for r in range(r0, r_square, B):
        for f in range(f0, f_square, B):
            for i in range(B):
                offsets[i] = rows[r + i] * F + f
            transpose_block(Xf, offsets, xf, o + r + f * T, T, square)
    for r in range(r0, r1):
        for f in range(U(f0 if r >= r_square else f_square), U(f1)):
            xf[U(o + r) + f * U(T)] = Xf[U(rows[r]) * U(F) + f]
    for r in range(r1, r0 + T):
        for f in range(U(f0), U(f1)):
            xf[U(o + r) + f * U(T)] = 0


@njit(**INNER)
def _share(t, n_threads, w, square, X, rows, x, offsets):
    """One thread's part of all features of all tiles, tile by tile: the tiles that it begins with in the layers."""
    F, B = X.shape[1], lanes(square)
    n = (F + B - 1) // B
    p0, p1 = x.shape[0] * n * t // n_threads, x.shape[0] * n * (t + 1) // n_threads
    for tile in range(p0 // n, (p1 + n - 1) // n):
        f0, f1 = max(p0 - tile * n, 0) * B, min((p1 - tile * n) * B, F)
        _columns(w, square, X, rows, x, tile, f0, f1, offsets)


@kernel
def to_tiles(w, n_threads, square, X, rows, x, offsets):
    """x[tile, feature, lane] = X[rows[tile * lanes + lane], feature], zero in the lanes beyond the batch.

    Parameters
    ----------
    w, square : width tags, of the tiles and of the squares to transpose (at most as wide); n_threads : int
    X : any real or integer dtype [n_samples, n_features], C order; rows : int64[n_batch], unchecked
    x : float[tiles, n_features, lanes], overwritten
    offsets : int64[n_threads, 16], scratch
    """
    for t in prange(n_threads):
        _share(t, n_threads, w, square, X, rows, x, offsets[t])


@single
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


@single
def from_tiles(w, y, out):
    """out[sample, unit] = y[tile, unit, lane] for the out.shape[0] samples of the batch."""
    T = lanes(w)
    for r in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[r, j] = y[r // T, j, np.int64(r % T)]
