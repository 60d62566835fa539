"""Draws without repetition, exactly uniform, in time and memory that follow what is drawn and not what it is drawn from."""

import numpy as np

BLOCK = 2**22
"""Free places listed at once: bounds the memory of full layers, tens of bytes per place."""


def distinct(n: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return k different whole numbers below n, ascending; each set of k is equally likely.

    Parameters
    ----------
    n : int
        0 to 2**62.
    k : int
        0 to n.

    Returns
    -------
    int64[k]

    Notes
    -----
    Draws until k different numbers were seen, each round as many as are missing, so that none is ever thrown away: the set
    of the first k different values of a uniform sequence is uniform. Above n / 2 it draws the numbers to leave out, so at
    most 0.7 n are drawn in all. O(k log k) for the sorting, about 25 k bytes at the peak.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> numbers = distinct(10**18, 5, rng)
    >>> len(np.unique(numbers)), distinct(4, 4, rng)
    (5, array([0, 1, 2, 3]))
    """
    if not 0 <= k <= n <= 2**62:
        raise ValueError(f"k of n numbers needs 0 <= k <= n <= 2**62; got k={k}, n={n}.")
    if k > n // 2:
        keep = np.ones(n, dtype=bool)
        keep[distinct(n, n - k, rng)] = False
        return np.flatnonzero(keep).astype(np.int64, copy=False)
    chosen = np.empty(0, dtype=np.int64)
    while chosen.size < k:
        drawn = rng.integers(n, size=k - chosen.size, dtype=np.int64)
        chosen = _sorted_unique(np.concatenate([chosen, drawn]))
    return chosen


def fill_rows(taken: np.ndarray, wanted: np.ndarray, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Add wanted[r] random free columns to every row r; in a row each set of free columns is equally likely.

    Parameters
    ----------
    taken : int64[n_taken], ascending, distinct
        Flat positions (row * n_columns + column) that exist already.
    wanted : int64[n_rows]
        How many to add to each row, at most what is free there.
    n_columns : int

    Returns
    -------
    int64[n_taken + sum(wanted)]
        Ascending flat positions, the taken ones among them.

    Notes
    -----
    Rows that end at most half full draw and reject as `distinct` does. Fuller rows list their free columns and pick from
    the list, which costs at most twice what they hold. O(k log k) time and O(k) memory for k positions in the result.
    """
    n_rows = len(wanted)
    held = np.bincount(taken // n_columns, minlength=n_rows)
    if np.any(wanted < 0) or np.any(held + wanted > n_columns):
        raise ValueError(f"A row of {n_columns} columns cannot hold more than {n_columns}; got up to {np.max(held + wanted)}.")
    full = held + wanted > n_columns // 2
    picked = _pick_from_list(taken, np.where(full, wanted, 0), n_columns, rng)
    positions = np.sort(np.concatenate([taken, picked]))
    target = held + wanted
    while positions.size < target.sum():
        missing = target - np.bincount(positions // n_columns, minlength=n_rows)
        drawn = np.repeat(np.arange(n_rows, dtype=np.int64) * n_columns, missing)
        drawn += rng.integers(n_columns, size=drawn.size, dtype=np.int64)
        positions = _sorted_unique(np.concatenate([positions, drawn]))
    return positions


def _pick_from_list(taken, wanted, n_columns, rng):
    """Return wanted[r] random free positions of every row r, from the list of all free ones of the rows that want any."""
    rows = np.flatnonzero(wanted)
    n_blocks = max(1, rows.size * n_columns // BLOCK)
    picked = [np.empty(0, dtype=np.int64)]
    for block in np.array_split(rows, n_blocks):
        if not block.size:
            continue
        free = np.ones((block.size, n_columns), dtype=bool)
        low, high = np.searchsorted(taken, [block[0] * n_columns, (block[-1] + 1) * n_columns])
        row, column = np.divmod(taken[low:high], n_columns)
        ours = wanted[row] > 0
        free[np.searchsorted(block, row[ours]), column[ours]] = False
        row, column = np.nonzero(free)
        # a random order within each row, then the first ones of each
        column = column[np.lexsort((rng.random(row.size), row))]
        rank = np.arange(row.size) - np.searchsorted(row, np.arange(block.size))[row]
        chosen = rank < wanted[block][row]
        picked.append(block[row[chosen]] * np.int64(n_columns) + column[chosen])
    return np.concatenate(picked)


def _sorted_unique(values):
    """Sort in place and return the different values."""
    values.sort()
    first = np.empty(values.size, dtype=bool)
    first[:1] = True
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values if first.all() else values[first]
