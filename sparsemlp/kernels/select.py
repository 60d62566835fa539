"""What a change of topology chooses from: the smallest connections, and the empty positions, in O(connections).

Serial, without the GIL.
"""

import numpy as np
from numba import njit

from .common import U
from .compile import single
from .simd import INNER

DIGIT = 11  # bits per pass of the radix sorts: 2048 counters stay in the first-level cache


@single
def count_signs(w, bits):
    """(positive, negative) : how many values have their sign bit clear and set, by their own bits."""
    top, negative = U(8 * bits.itemsize - 1), 0
    for p in range(U(bits.size)):
        negative += U(bits[p]) >> top
    return bits.size - negative, negative


@single
def smallest(w, bits, by_sign, k_positive, k_negative, out):
    """Positions of the values with the smallest magnitudes, ascending; of equal ones the first.

    Parameters
    ----------
    w : width tag, ignored: it carries the version of these sources
    bits : uint32 or uint64 [n], the values' own bits (float32 or float64)
    by_sign : 0 or 1; 1 ranks the values with their sign bit clear and set apart
    k_positive, k_negative : how many, at most what there are; without by_sign k_positive of all, and k_negative = 0
    out : int64[k_positive + k_negative], overwritten

    Notes
    -----
    Radix select: the ordering of magnitudes is that of their bits, so each pass over the values settles the next 11 bits of the
    k-th smallest. 3 passes for float32, 6 for float64, and one that collects. Memory O(1).
    """
    top = U(8 * bits.itemsize - 1)
    magnitude, apart = (U(1) << top) - U(1), U(by_sign)
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
            if (x >> high) == found[sign]:
                counts[sign, (x >> low) - (found[sign] << (high - low))] += 1
        for sign in range(2):
            digit = 0
            while left[sign] > counts[sign, digit]:
                left[sign] -= counts[sign, digit]
                digit += 1
            found[sign] = (found[sign] << (high - low)) | U(digit)
        high = low
    last, last_negative = found
    p, n = U(0), U(0)
    while n < U(out.size):
        x = U(bits[p])
        sign, x = (x >> top) & apart, x & magnitude
        t = last_negative if sign else last
        out[n] = np.int64(p)
        n += U(x < t)
        if x == t and left[sign] > 0:
            left[sign] -= 1
            n += U(1)
        p += U(1)


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
    n_passes = -(-n_bits // DIGIT)
    digit = -(-n_bits // n_passes)
    counts, last = np.empty(1 << digit, np.int64), U((1 << digit) - 1)
    source, target = a, scratch[: a.size]
    for t in range(n_passes):
        low = t * digit
        counts[:] = 0
        for q in range(U(a.size)):
            counts[U(source[q] >> low) & last] += 1
        place = 0
        for d in range(U(counts.size)):
            counts[d], place = place, place + counts[d]
        for q in range(U(a.size)):
            d = U(source[q] >> low) & last
            target[U(counts[d])] = source[q]
            counts[d] += 1
        source, target = target, source
    if n_passes % 2:
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


@single
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
    while (n - 1) >> n_bits > 0:
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


@single
def nth_empty(w, n_out, indptr, indices, dropped, ranks):
    """Replace each rank r by the flat position i * n_out + j of the r-th empty place of a layer.

    Parameters
    ----------
    w : width tag, ignored
    indptr : int32[n_in + 1], indices : int32[connections], CSR by input unit
    dropped : uint8[connections], 1 where the place counts as empty
    ranks : int64, ascending from 0, overwritten
    """
    r, before, m = U(0), 0, U(ranks.size)  # before: empty places in earlier rows
    for i in range(U(indptr.size - 1)):
        k, end = U(indptr[i]), U(indptr[i + U(1)])
        kept, shift = 0, np.int64(i) * n_out - before  # kept: in this row so far
        while k < end and r < m:
            here = ranks[r] - before < indices[k] - kept and not dropped[k]
            ranks[r] += (shift + kept) if here else 0
            kept += np.int64(not (here or dropped[k]))
            r += U(here)
            k += U(not here)
        while k < end:
            kept += 1 - np.int64(dropped[k])
            k += U(1)
        before += n_out - kept
        while r < m and ranks[r] < before:
            ranks[r] += shift + kept
            r += U(1)
