"""What policies choose from: the smallest connections of a layer, and its empty cells."""

import numpy as np

from .. import checks


def smallest_magnitude(values: np.ndarray, k: int) -> np.ndarray:
    """Return the indices of the k values closest to zero.

    Parameters
    ----------
    values : float32 or float64 [n]
    k : int from 0 to n

    Returns
    -------
    int64[k]
        Ascending. Of equal magnitudes the first are taken.

    Notes
    -----
    A radix select, O(n) time and no memory beside the result. NaN ranks above infinity.

    Examples
    --------
    >>> smallest_magnitude(np.array([3.0, -1.0, 0.5, 1.0]), 2)
    array([1, 2])
    """
    values = np.asarray(values)
    k = checks.integer("k", k, 0, values.size)
    return _smallest(values, 0, k, 0)


def largest_magnitude(values: np.ndarray, k: int) -> np.ndarray:
    """Return the indices of the k values farthest from zero.

    Parameters
    ----------
    values : float32 or float64 [n]
    k : int from 0 to n

    Returns
    -------
    int64[k]
        Ascending. Of equal magnitudes the first are taken. O(n).

    Examples
    --------
    >>> largest_magnitude(np.array([3.0, -1.0, 0.5, 1.0]), 2)
    array([0, 1])
    """
    values = np.asarray(values)
    taken = np.ones(values.size, bool)
    taken[values.size - 1 - smallest_magnitude(values[::-1], values.size - checks.integer("k", k, 0, values.size))] = False
    return np.flatnonzero(taken)


def smallest_by_sign(values: np.ndarray, fraction: float) -> np.ndarray:
    """Return the indices of the fraction of the positive values closest to zero, and of the same fraction of the negative ones.

    Parameters
    ----------
    values : float32 or float64 [n]
    fraction : float in [0, 1]

    Returns
    -------
    int64[floor(fraction * positive) + floor(fraction * negative)]
        Ascending. A zero counts by its sign bit: 0.0 is the smallest of the positive values. Of equal values the first are taken.

    Notes
    -----
    As `smallest_magnitude`.

    Examples
    --------
    >>> smallest_by_sign(np.array([3.0, -1.0, 0.0, 1.0, -2.0]), 0.5)
    array([1, 2])
    """
    from ..kernels.select import count_signs
    from ..kernels.simd import WIDTH

    values, fraction = np.asarray(values), checks.fraction("fraction", fraction)
    positive, negative = count_signs(WIDTH[16], _bits(values))
    return _smallest(values, 1, int(fraction * positive), int(fraction * negative))


def draw_empty(
    shape: tuple[int, int], indptr: np.ndarray, indices: np.ndarray, drop: np.ndarray, m: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw m different empty cells of a layer, each set of m equally likely.

    Parameters
    ----------
    shape : (int, int)
        n_in, n_out.
    indptr, indices : int32[n_in + 1], int32[connections]
        CSR by input unit.
    drop : int64
        Slots of connections whose cells count as empty.
    m : int
    rng : numpy.random.Generator
        One number is drawn, the key of a counter hash.

    Returns
    -------
    int64[m]
        Cells i * n_out + j, ascending.

    Raises
    ------
    ValueError
        If there are not so many empty cells.

    Notes
    -----
    It draws distinct ranks among the empty cells, and finds the cell of each rank in one pass over the connections:
    exact at every density, without a draw rejected because its cell was taken. O(connections + m) time, connections + 16 m bytes.

    Examples
    --------
    >>> indptr, indices = np.array([0, 2, 4], np.int32), np.array([0, 2, 1, 2], np.int32)
    >>> draw_empty((2, 3), indptr, indices, drop=np.array([3]), m=3, rng=np.random.default_rng(0))
    array([1, 3, 5])
    """
    from ..kernels.select import distinct, nth_empty
    from ..kernels.simd import WIDTH

    n_in, n_out = shape
    dropped = np.zeros(indices.size, np.uint8)
    dropped[drop] = 1
    n_empty = n_in * n_out - indices.size + np.count_nonzero(dropped)
    m = checks.integer("m", m, 0, n_empty, fix=f"Only {n_empty} of the layer's {n_in} x {n_out} cells are empty.")
    key = rng.integers(2**64, dtype=np.uint64)
    cells = np.empty(m, np.int64)
    distinct(WIDTH[16], key, n_empty, cells, np.empty(m, np.int64))
    nth_empty(WIDTH[16], n_out, _locked(indptr), _locked(indices), dropped, cells)
    return cells


def _smallest(values: np.ndarray, by_sign: int, k_positive: int, k_negative: int) -> np.ndarray:
    from ..kernels.select import smallest
    from ..kernels.simd import WIDTH

    out = np.empty(k_positive + k_negative, np.int64)
    smallest(WIDTH[16], _bits(values), by_sign, k_positive, k_negative, out)
    return out


def _bits(values: np.ndarray) -> np.ndarray:
    if values.dtype not in (np.float32, np.float64):  # also of another byte order: only the bits of these are ranked
        if values.dtype.kind not in "fiub":
            raise TypeError(f"values must be real numbers; got dtype {values.dtype}.")
        values = values.astype(np.float64)
    return _locked(values).view(np.uint32 if values.dtype == np.float32 else np.uint64)


def _locked(array: np.ndarray) -> np.ndarray:
    """Return a contiguous view that cannot be written to: one compiled kernel serves a layer's own arrays and a policy's view of them."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
