"""SciPy matrices from users: their indices are checked before any code without bounds checks sees them, SciPy's own included."""

import numpy as np
import scipy.sparse as sp

from .errors import TopologyError
from .topology.given import _in_order, _sparse_entries


def checked_csr(X, name):
    """A CSR matrix whose structure is valid: X itself if it is one, else converted.

    Raises
    ------
    ValueError
        Indices out of range, or arrays whose lengths do not match.

    Notes
    -----
    O(entries) time; no memory for a CSR matrix.
    """
    if X.format != "csr":
        try:
            rows, columns, values = _sparse_entries(X, X.shape)
        except TopologyError as error:
            raise ValueError(f"{name} is a damaged {X.format} matrix: {error}") from error
        return sp.csr_array((values, (rows, columns)), shape=X.shape)
    indptr, indices, data = X.indptr, X.indices, X.data
    n_rows, n_columns = X.shape
    for a in (indptr, indices):
        if not isinstance(a, np.ndarray) or a.ndim != 1 or a.dtype.kind != "i":
            raise ValueError(f"{name} is a damaged csr matrix: indptr and indices must be 1-D arrays of signed whole numbers.")
    if data.ndim != 1 or indptr.size != n_rows + 1 or indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(f"{name} is a damaged csr matrix: indptr must rise from 0 in {n_rows + 1} steps.")
    if not indptr[-1] <= min(indices.size, data.size):
        raise ValueError(f"{name} is a damaged csr matrix: indptr ends at {indptr[-1]} of {indices.size} indices, {data.size} values.")
    used = indices[: indptr[-1]]
    if used.size and (used.min() < 0 or used.max() >= n_columns):
        raise ValueError(f"{name} is a damaged csr matrix: columns must be 0 to {n_columns - 1}; got {used.min()} to {used.max()}.")
    return X


def canonical_entries(matrix):
    """(shape, indptr, indices, values) : sorted CSR structure, int32, of a SciPy matrix, or TopologyError."""
    from .topology.base import positions_to_csr
    from .topology.given import _entries

    shape, rows, columns, values = _entries(matrix)
    positions, values = _in_order(rows, columns, values, shape[1])
    return shape, *positions_to_csr(positions, *shape), values
