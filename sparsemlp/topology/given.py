"""Connections given as a matrix or a mask."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from .. import checks
from ..errors import TopologyError
from .base import LARGEST, Topology, check_layer, positions_to_csr


@dataclass(frozen=True, eq=False, repr=False)
class Given(Topology):
    """The connections of a SciPy sparse matrix or array, or of a 2-D NumPy array.

    Parameters
    ----------
    matrix : scipy sparse matrix or array, or array_like of bool or real numbers, shape (n_in, n_out)
        As W in ``X @ W``. Sparse: every stored entry is a connection, explicit zeros too. NumPy: every entry that is not
        zero. Copied; later changes of `matrix` change nothing here.
    keep_values : bool
        True: the weights start from the entries (True counts as 1). False: only the positions matter, the initializer
        draws the weights.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array
        The checked copy: canonical, int32 indices, floating point (bool as float32).

    Raises
    ------
    TopologyError
        At construction: not 2-D, not real, not finite, indices out of range or of the wrong length, the same position
        twice (never summed silently), no connection, or more than 2**31 - 1; when built: another shape than the layer's.

    Examples
    --------
    >>> given = Given([[0.5, 0, 2], [0, 0, 1]], keep_values=True)
    >>> given
    <Given 2 x 3, 3 connections, keep_values=True>
    >>> given.build(2, 3, rng=None)
    (array([0, 2, 3], dtype=int32), array([0, 2, 2], dtype=int32))
    >>> given.values
    array([0.5, 2. , 1. ])
    """

    matrix: object
    keep_values: bool = False

    def __post_init__(self):
        checks.instance("Given.keep_values", self.keep_values, bool, "True or False")
        shape, rows, columns, values = _entries(self.matrix)
        check_layer("Given", *shape, len(rows))
        positions, values = _in_order(rows, columns, values, shape[1])
        indptr, indices = positions_to_csr(positions, *shape)
        values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
        object.__setattr__(self, "matrix", scipy.sparse.csr_array((values, indices, indptr), shape=shape))

    def __repr__(self):
        n_in, n_out = self.matrix.shape
        return f"<Given {n_in} x {n_out}, {self.matrix.nnz} connections, keep_values={self.keep_values}>"

    def build(self, n_in, n_out, rng):
        """Return copies of (indptr, indices); see `Topology.build`."""
        shape = self.matrix.shape
        if shape != (n_in, n_out):
            fix = " Pass its transpose: W as in X @ W." if shape == (n_out, n_in) else ""
            raise TopologyError(f"The given matrix must have the layer's shape {(n_in, n_out)}; got {shape}.{fix}")
        return self.matrix.indptr.copy(), self.matrix.indices.copy()

    @property
    def values(self):
        """A copy of the entries in the order of `build`'s indices if `keep_values`, else None."""
        return self.matrix.data.copy() if self.keep_values else None


def _entries(matrix):
    """Return (shape, rows, columns, values) of the stored or non-zero entries, checked one by one but not for order."""
    sparse = scipy.sparse.issparse(matrix)
    if not sparse:
        matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise TopologyError(f"The given matrix must be 2-D, (n_in, n_out); got {matrix.ndim} dimensions, shape {matrix.shape}.")
    if matrix.dtype.kind not in "biuf":
        raise TopologyError(f"The given matrix must hold real numbers or booleans; got dtype {matrix.dtype}.")
    shape = tuple(int(n) for n in matrix.shape)
    if max(shape) > LARGEST or min(shape) < 1:
        raise TopologyError(f"The given matrix must have 1 to {LARGEST} rows and columns; got shape {shape}.")
    if sparse:
        rows, columns, values = _sparse_entries(matrix, shape)
    else:
        rows, columns = np.nonzero(matrix)
        values = matrix[rows, columns]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        raise TopologyError(f"The given matrix must be finite; got {values[bad]} at row {rows[bad]}, column {columns[bad]}.")
    return shape, rows, columns, values


def _sparse_entries(matrix, shape):
    """Return (rows, columns, values) of what a SciPy matrix stores; SciPy itself checks little, its C++ code nothing."""
    if matrix.format in ("csr", "csc"):
        n_major = shape[0] if matrix.format == "csr" else shape[1]
        indptr, minor, values = np.asarray(matrix.indptr), np.asarray(matrix.indices), np.asarray(matrix.data)
        if indptr.dtype.kind not in "iu":
            raise TopologyError(f"indptr of the given matrix must be whole numbers; got dtype {indptr.dtype}.")
        indptr = indptr.astype(np.int64)
        if indptr.shape != (n_major + 1,) or indptr[0] != 0 or np.any(np.diff(indptr) < 0):
            raise TopologyError(f"indptr must be {n_major + 1} ascending numbers from 0; got {len(indptr)} that are not.")
        if not minor.shape == values.shape == (indptr[-1],):
            raise TopologyError(f"indptr ends at {indptr[-1]}, but indices have shape {minor.shape} and values {values.shape}.")
        major = np.repeat(np.arange(n_major, dtype=np.int64), np.diff(indptr))
        rows, columns = (major, minor) if matrix.format == "csr" else (minor, major)
    else:
        convert = {"lil": _lil_entries, "dia": _dia_entries, "bsr": _bsr_entries}.get(matrix.format, _coo_entries)
        try:
            rows, columns, values = convert(matrix, shape)
        except (ValueError, IndexError, TypeError, OverflowError, AttributeError) as error:
            raise TopologyError(f"The given {matrix.format} matrix is damaged: {error}") from error
    if not rows.shape == columns.shape == values.shape == (values.size,):
        raise TopologyError(f"Rows, columns and values must be as many; got shapes {rows.shape}, {columns.shape}, {values.shape}.")
    for name, index, n in (("row", rows, shape[0]), ("column", columns, shape[1])):
        if index.dtype.kind not in "iu":
            raise TopologyError(f"{name} indices of the given matrix must be whole numbers; got dtype {index.dtype}.")
        if len(index) and not (index.min() >= 0 and index.max() < n):
            raise TopologyError(f"{name} indices of the given matrix must be 0 to {n - 1}; got {index.min()} to {index.max()}.")
    return rows, columns, values


def _coo_entries(matrix, shape):
    entries = matrix.tocoo()
    return entries.row, entries.col, np.asarray(entries.data)


def _bsr_entries(matrix, shape):
    """As `_sparse_entries`, of blocks: SciPy's conversion allocates whatever indptr asks for."""
    indptr = np.asarray(matrix.indptr, np.int64)
    if indptr.ndim != 1 or indptr.size < 2 or indptr[0] != 0 or (np.diff(indptr) < 0).any():
        raise ValueError("indptr must rise from 0.")
    if not len(matrix.indices) == len(matrix.data) == indptr[-1]:
        raise ValueError(f"indptr ends at {indptr[-1]} of {len(matrix.indices)} indices and {len(matrix.data)} blocks.")
    return _coo_entries(matrix, shape)


def _lil_entries(matrix, shape):
    """As `_sparse_entries`, of lists of lists: SciPy's conversion trusts that they are as long as each other."""
    n_columns, n_values = ([len(entries) for entries in lists] for lists in (matrix.rows, matrix.data))
    if n_columns != n_values or len(n_columns) != shape[0]:
        raise ValueError("its lists of columns and of values must be as long, one of each for every row.")
    rows = np.repeat(np.arange(shape[0], dtype=np.int64), n_columns)
    columns = np.array([j for row in matrix.rows for j in row], np.int64)
    return rows, columns, np.array([x for row in matrix.data for x in row], matrix.dtype)


def _dia_entries(matrix, shape):
    """As `_sparse_entries`, of diagonals: SciPy's conversion trusts that there is a row of values for each offset."""
    offsets, data = np.asarray(matrix.offsets), np.asarray(matrix.data)
    if offsets.ndim != 1 or data.ndim != 2 or len(offsets) != len(data) or offsets.dtype.kind not in "iu":
        raise ValueError("it must have one row of values for each whole-numbered offset.")
    parts = []
    for offset, values in zip(offsets.tolist(), data, strict=True):
        columns = np.arange(max(0, offset), max(0, offset, min(shape[1], shape[0] + offset, len(values))))
        columns = columns[values[columns] != 0]
        parts.append((columns - offset, columns, values[columns]))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True)) if parts else (offsets[:0], offsets[:0], data.reshape(-1)[:0])


def _in_order(rows, columns, values, n_out):
    """Return (positions, values), new arrays in ascending order of position, or raise if a position comes twice."""
    positions = rows.astype(np.int64) * n_out + columns
    if np.any(positions[1:] <= positions[:-1]):
        order = np.argsort(positions)
        positions, values = positions[order], values[order]
        twice = np.flatnonzero(positions[1:] == positions[:-1])
        if twice.size:
            row, column = divmod(int(positions[twice[0]]), n_out)
            raise TopologyError(
                f"Row {row} of the given matrix holds column {column} twice. Call matrix.sum_duplicates() first if the sum is meant."
            )
        return positions, values
    return positions, values.copy()
