"""Draws without repetition, exactly uniform, in time and memory that follow what is drawn and not what it is drawn from."""

import numpy as np

BLOCK = 2**20
"""Cells of full rows listed at once, some 20 bytes each: bounds the memory beyond one row."""


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
    of the first k different values of a uniform sequence is uniform. Above n / 16 they are marked in n bytes instead of sorted,
    and above n / 2 the marks are those to leave out. O(k log k) time, about 25 k bytes at the peak.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> numbers = distinct(10**18, 5, rng)
    >>> len(np.unique(numbers)), distinct(4, 4, rng)
    (5, array([0, 1, 2, 3]))
    """
    if not 0 <= k <= n <= 2**62:
        raise ValueError(f"k of n numbers needs 0 <= k <= n <= 2**62; got k={k}, n={n}.")
    if n < 16 * k:
        marked, n_marks, few = np.zeros(n, dtype=bool), 0, min(k, n - k)
        while n_marks < few:
            marked[rng.integers(n, size=few - n_marks, dtype=np.int64)] = True
            n_marks = int(np.count_nonzero(marked))
        return np.flatnonzero(marked if few == k else ~marked).astype(np.int64, copy=False)
    chosen = np.empty(0, dtype=np.int64)
    while chosen.size < k:
        chosen = _merged(chosen, rng.integers(n, size=k - chosen.size, dtype=np.int64))
    return chosen


def fill_rows(taken: np.ndarray, wanted: np.ndarray, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Add wanted[r] random free columns to every row r; in a row each set of free columns is equally likely.

    Parameters
    ----------
    taken : int64[n_taken], ascending, distinct
        Cells (row * n_columns + column) that are filled already.
    wanted : int64[n_rows]
        How many to add to each row, at most what is free there.
    n_columns : int

    Returns
    -------
    int64[n_taken + sum(wanted)]
        Cells, ascending, the taken ones among them.

    Notes
    -----
    Rows that end at most half full draw and reject as `distinct` does. Fuller rows list their free columns and pick from
    the list, which costs at most twice what they hold. O(k log k) time and O(k) memory for k cells in the result.
    """
    n_rows = len(wanted)
    held = np.bincount(taken // n_columns, minlength=n_rows)
    if np.any(wanted < 0) or np.any(held + wanted > n_columns):
        raise ValueError(f"A row of {n_columns} columns cannot hold more than {n_columns}; got up to {np.max(held + wanted)}.")
    full = held + wanted > n_columns // 2
    picked = _pick_from_list(taken, np.where(full, wanted, 0), n_columns, rng)
    cells = np.sort(np.concatenate([taken, picked]))
    target = held + wanted
    while cells.size < target.sum():
        missing = target - np.bincount(cells // n_columns, minlength=n_rows)
        drawn = np.repeat(np.arange(n_rows, dtype=np.int64) * n_columns, missing)
        drawn += rng.integers(n_columns, size=drawn.size, dtype=np.int64)
        cells = _merged(cells, drawn)
    return cells


def _pick_from_list(taken: np.ndarray, wanted: np.ndarray, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Return wanted[r] random free cells of every row r, from a random order of all columns of the rows that want any."""
    rows = np.flatnonzero(wanted)
    picked = [np.empty(0, dtype=np.int64)]
    for block in np.array_split(rows, min(rows.size, rows.size * n_columns // BLOCK) or 1):
        if not block.size:
            continue
        order = rng.random((block.size, n_columns))
        low, high = np.searchsorted(taken, [block[0] * n_columns, (block[-1] + 1) * n_columns])
        row, column = np.divmod(taken[low:high], n_columns)
        ours = wanted[row] > 0
        order[np.searchsorted(block, row[ours]), column[ours]] = 2.0  # after every free column
        columns = np.argsort(order, axis=1)
        columns += block[:, None] * n_columns
        picked.append(columns[np.arange(n_columns) < wanted[block, None]])
    return np.concatenate(picked)


def _merged(chosen: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the different values of both, ascending; `chosen` is so already, `drawn` is overwritten. Sorts only `drawn`."""
    drawn.sort()
    new = np.ones(drawn.size, dtype=bool)
    np.not_equal(drawn[1:], drawn[:-1], out=new[1:])
    at = np.searchsorted(chosen, drawn)
    inside = at < chosen.size
    new[inside] &= chosen[at[inside]] != drawn[inside]
    if chosen.size == 0:
        return drawn[new]
    return np.insert(chosen, at[new], drawn[new])
