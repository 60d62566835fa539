"""Slow, obvious twins of sparsemlp/kernels/select.py and evolve.py: same names, but they return instead of writing."""

import numpy as np

NO_FAULT, DROP_RANGE, DROP_ORDER, ZERO_RANGE, ZERO_ORDER, ZERO_DROPPED, GROW_RANGE, GROW_ORDER, GROW_TAKEN = range(9)


def count_signs(values):
    return int(np.sum(~np.signbit(values))), int(np.sum(np.signbit(values)))


def smallest(values, by_sign, k_positive, k_negative):
    def first(candidates, k):
        return sorted(candidates, key=lambda p: (abs(values[p]), p))[:k]

    positions = range(len(values))
    if not by_sign:
        return sorted(first(positions, k_positive))
    positive = [p for p in positions if not np.signbit(values[p])]
    negative = [p for p in positions if np.signbit(values[p])]
    return sorted(first(positive, k_positive) + first(negative, k_negative))


def splitmix64(x):
    x = x % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def distinct(key, n, m):
    """One number after the other; those that are too large or were seen before do not count."""
    if 2 * m > n:
        return sorted(set(range(n)) - set(distinct(key, n, n - m)))
    seen, counter = set(), 0
    while len(seen) < m:
        counter += 1
        x = splitmix64(key + counter * 0x9E3779B97F4A7C15) % 2 ** (n - 1).bit_length()
        if x < n:
            seen.add(x)
    return sorted(seen)


def rows_of(indptr):
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def nth_empty(n_out, indptr, indices, dropped, ranks):
    taken = np.zeros((len(indptr) - 1, n_out), bool)
    taken[rows_of(indptr), indices] = dropped == 0
    return np.flatnonzero(~taken)[ranks]


def find_fault(n_out, indptr, indices, n, drop, zero, grow):
    for q, p in enumerate(drop):
        if not 0 <= p < n:
            return DROP_RANGE, q
        if q and p <= drop[q - 1]:
            return DROP_ORDER, q
    for q, p in enumerate(zero):
        if not 0 <= p < n:
            return ZERO_RANGE, q
        if q and p <= zero[q - 1]:
            return ZERO_ORDER, q
        if p in drop:
            return ZERO_DROPPED, q
    for q, p in enumerate(grow):
        if not 0 <= p < (len(indptr) - 1) * n_out:
            return GROW_RANGE, q
        if q and p <= grow[q - 1]:
            return GROW_ORDER, q
    kept = np.delete(rows_of(indptr) * n_out + indices, drop)
    for q, p in enumerate(grow):
        if p in kept:
            return GROW_TAKEN, q
    return NO_FAULT, 0


def rewrite(n_out, indptr, indices, data, state, drop, zero, grow, values):
    """(flat positions, data, state) after the change, by way of a dictionary."""
    columns = np.vstack([data, state])
    columns[0, zero] = 0
    layer = dict(zip(rows_of(indptr) * n_out + indices, columns.T, strict=True))
    for flat in (rows_of(indptr) * n_out + indices)[drop]:
        del layer[flat]
    for flat, value in zip(grow, values, strict=True):
        assert flat not in layer
        layer[flat] = np.array([value] + [0] * len(state), data.dtype)
    flat = np.array(sorted(layer), np.int64)
    columns = np.array([layer[f] for f in flat], data.dtype).reshape(len(flat), 1 + len(state)).T
    return flat, columns[0], columns[1:]
