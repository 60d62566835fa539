"""The connections of one layer and their optimizer state: `SparseWeights` and `DenseWeights`."""

import numpy as np
import scipy.sparse as sp

from .errors import TopologyError

INDEX_LIMIT = 2**31 - 1
TAKEN_OVER = ("C", "W", "A")  # arrays in C order, writable and aligned are used as they are, others copied


def _checked_index(shape, indptr, indices):
    """int32 copies (or the arrays themselves) of a canonical CSR structure, or TopologyError."""
    n_in, n_out = shape
    indptr, indices = np.asarray(indptr), np.asarray(indices)
    if max(n_in, n_out, indices.size) > INDEX_LIMIT:
        raise TopologyError(f"A layer holds at most 2**31 - 1 units or connections; got {n_in} x {n_out} with {indices.size} connections.")
    if min(n_in, n_out) < 1:
        raise TopologyError(f"A layer needs at least one input and one output unit; got shape {shape}.")
    for name, a in (("indptr", indptr), ("indices", indices)):
        if a.ndim != 1 or a.dtype.kind not in "iu":
            raise TopologyError(f"{name} must be a 1-D integer array; got {a.dtype}{list(a.shape)}.")
    if indptr.size != n_in + 1 or indptr[0] != 0 or indptr[-1] != indices.size or (np.diff(indptr.astype(np.int64)) < 0).any():
        raise TopologyError(f"indptr must rise from 0 to the {indices.size} connections in n_in + 1 = {n_in + 1} steps; got {indptr!r}.")
    if indices.size:
        if indices.min() < 0 or indices.max() >= n_out:
            raise TopologyError(f"Output units must be from 0 to {n_out - 1}; got {indices.min()} to {indices.max()}.")
        falls = np.flatnonzero(indices[1:] <= indices[:-1]) + 1
        starts = indptr[1:-1]
        inside = falls[~np.isin(falls, starts)]
        if inside.size:
            row = int(np.searchsorted(indptr, inside[0], side="right")) - 1
            raise TopologyError(
                f"Input unit {row} holds output {indices[inside[0] - 1]} before {indices[inside[0]]}: sorted and unique is the rule. "
                "scipy's sum_duplicates() puts a matrix in this form."
            )
    return np.require(indptr, np.int32, TAKEN_OVER), np.require(indices, np.int32, TAKEN_OVER)


class SparseWeights:
    """A layer's connections as a CSR matrix of shape (n_in, n_out), the matrix of `X @ W`.

    Parameters
    ----------
    shape : (int, int)
        Input and output units.
    indptr, indices : integer[n_in + 1], integer[connections]
        CSR structure by input unit, sorted, without duplicates. int32 arrays are taken over, not copied.
    data : float32 or float64 [connections]
        Values, taken over, not copied. The dtype is that of the layer.

    Attributes
    ----------
    state : float[k, connections]
        The optimizer's, aligned with `data`.
    perm, inputs : int32[connections]; out_ptr : int32[n_out + 1]
        The index by output unit: unit j's connections are `data[perm[out_ptr[j]:out_ptr[j + 1]]]`. No second copy of the values.
    version : int
        Changes whenever the topology does.

    Raises
    ------
    TopologyError
        Indices out of range, unsorted, doubled, or more than 2**31 - 1 connections or units.

    Notes
    -----
    16 bytes a connection in float32 without optimizer state, plus 4 for each row of it.

    Examples
    --------
    >>> w = SparseWeights((2, 3), [0, 2, 3], [0, 2, 1], np.array([1.0, 2.0, 3.0], np.float32))
    >>> w.csr.toarray()
    array([[1., 0., 2.],
           [0., 3., 0.]], dtype=float32)
    >>> w.n_connections, w.density
    (3, 0.5)
    """

    is_dense = False

    def __init__(self, shape, indptr, indices, data):
        self.shape = n_in, n_out = int(shape[0]), int(shape[1])
        self.indptr, self.indices = _checked_index(self.shape, indptr, indices)
        if data.dtype not in (np.float32, np.float64) or data.shape != self.indices.shape:
            raise TopologyError(f"data must be float32 or float64 [{self.indices.size}]; got {data.dtype}{list(data.shape)}.")
        self.data = np.require(data, requirements=TAKEN_OVER)
        self.state = np.zeros((0, self.data.size), data.dtype)
        self.version = 0
        self._allocate_index()
        self.rebuild_index()

    @classmethod
    def from_scipy(cls, matrix, dtype=np.float32):
        """Weights from any scipy sparse matrix of shape (n_in, n_out): copied, sorted; doubled entries are an error.

        Examples
        --------
        >>> SparseWeights.from_scipy(sp.eye_array(3, 4)).n_connections
        3
        """
        from .sparse_input import canonical_entries

        shape, indptr, indices, values = canonical_entries(matrix)
        with np.errstate(over="ignore"):
            data = values.astype(dtype)
        if not np.isfinite(data).all():
            raise TopologyError("Weights must be finite; the matrix holds NaN, infinity, or numbers too large for the dtype.")
        return cls(shape, indptr, indices, data)

    def _allocate_index(self):
        self.perm, self.inputs = np.empty_like(self.indices), np.empty_like(self.indices)
        self.out_ptr = np.empty(self.shape[1] + 1, np.int32)

    def rebuild_index(self):
        """Fill the index by output unit; after every change of the topology, by `apply_change` alone. O(connections)."""
        from .kernels.index import transpose_index
        from .kernels.simd import WIDTH

        if self.perm.size != self.indices.size:
            self._allocate_index()
        transpose_index(WIDTH[16], self.indptr, self.indices, self.perm, self.inputs, self.out_ptr)
        self.version += 1

    @property
    def csr(self):
        """`scipy.sparse.csr_array` that shares the memory: writing to its `data` changes the layer."""
        matrix = sp.csr_array((self.data, self.indices, self.indptr), shape=self.shape, copy=False)
        matrix.has_canonical_format = True
        return matrix

    @property
    def n_connections(self):
        return self.data.size

    @property
    def density(self):
        """connections / (n_in * n_out)"""
        return self.data.size / (self.shape[0] * self.shape[1])

    @property
    def dtype(self):
        return self.data.dtype

    def allocate_state(self, k):
        """Make the optimizer's state k rows of zeros, unless it has k rows already."""
        if self.state.shape != (k, self.data.size):
            self.state = np.zeros((k, self.data.size), self.data.dtype)

    def nbytes(self):
        """Bytes held, by purpose.

        Returns
        -------
        dict of str to int
            values, indices (by input unit), transposed_index, optimizer_state.
        """
        return {
            "values": self.data.nbytes,
            "indices": self.indices.nbytes + self.indptr.nbytes,
            "transposed_index": self.perm.nbytes + self.inputs.nbytes + self.out_ptr.nbytes,
            "optimizer_state": self.state.nbytes,
        }

    def check(self):
        """Raise TopologyError unless every invariant holds: canonical CSR, aligned state, index by output unit, finite values."""
        _checked_index(self.shape, self.indptr, self.indices)
        if self.state.shape[1:] != self.data.shape or self.data.shape != self.indices.shape:
            raise TopologyError(f"State {self.state.shape} and data {self.data.shape} must align with {self.indices.size} connections.")
        by_output = np.argsort(self.indices, kind="stable")
        rows = np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.indptr))
        counts = np.bincount(self.indices, minlength=self.shape[1])
        if not (
            np.array_equal(by_output, self.perm)
            and np.array_equal(rows[by_output], self.inputs)
            and np.array_equal(np.concatenate([[0], np.cumsum(counts)]), self.out_ptr)
        ):
            raise TopologyError("The index by output unit does not match the connections: call rebuild_index() after a change.")
        if not (np.isfinite(self.data).all() and np.isfinite(self.state).all()):
            raise TopologyError("Weights and optimizer state must be finite.")

    def __repr__(self):
        return f"SparseWeights{self.shape}: {self.n_connections:,} connections, density {self.density:.3g}"


class DenseWeights:
    """A layer's weights as one 2-D array, multiplied by BLAS.

    Parameters
    ----------
    matrix : float32 or float64 [n_in, n_out]
        Taken over, not copied.

    Examples
    --------
    >>> DenseWeights(np.ones((2, 3), np.float32)).n_connections
    6
    """

    is_dense = True

    def __init__(self, matrix):
        if matrix.ndim != 2 or min(matrix.shape) < 1 or matrix.dtype not in (np.float32, np.float64):
            raise TopologyError(f"Dense weights must be float32 or float64 [n_in, n_out]; got {matrix.dtype}{list(matrix.shape)}.")
        self.matrix = np.require(matrix, requirements=TAKEN_OVER)
        self.shape = self.matrix.shape
        self.data = self.matrix.reshape(-1)  # a view: the same interface as SparseWeights
        self.state = np.zeros((0, self.data.size), matrix.dtype)
        self.version = 0

    @property
    def csr(self):
        """A `scipy.sparse.csr_array` copy."""
        n_in, n_out = self.shape
        if self.data.size > INDEX_LIMIT:
            raise TopologyError(f"A CSR matrix with int32 indices holds at most 2**31 - 1 entries; this layer has {self.data.size}.")
        indices = np.tile(np.arange(n_out, dtype=np.int32), n_in)
        return sp.csr_array((self.data.copy(), indices, np.arange(n_in + 1, dtype=np.int32) * np.int32(n_out)), shape=self.shape)

    n_connections = SparseWeights.n_connections
    density = SparseWeights.density
    dtype = SparseWeights.dtype
    allocate_state = SparseWeights.allocate_state

    def nbytes(self):
        """Bytes held, by purpose; as `SparseWeights.nbytes`."""
        return {"values": self.data.nbytes, "indices": 0, "transposed_index": 0, "optimizer_state": self.state.nbytes}

    def check(self):
        """Raise TopologyError unless the state is aligned and all values are finite."""
        if self.state.shape[1:] != self.data.shape:
            raise TopologyError(f"State {self.state.shape} must align with {self.data.size} connections.")
        if not (np.isfinite(self.data).all() and np.isfinite(self.state).all()):
            raise TopologyError("Weights and optimizer state must be finite.")

    def __repr__(self):
        return f"DenseWeights{self.shape}: {self.n_connections:,} connections"
