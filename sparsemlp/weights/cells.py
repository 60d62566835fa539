"""Cells, the flat indices input * n_out + output of a layer's matrix, and the CSR structure that they are."""

import numpy as np


def cells_to_csr(cells: np.ndarray, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (indptr, indices) of sorted, distinct cells (input * n_out + output); overwrites `cells`.

    Parameters
    ----------
    cells : int64[n_connections]

    Examples
    --------
    >>> cells_to_csr(np.array([1, 2, 5]), n_in=2, n_out=3)
    (array([0, 2, 3], dtype=int32), array([1, 2, 2], dtype=int32))
    """
    row_ends = np.arange(n_in + 1, dtype=np.int64) * n_out
    indptr = np.searchsorted(cells, row_ends).astype(np.int32)
    np.remainder(cells, n_out, out=cells)  # in place: a second int64 array would be the largest of all
    return indptr, cells.astype(np.int32)
