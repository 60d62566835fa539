"""Changing a topology in O(connections): which connections are smallest, which positions are empty, and the rewriting itself.

Serial, without the GIL. All lists are sorted by position, so that each step is one merge from front to back, or back to front.
"""

import numpy as np
from numba import njit

from .common import U
from .index import transpose_index
from .simd import INNER, KERNEL

DIGIT = 11  # bits per pass of the radix sorts: 2048 counters stay in the first-level cache
NO_FAULT, DROP_RANGE, DROP_ORDER, ZERO_RANGE, ZERO_ORDER, ZERO_DROPPED, GROW_RANGE, GROW_ORDER, GROW_TAKEN = range(9)


# ---- which are smallest ----
@njit(**KERNEL)
def count_signs(w, values):
    """(positive, negative) : how many values are above and below 0."""
    positive, negative = 0, 0
    for p in range(U(values.size)):
        positive += values[p] > 0
        negative += values[p] < 0
    return positive, negative


@njit(**KERNEL)
def smallest(w, bits, by_sign, k_positive, k_negative, out):
    """Positions of the values with the smallest magnitudes, ascending; of equal ones the first.

    Parameters
    ----------
    w : width tag, ignored: it carries the version of these sources
    bits : uint32 or uint64 [n], the values' own bits (float32 or float64)
    by_sign : 0 or 1; 1 ranks positive and negative values apart and zeros not at all
    k_positive, k_negative : how many, at most what there are; without by_sign k_positive of all, and k_negative = 0
    out : int64[k_positive + k_negative], overwritten

    Notes
    -----
    Radix select: the ordering of magnitudes is that of their bits, so each pass over the values settles the next 11 bits of the
    k-th smallest. 3 passes for float32, 6 for float64, and one that collects. Memory O(1).
    """
    top = U(8 * bits.itemsize - 1)
    magnitude = (U(1) << top) - U(1)
    apart = U(by_sign)
    counts = np.empty((2, 1 << DIGIT), np.int64)
    found = np.zeros(2, np.uint64)  # the leading bits of the k-th smallest, for each sign
    left = np.array([k_positive, k_negative])  # its rank among the values that share them
    high = top
    while high > U(0):
        low = high - min(high, U(DIGIT))
        counts[:] = 0
        for p in range(U(bits.size)):
            x = U(bits[p])
            sign, x = (x >> top) & apart, x & magnitude
            if (x >> high) == found[sign] and (x != U(0) or not apart):
                counts[sign, (x >> low) - (found[sign] << (high - low))] += 1
        for sign in range(2):
            digit = 0
            while left[sign] > counts[sign, digit]:
                left[sign] -= counts[sign, digit]
                digit += 1
            found[sign] = (found[sign] << (high - low)) | U(digit)
        high = low
    p, n = U(0), U(0)
    while n < U(out.size):
        x = U(bits[p])
        sign, x = (x >> top) & apart, x & magnitude
        out[n] = np.int64(p)
        tie = U(x == found[sign]) & U(left[sign] > 0)
        left[sign] -= np.int64(tie)
        n += (tie | U(x < found[sign])) & (U(x != U(0)) | (apart ^ U(1)))
        p += U(1)


# ---- which are empty ----
@njit(**INNER)
def _draw(key, counter, mask, n, out, first):
    """Fill out[first:] with numbers below n, each equally likely, by a counter hash; returns the counter after them."""
    for q in range(U(first), U(out.size)):
        x = U(n)
        while x >= U(n):
            counter += U(1)
            x = U(key) + counter * U(0x9E3779B97F4A7C15)  # splitmix64
            x = (x ^ (x >> U(30))) * U(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> U(27))) * U(0x94D049BB133111EB)
            x = (x ^ (x >> U(31))) & mask
        out[q] = np.int64(x)
    return counter


@njit(**INNER)
def _sort(a, scratch, n_bits):
    """Sort numbers below 2**n_bits by a least-significant-digit radix sort; scratch : int64[a.size] at least, overwritten."""
    counts = np.empty(1 << DIGIT, np.int64)
    source, target = a, scratch[: a.size]
    low = 0
    while low < n_bits:
        counts[:] = 0
        for q in range(U(a.size)):
            counts[U(source[q] >> low) & U((1 << DIGIT) - 1)] += 1
        place = 0
        for d in range(U(counts.size)):
            counts[d], place = place, place + counts[d]
        for q in range(U(a.size)):
            d = U(source[q] >> low) & U((1 << DIGIT) - 1)
            target[U(counts[d])] = source[q]
            counts[d] += 1
        source, target = target, source
        low += DIGIT
    if (low // DIGIT) % 2:
        a[:] = source


@njit(**INNER)
def _unite(a, n, scratch):
    """Make a[:n] and a[n:], each ascending, the first unrepeated, one ascending unrepeated list; returns its length."""
    new, q = 0, 0
    for f in range(n, a.size):
        x = a[f]
        while q < n and a[q] < x:
            q += 1
        if not ((q < n and a[q] == x) or (new and scratch[new - 1] == x)):
            scratch[new] = x
            new += 1
    length, q = n + new, n
    for place in range(length - 1, -1, -1):
        if new == 0:
            break
        if q and a[q - 1] > scratch[new - 1]:
            q -= 1
            a[place] = a[q]
        else:
            new -= 1
            a[place] = scratch[new]
    return length


@njit(**KERNEL)
def distinct(w, key, n, out, scratch):
    """Different numbers below n, ascending; every set of out.size is equally likely.

    Parameters
    ----------
    w : width tag, ignored
    key : uint64; the same key gives the same numbers
    n : at least out.size, at most 2**62
    out : int64, overwritten
    scratch : int64[out.size], overwritten

    Notes
    -----
    Draws until out.size different numbers were seen, each round as many as are missing, so that none is ever thrown away: the
    first different values of a uniform sequence are a uniform set. If more than half are wanted, those to leave out are drawn.
    """
    few = min(out.size, n - out.size)
    chosen = out[:few]
    n_bits = 0
    while n - 1 >> n_bits:
        n_bits += 1
    mask = (U(1) << U(n_bits)) - U(1)
    counter, m = U(0), 0
    while m < few:
        counter = _draw(key, counter, mask, n, chosen, m)
        _sort(chosen[m:], scratch, n_bits)
        m = _unite(chosen, m, scratch)
    if few < out.size:
        scratch[:few] = chosen
        place, f = 0, 0
        for x in range(n):
            if f < few and scratch[f] == x:
                f += 1
            else:
                out[place] = x
                place += 1


@njit(**KERNEL)
def nth_empty(w, n_out, indptr, indices, drop, ranks):
    """Replace each rank r by the flat position i * n_out + j of the r-th empty place of a layer.

    Parameters
    ----------
    w : width tag, ignored
    indptr : int32[n_in + 1], indices : int32[connections], CSR by input unit
    drop : int64, ascending positions among the connections; their places count as empty
    ranks : int64, ascending from 0, overwritten
    """
    r, d, before = 0, 0, 0  # before: empty places in earlier rows
    for i in range(indptr.size - 1):
        kept = 0
        for k in range(indptr[i], indptr[i + 1]):
            if d < drop.size and drop[d] == k:
                d += 1
                continue
            while r < ranks.size and ranks[r] - before < indices[k] - kept:
                ranks[r] += i * n_out - before + kept
                r += 1
            kept += 1
        while r < ranks.size and ranks[r] - before < n_out - kept:
            ranks[r] += i * n_out - before + kept
            r += 1
        before += n_out - kept


# ---- the change itself ----
@njit(**KERNEL)
def find_fault(w, n_out, indptr, indices, n, drop, zero, grow):
    """(fault, place) : the first rule that a change breaks, and where in its list; NO_FAULT if it may be applied.

    Parameters
    ----------
    w : width tag, ignored
    indptr : int32[n_in + 1], indices : int32[connections], CSR by input unit; both without content for a dense layer
    n : connections
    drop, zero, grow : int64, of any content; see `rewrite`
    """
    for q in range(drop.size):
        if drop[q] < 0 or drop[q] >= n:
            return DROP_RANGE, q
        if q and drop[q] <= drop[q - 1]:
            return DROP_ORDER, q
    d = 0
    for q in range(zero.size):
        if zero[q] < 0 or zero[q] >= n:
            return ZERO_RANGE, q
        if q and zero[q] <= zero[q - 1]:
            return ZERO_ORDER, q
        while d < drop.size and drop[d] < zero[q]:
            d += 1
        if d < drop.size and drop[d] == zero[q]:
            return ZERO_DROPPED, q
    for q in range(grow.size):
        if grow[q] < 0 or grow[q] >= (indptr.size - 1) * n_out:
            return GROW_RANGE, q
        if q and grow[q] <= grow[q - 1]:
            return GROW_ORDER, q
    q, d = 0, 0
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            if d < drop.size and drop[d] == k:
                d += 1
                continue
            place = i * n_out + indices[k]
            while q < grow.size and grow[q] < place:
                q += 1
            if q < grow.size and grow[q] == place:
                return GROW_TAKEN, q
    return NO_FAULT, 0


@njit(**INNER)
def _move(k, indices, data, state, place, new_indices, new_data, new_state):
    new_indices[place] = indices[k]
    new_data[place] = data[k]
    for s in range(state.shape[0]):
        new_state[s, place] = state[s, k]


@njit(**KERNEL)
def rewrite(
    w, n_out, indptr, indices, data, state, drop, zero, grow, values,
    new_indptr, new_indices, new_data, new_state, perm, inputs, out_ptr,
):  # fmt: skip
    """Remove connections, set some to zero, add others, and index the result by output unit.

    Parameters
    ----------
    w : width tag, ignored
    indptr : int32[n_in + 1], indices : int32[connections], data : float[connections], state : float[k, connections]
    drop, zero : int64, ascending positions among the connections, none in both
    grow : int64, ascending flat positions i * n_out + j that are empty after the drop
    values : float[grow.size], or float[0] for zeros
    new_indptr, new_indices, new_data, new_state : overwritten, for connections - drop.size + grow.size connections; with as many
        as before these may be the old arrays themselves
    perm, inputs, out_ptr : overwritten; see `transpose_index`

    Notes
    -----
    First the kept connections move to the front, then, from the back, they make room for the added ones: no other memory.
    """
    n_in, n_kept = indptr.size - 1, indices.size - drop.size
    last, d = indices.size, drop.size  # from `last` on all are dropped, so that no write goes past the kept ones
    while d and drop[d - 1] == last - 1:
        d -= 1
        last -= 1
    n_drop = d
    d, z, place, start = 0, 0, 0, 0
    for i in range(n_in):
        end = indptr[i + 1]
        for k in range(start, min(end, last)):
            _move(k, indices, data, state, place, new_indices, new_data, new_state)
            if z < zero.size and zero[z] == k:
                new_data[place] = 0
                z += 1
            dropped = d < n_drop and drop[min(d, n_drop - 1)] == k
            d += dropped
            place += not dropped
        start = end
        new_indptr[i + 1] = place
    new_indptr[0] = 0
    place, g = n_kept + grow.size, grow.size
    for i in range(n_in - 1, -1, -1):
        if g == 0:
            break
        k, first = new_indptr[i + 1], new_indptr[i]
        new_indptr[i + 1] = place
        while place > first and (k > first or (g and grow[g - 1] >= i * n_out)):
            place -= 1
            if g and grow[g - 1] >= i * n_out and (k == first or grow[g - 1] - i * n_out > new_indices[k - 1]):
                g -= 1
                new_indices[place] = grow[g] - i * n_out
                new_data[place] = values[g] if values.size else 0
                for s in range(new_state.shape[0]):
                    new_state[s, place] = 0
            else:
                k -= 1
                _move(k, new_indices, new_data, new_state, place, new_indices, new_data, new_state)
    transpose_index(w, new_indptr, new_indices, perm, inputs, out_ptr)
