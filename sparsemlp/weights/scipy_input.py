"""SciPy matrices from users: their indices are checked before any code without bounds checks sees them, SciPy's own included."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import TopologyError
from .cells import cells_to_csr
from .checks import INDEX_LIMIT as LARGEST


def checked_csr(X: Any, name: str) -> Any:
    """Return a CSR matrix whose structure is valid: X itself if it is one, else converted.

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
    if not all(a.dtype.isnative for a in (indptr, indices, data)):  # kernels read the bytes as this machine writes them
        native = [a.astype(a.dtype.newbyteorder("="), copy=False) for a in (data, indices, indptr)]
        X, indices, indptr = sp.csr_array(tuple(native), shape=X.shape), native[1], native[2]
    used = indices[: indptr[-1]]
    if used.size and (used.min() < 0 or used.max() >= n_columns):
        raise ValueError(f"{name} is a damaged csr matrix: columns must be 0 to {n_columns - 1}; got {used.min()} to {used.max()}.")
    return X


def canonical_entries(matrix: Any) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray]:
    """Return (shape, indptr, indices, values) : sorted CSR structure, int32, of a SciPy matrix, or raise TopologyError."""
    shape, rows, columns, values = entries(matrix)
    cells, values = in_order(rows, columns, values, shape[1])
    return shape, *cells_to_csr(cells, *shape), values


def entries(matrix: Any) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray]:
    """Return (shape, rows, columns, values) of the stored or non-zero entries, checked one by one but not for order."""
    sparse = sp.issparse(matrix)
    if not sparse:
        matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise TopologyError(f"The given matrix must be 2-D, (n_in, n_out); got {matrix.ndim} dimensions, shape {matrix.shape}.")
    if matrix.dtype.kind not in "biuf":
        raise TopologyError(f"The given matrix must hold real numbers or booleans; got dtype {matrix.dtype}.")
    shape: Any = tuple(int(n) for n in matrix.shape)
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


def _sparse_entries(matrix: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def _coo_entries(matrix: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = matrix.tocoo()
    return found.row, found.col, np.asarray(found.data)


def _bsr_entries(matrix: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_sparse_entries`, of blocks: SciPy's conversion allocates whatever indptr asks for."""
    indptr = np.asarray(matrix.indptr, np.int64)
    if indptr.ndim != 1 or indptr.size < 2 or indptr[0] != 0 or (np.diff(indptr) < 0).any():
        raise ValueError("indptr must rise from 0.")
    if not len(matrix.indices) == len(matrix.data) == indptr[-1]:
        raise ValueError(f"indptr ends at {indptr[-1]} of {len(matrix.indices)} indices and {len(matrix.data)} blocks.")
    return _coo_entries(matrix, shape)


def _lil_entries(matrix: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_sparse_entries`, of lists of lists: SciPy's conversion trusts that they are as long as each other."""
    n_columns, n_values = ([len(entries) for entries in lists] for lists in (matrix.rows, matrix.data))
    if n_columns != n_values or len(n_columns) != shape[0]:
        raise ValueError("its lists of columns and of values must be as long, one of each for every row.")
    rows = np.repeat(np.arange(shape[0], dtype=np.int64), n_columns)
    columns = np.array([j for row in matrix.rows for j in row], np.int64)
    return rows, columns, np.array([x for row in matrix.data for x in row], matrix.dtype)


def _dia_entries(matrix: Any, shape: tuple[int, ...]) -> Any:
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


def in_order(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (cells, values), new arrays in ascending order of cells, or raise if a cell comes twice."""
    cells = rows.astype(np.int64) * n_out + columns
    if np.any(cells[1:] <= cells[:-1]):
        order = np.argsort(cells)
        cells, values = cells[order], values[order]
        twice = np.flatnonzero(cells[1:] == cells[:-1])
        if twice.size:
            row, column = divmod(int(cells[twice[0]]), n_out)
            raise TopologyError(
                f"Row {row} of the given matrix holds column {column} twice. Call matrix.sum_duplicates() first if the sum is meant."
            )
        return cells, values
    return cells, values.copy()
