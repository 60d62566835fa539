"""One sparse layer backwards, by input unit: dX, the gradient of the weights and the optimizer's update in one pass."""

import numpy as np
from numba import njit, prange

from .common import U, activate_back, begin, claim, done, fetch, unit_key, wait
from .simd import INNER, KERNEL, lanes, vload, vscale, vsplat, vstore, vsum
from .simd_math import vdropout
from .simd_products import vback4, vdot, vdot4, vfma
from .update import update


@njit(**INNER)
def _unit(w, k, k1, outputs, data, dy, do, x, xo, g, dw, d):
    """g + sum of w dY over one input unit's connections; dw[d:] += <dY, x>. No branch in the loop: it would make LLVM spill."""
    T = lanes(w)
    k4 = k + ((k1 - k) & ~U(3))
    while k < k4:
        a, b, c = k + U(1), k + U(2), k + U(3)
        g = vback4(
            data[k],
            data[a],
            data[b],
            data[c],
            dy,
            do + np.int64(outputs[k]) * T,
            do + np.int64(outputs[a]) * T,
            do + np.int64(outputs[b]) * T,
            do + np.int64(outputs[c]) * T,
            x,
            xo,
            g,
            dw,
            d,
        )
        k += U(4)
        d += 4
    while k < k1:
        o = do + np.int64(outputs[k]) * T
        g = vfma(data[k], dy, o, g)
        s = vdot(dy, o, x, xo, w)
        dw[d] += s
        k += U(1)
        d += 1
    return g


@njit(**INNER)
def _unit_no_dx(w, k, k1, outputs, dy, do, x, xo, dw, d):
    T = lanes(w)
    k4 = k + ((k1 - k) & ~U(3))
    while k < k4:
        a, b, c = k + U(1), k + U(2), k + U(3)
        vdot4(
            dy,
            do + np.int64(outputs[k]) * T,
            do + np.int64(outputs[a]) * T,
            do + np.int64(outputs[b]) * T,
            do + np.int64(outputs[c]) * T,
            x,
            xo,
            dw,
            d,
            w,
        )
        k += U(4)
        d += 4
    while k < k1:
        s = vdot(dy, do + np.int64(outputs[k]) * T, x, xo, w)
        dw[d] += s
        k += U(1)
        d += 1


@njit(**INNER)
def _rows(w, i0, i1, q, x, dy, dx, dbias_in, data, outputs, ptr, block, state, scratch, s0, ints, reals, rule, hyper, prefetch_dy):
    """Block q of the input units [i0, i1): tile by tile, then their update."""
    T = lanes(w)
    n_tiles, n_in, n_out = x.shape[0], x.shape[1], dy.shape[1]
    last = q == ptr.shape[0] - 2
    activation, threshold, key = ints[0], ints[1], ints[2]
    need_dx = dx.size > 0
    d = np.int64(s0)
    for i in range(U(i0), U(i1)):
        d += np.int64(ptr[q + 1, i]) - np.int64(ptr[q, i])
    for k in range(U(s0), U(d)):
        scratch[k] = 0
    for tile in range(n_tiles):
        do = tile * n_out * T
        if prefetch_dy:
            fetch(w, dy, do + q * block * T, min(block, n_out - q * block))
        d = np.int64(s0)
        for i in range(U(i0), U(i1)):
            k0, k1 = U(ptr[q, i]), U(ptr[q + 1, i])
            xo = (tile * n_in + np.int64(i)) * T
            if need_dx:
                g = vsplat(x.dtype.type(0), w) if q == 0 else vload(dx, xo, w)
                g = _unit(w, k0, k1, outputs, data, dy, do, x, xo, g, scratch, d)
                if last:
                    y = vload(x, xo, w)
                    if threshold > 0:
                        g = vdropout(g, unit_key(key, i), tile * T, np.uint32(threshold), reals[1])
                        y = vscale(reals[2], y)
                    g = activate_back(y, g, activation, reals[0])
                    s = vsum(g)
                    dbias_in[i] = dbias_in[i] + s if tile else s
                vstore(dx, xo, g)
            else:
                _unit_no_dx(w, k0, k1, outputs, dy, do, x, xo, scratch, d)
            d += np.int64(k1 - k0)
    if ptr.shape[0] == 2:  # one block: the units' connections lie side by side
        update(ptr[0, i0], ptr[1, i1 - 1], data, scratch, s0, state, rule, hyper)
    else:
        d = np.int64(s0)
        for i in range(U(i0), U(i1)):
            update(ptr[q, i], ptr[q + 1, i], data, scratch, d, state, rule, hyper)
            d += np.int64(ptr[q + 1, i]) - np.int64(ptr[q, i])


@njit(**INNER)
def _thread(
    t, n_threads, w, x, dy, dx, dbias_in, data, outputs, ptr, block, chunks, ticket, state,
    bias, dbias, bias_state, scratch, ints, reals, rule, hyper, bias_hyper,
):  # fmt: skip
    n_blocks, n_chunks = ptr.shape[0] - 1, chunks.size - 1
    s0 = t * (scratch.size // n_threads)
    fetched = np.int64(-1)
    for v in range(n_threads):
        queue = (t + v) % n_threads
        first = n_chunks * queue // n_threads
        m = n_chunks * (queue + 1) // n_threads - first
        u = claim(ticket, queue)
        while u < n_blocks * m:
            q = u // m
            c = first + u - q * m
            if n_blocks > 1:
                wait(ticket, n_threads, c, q)
            _rows(w, chunks[c], chunks[c + 1], q, x, dy, dx, dbias_in, data, outputs, ptr, block, state, scratch, s0,
                  ints, reals, rule, hyper, x.shape[0] > 1 or fetched != q)  # fmt: skip
            fetched = q
            if n_blocks > 1:
                done(ticket, n_threads, c)
            u = claim(ticket, queue)
    j0, j1 = bias.size * t // n_threads, bias.size * (t + 1) // n_threads
    update(j0, j1, bias, dbias, j0, bias_state, rule, bias_hyper)


@njit(parallel=True, **KERNEL)
def backward(
    w, n_threads, x, dy, dx, dbias_in, data, outputs, ptr, block, chunks, ticket, state,
    bias, dbias, bias_state, scratch, ints, reals, rule, hyper, bias_hyper,
):  # fmt: skip
    """Gradients of one sparse layer, and its update.

    Parameters
    ----------
    w : width tag; n_threads : int
    x : float[tiles, n_in, lanes], the layer's input; zero in the lanes beyond the batch of its last tile, or dy is
    dy : float[tiles, n_out, lanes], gradient of the loss at the layer's pre-activation
    dx : float[tiles, n_in, lanes], overwritten with the gradient at the *pre-activation* of the layer below; empty: not needed
    dbias_in : float[n_in], overwritten with the sums of dx over the batch
    data : float[connections], updated; outputs : uint32[connections]; both in CSR order of (n_in, n_out)
    ptr : uint32[blocks + 1, n_in], block q of unit i is data[ptr[q, i]:ptr[q + 1, i]]
    block : output units in a block
    chunks : int64[n + 1], bounds of ranges of input units of about equal work
    ticket : int64[8 * (n_threads + n)], scratch
    state : float[k, connections], the optimizer's, updated; bias, bias_state : likewise; dbias : float[n_out]
    scratch : float[n_threads * (connections of the largest chunk + 4)]
    ints, reals : activation and dropout of the layer *below*, as in `forward`
    rule, hyper, bias_hyper : see `update`

    Notes
    -----
    2 * connections * batch multiply-adds, half without dx. The weights' gradient never exists as a whole: a chunk's is summed in
    `scratch`, tile after tile, and used at once. One thread owns a unit: the same bits for any number of threads.
    """
    begin(ticket)
    for t in prange(n_threads):
        _thread(t, n_threads, w, x, dy, dx, dbias_in, data, outputs, ptr, block, chunks, ticket, state,
                bias, dbias, bias_state, scratch, ints, reals, rule, hyper, bias_hyper)  # fmt: skip


@njit(**KERNEL)
def backward_serial(
    w, n_threads, x, dy, dx, dbias_in, data, outputs, ptr, block, chunks, ticket, state,
    bias, dbias, bias_state, scratch, ints, reals, rule, hyper, bias_hyper,
):  # fmt: skip
    """`backward` by the calling thread alone."""
    begin(ticket)
    _thread(0, 1, w, x, dy, dx, dbias_in, data, outputs, ptr, block, chunks, ticket, state,
            bias, dbias, bias_state, scratch, ints, reals, rule, hyper, bias_hyper)  # fmt: skip
