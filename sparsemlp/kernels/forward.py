"""One sparse layer forwards, by output unit: y = dropout(activation(W' x + bias))."""

import numpy as np
from numba import njit, prange

from .common import ACTIVATION, FIRST, KEY, SCALE, SLOPE, THRESHOLD, U, activate, begin, claim, done, fetch, unit_key, wait
from .compile import apart, kernel
from .simd import INNER, lanes, vload, vsplat, vstore
from .simd_math import vdropout
from .simd_products import vfma, vfma4


@njit(**INNER)
def _rows(w, j0, j1, tile, q, x, y, bias, data, perm, inputs, ptr, ints, reals):
    """Block q of the output units [j0, j1) of one batch tile."""
    T = lanes(w)
    n_out = y.shape[1]
    xo = tile * x.shape[1] * T
    yo = tile * n_out * T
    last = q == ptr.shape[0] - 2
    activation, threshold, key, lane0 = ints[ACTIVATION], ints[THRESHOLD], ints[KEY], ints[FIRST] + tile * T
    for j in range(U(j0), U(j1)):
        o = yo + np.int64(j) * T
        acc = vsplat(bias[j], w) if q == 0 else vload(y, o, w)
        k = U(ptr[q, j])
        k1 = U(ptr[q + 1, j])
        k4 = k + ((k1 - k) & ~U(3))
        while k < k4:
            a, b, c = k + U(1), k + U(2), k + U(3)
            acc = vfma4(
                data[perm[k]],
                data[perm[a]],
                data[perm[b]],
                data[perm[c]],
                x,
                xo + np.int64(inputs[k]) * T,
                xo + np.int64(inputs[a]) * T,
                xo + np.int64(inputs[b]) * T,
                xo + np.int64(inputs[c]) * T,
                acc,
            )
            k += U(4)
        while k < k1:
            acc = vfma(data[perm[k]], x, xo + np.int64(inputs[k]) * T, acc)
            k += U(1)
        if last:
            acc = activate(acc, activation, reals[SLOPE])
            if threshold > 0:
                acc = vdropout(acc, unit_key(key, j), lane0, np.uint32(threshold), reals[SCALE])
        vstore(y, o, acc)


@njit(**INNER)
def _thread(t, n_threads, w, x, y, bias, data, perm, inputs, ptr, block, chunks, ticket, ints, reals):
    """One thread's share: its own queue of (tile, chunk) items first, then what the others have left.

    Items run tile by tile, so that a thread stays with a part of the batch and its activations with the thread's cache.
    """
    apart()
    n_blocks, n_chunks = ptr.shape[0] - 1, chunks.size - 1
    items = x.shape[0] * n_chunks
    n_in = x.shape[1]
    fetched = np.int64(-1)
    for v in range(n_threads):
        queue = (t + v) % n_threads
        first = items * queue // n_threads
        m = items * (queue + 1) // n_threads - first
        u = claim(ticket, queue)
        while u < n_blocks * m:
            q = u // m
            item = first + u - q * m
            tile = item // n_chunks
            c = item - tile * n_chunks
            if fetched != tile * n_blocks + q:
                fetched = tile * n_blocks + q
                fetch(w, x, (tile * n_in + q * block) * lanes(w), min(block, n_in - q * block))
            if n_blocks > 1:
                wait(ticket, n_threads, item, q)
            _rows(w, chunks[c], chunks[c + 1], tile, q, x, y, bias, data, perm, inputs, ptr, ints, reals)
            if n_blocks > 1:
                done(ticket, n_threads, item)
            u = claim(ticket, queue)


@kernel
def forward(w, n_threads, x, y, bias, data, perm, inputs, ptr, block, chunks, ticket, ints, reals):
    """Activations of one sparse layer.

    Parameters
    ----------
    w : width tag; n_threads : int
    x : float[tiles, n_in, lanes]
    y : float[tiles, n_out, lanes], overwritten
    bias : float[n_out]
    data : float[connections], in CSR order of (n_in, n_out)
    perm, inputs : uint32[connections], by output unit: position in `data`, input unit
    ptr : uint32[blocks + 1, n_out], block q of unit j is perm[ptr[q, j]:ptr[q + 1, j]]
    block : input units in a block
    chunks : int64[n + 1], bounds of ranges of output units of about equal work
    ticket : int64[8 * n_threads], and 8 * tiles * n more where there are several blocks; scratch
    ints, reals : int64[4], float[3], the layer's epilogue, by the places of `codes.Ints` and `codes.Reals`

    Notes
    -----
    connections * batch multiply-adds. One thread writes a unit's tile, connections are added in the order of the inputs:
    the same bits for any number of threads and blocks.
    """
    begin(ticket)
    for t in prange(n_threads):
        _thread(t, n_threads, w, x, y, bias, data, perm, inputs, ptr, block, chunks, ticket, ints, reals)
