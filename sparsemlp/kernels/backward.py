"""One sparse layer backwards, by input unit: dX, the gradient of the weights and the optimizer's update in one pass."""

import numpy as np
from numba import njit, prange

from .atomics import atomic_add, atomic_load, atomic_take
from .common import ACTIVATION, FIRST, KEEP, KEY, SCALE, SLOPE, THRESHOLD, U, activate_back, begin, done, fetch, unit_key, wait
from .compile import apart, kernel
from .simd import INNER, lanes, vload, vscale, vsplat, vstore, vsum
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
def _gradients(w, tile0, tile1, i0, i1, q, x, dy, dx, data, outputs, ptr, block, scratch, s0, ints, reals, prefetch_dy):
    """Block q of the input units [i0, i1), some tiles: dw from scratch[s0], behind it the units' sums of dX; returns how many dw."""
    T = lanes(w)
    n_in, n_out = x.shape[1], dy.shape[1]
    last = q == ptr.shape[0] - 2
    activation, threshold, key, first = ints[ACTIVATION], ints[THRESHOLD], ints[KEY], ints[FIRST]
    need_dx = dx.size > 0
    n = np.int64(0)
    for i in range(U(i0), U(i1)):
        n += np.int64(ptr[q + 1, i]) - np.int64(ptr[q, i])
    sums = s0 + n - i0
    for k in range(U(s0), U(s0 + n + (i1 - i0))):
        scratch[k] = 0
    for tile in range(tile0, tile1):
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
                        g = vdropout(g, unit_key(key, i), first + tile * T, np.uint32(threshold), reals[SCALE])
                        y = vscale(reals[KEEP], y)
                    g = activate_back(y, g, activation, reals[SLOPE])
                    scratch[sums + np.int64(i)] += vsum(g)
                vstore(dx, xo, g)
            else:
                _unit_no_dx(w, k0, k1, outputs, dy, do, x, xo, scratch, d)
            d += np.int64(k1 - k0)
    return n


@njit(**INNER)
def _apply(n, n_groups, stride, i0, i1, q, sums, dbias_in, data, ptr, state, scratch, s0, rule, hyper):
    """Add up what the groups left `stride` apart, in their order: the sums of dX and, at once used by the update, n times dw."""
    for group in range(1, n_groups):
        for k in range(U(s0), U(s0 + n + sums * (i1 - i0))):
            scratch[k] += scratch[k + U(group * stride)]
    for i in range(i0, i0 + sums * (i1 - i0)):
        dbias_in[i] = scratch[s0 + n + i - i0]
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
    bias, dbias, bias_state, slots, ints, reals, rule, hyper, bias_hyper,
):  # fmt: skip
    """One thread's share: its own queue of items first, then one at a time of what the others have left.

    An item is taken only when its slot is free, so that a thread that holds one never waits for a slot: no deadlock.
    """
    apart()
    n_tiles, n_blocks, n_chunks = x.shape[0], ptr.shape[0] - 1, chunks.size - 1
    n_groups, n_parts, n_slots, size = slots.shape
    n_queues, scratch = n_groups * n_parts, slots.ravel()
    arrived, freed, passes = n_queues, n_queues + n_parts * n_slots, n_queues + 2 * n_parts * n_slots
    fetched = np.int64(-1)
    home = queue = np.int64(t)
    unfinished = n_queues  # queues that may hold items, as far as a walk around them has shown
    while unfinished > 0:
        group, part = queue // n_parts, queue % n_parts
        first = n_chunks * part // n_parts
        m = n_chunks * (part + 1) // n_parts - first
        u = atomic_load(ticket, 8 * queue)
        if u >= n_blocks * m:
            unfinished -= 1
            queue = (queue + 1) % n_queues
            continue
        unfinished = n_queues
        slot = part * n_slots + u % n_slots
        if atomic_load(ticket, 8 * (freed + slot)) < u // n_slots:  # a group lags behind: help it
            queue = (queue + 1) % n_queues
            continue
        if not atomic_take(ticket, 8 * queue, u):
            continue
        q = u // m
        c = first + u - q * m
        i0, i1 = chunks[c], chunks[c + 1]
        tile0, tile1 = n_tiles * group // n_groups, n_tiles * (group + 1) // n_groups
        if n_blocks > 1:
            wait(ticket, passes, group * n_chunks + c, q)
        n = _gradients(w, tile0, tile1, i0, i1, q, x, dy, dx, data, outputs, ptr, block, scratch, (group * n_parts * n_slots + slot) * size,
                       ints, reals, tile1 - tile0 > 1 or fetched != tile0 * n_blocks + q)  # fmt: skip
        fetched = tile0 * n_blocks + q
        if n_blocks > 1:
            done(ticket, passes, group * n_chunks + c)
        if atomic_add(ticket, 8 * (arrived + slot), 1) % n_groups == n_groups - 1:
            sums = dx.size > 0 and q == n_blocks - 1
            _apply(n, n_groups, n_parts * n_slots * size, i0, i1, q, sums, dbias_in, data, ptr, state, scratch, slot * size, rule, hyper)
            atomic_add(ticket, 8 * (freed + slot), 1)
        if n_threads < n_queues:  # nobody else works for some group: stay, changing tiles at every item would cost more
            home = queue
        queue = home
    j0, j1 = bias.size * t // n_threads, bias.size * (t + 1) // n_threads
    update(j0, j1, bias, dbias, j0, bias_state, rule, bias_hyper)


@kernel
def backward(
    w, n_threads, x, dy, dx, dbias_in, data, outputs, ptr, block, chunks, ticket, state,
    bias, dbias, bias_state, slots, ints, reals, rule, hyper, bias_hyper,
):  # fmt: skip
    """Gradients of one sparse layer, and its update.

    Parameters
    ----------
    w : width tag; n_threads : int
    x : float[tiles, n_in, lanes], the layer's input; zero in the lanes beyond the batch of its last tile, or dy is
    dy : float[tiles, n_out, lanes], gradient of the loss at the layer's pre-activation
    dx : float[tiles, n_in, lanes], overwritten with the gradient at the *pre-activation* of the layer below; empty: not needed; x itself,
        if there is one block
    dbias_in : float[n_in], overwritten with the sums of dx over the batch
    data : float[connections], updated; outputs : uint32[connections]; both in CSR order of (n_in, n_out)
    ptr : uint32[blocks + 1, n_in], block q of unit i is data[ptr[q, i]:ptr[q + 1, i]]
    block : output units in a block
    chunks : int64[n + 1], bounds of ranges of input units of about equal work
    ticket : int64[8 * (groups * parts + 2 * parts * slots)], and 8 * groups * n more where there are several blocks; scratch
    state : float[k, connections], the optimizer's, updated; bias, bias_state : likewise; dbias : float[n_out]
    slots : float[groups, parts, slots, connections + units of the largest chunk + 4], scratch; at most as many groups as tiles, at
        least n_threads parts of all groups
    ints, reals : activation and dropout of the layer *below*, as in `forward`
    rule, hyper, bias_hyper : see `update`

    Notes
    -----
    2 * connections * batch multiply-adds, half without dx. The tiles of the batch are cut into groups, and each thread begins with
    one group, as in `forward`: the group's activations and gradients stay in its cache. A queue's items are the chunks of one part
    of the layer for one group, block after block. The weights' gradient never exists as a whole: each group sums an item's part of it
    in a slot, tile after tile; who brings the last group's adds the slots up in the order of the groups, updates the weights and frees
    the slots for a later chunk. The same bits for any number of threads.
    """
    begin(ticket)
    for t in prange(n_threads):
        _thread(t, n_threads, w, x, dy, dx, dbias_in, data, outputs, ptr, block, chunks, ticket, state,
                bias, dbias, bias_state, slots, ints, reals, rule, hyper, bias_hyper)  # fmt: skip
