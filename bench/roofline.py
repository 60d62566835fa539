"""What this machine can do at most: the bandwidth of its caches to rows read in random order, and its sgemm."""

import numpy as np
from numba import njit, prange

from sparsemlp.kernels.simd import INNER, KERNEL, WIDTH, lanes, vadd, vload, vsplat, vstore

ROW_READS = 1 << 15  # of a thread in one call


@njit(**INNER)
def _read(w, t, a, order, out):
    acc = vsplat(a.dtype.type(0), w)
    T = lanes(w)
    for k in range(order.size):
        acc = vadd(acc, vload(a, (t * a.shape[1] + order[k]) * T, w))
    vstore(out, t * T, acc)


@njit(parallel=True, **KERNEL)
def read_rows(w, n_threads, a, order, out):
    """Each thread t adds the rows a[t, order[k]] of `lanes` floats, one after another; a : float[n_threads, rows, lanes]."""
    for t in prange(n_threads):
        _read(w, t, a, order, out)


def reader(n_bytes, row_lanes, n_threads):
    """(call, bytes that it reads): random rows of `row_lanes` floats from `n_bytes` a thread."""
    rows = max(n_bytes // (4 * row_lanes), 1)
    a, out = np.zeros((n_threads, rows, row_lanes), np.float32), np.zeros((n_threads, row_lanes), np.float32)
    order = np.random.default_rng(0).integers(0, rows, ROW_READS).astype(np.uint64)
    return lambda: read_rows(WIDTH[row_lanes], n_threads, a, order, out), 4 * row_lanes * ROW_READS * n_threads


def sgemm(n_out, n_in, batch):
    """(call, floating-point operations): float32[n_out, n_in] @ float32[n_in, batch]."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((n_out, n_in), np.float32), rng.standard_normal((n_in, batch), np.float32)
    out = np.empty((n_out, batch), np.float32)
    return lambda: np.matmul(a, b, out=out), 2 * n_out * n_in * batch
