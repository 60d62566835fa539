"""The connections of one layer and their optimizer state: `SparseWeights` and `DenseWeights`."""

import numpy as np
import scipy.sparse as sp

from .errors import TopologyError

INDEX_LIMIT = 2**31 - 1
TAKEN_OVER = ("C", "W", "A")  # arrays in C order, writable and aligned are used as they are, others copied


def checked_index(shape, indptr, indices):
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


class _Index:
    """An array of the index as a view that cannot be written to: kernels trust it, so nobody but `apply_change` rewrites it."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, weights, owner=None):
        if weights is None:
            return self
        view = getattr(weights, f"_{self.name}").view()
        view.flags.writeable = False
        return view

    def __set__(self, weights, value):
        raise TopologyError(
            f"{self.name} cannot be replaced: apply_change(weights, Change(drop=..., grow=...)) changes which connections exist, "
            "SparseWeights(shape, indptr, indices, data) makes other ones."
        )


class Restored:
    """What is unpickled or copied with arrays that cannot be written to, such as joblib's memory maps, gets its own."""

    def __setstate__(self, state):
        for name, value in state.items():
            own = isinstance(value, np.ndarray)
            self.__dict__[name] = np.require(value, requirements=(*TAKEN_OVER, "E")) if own else value


def require_array(name, array, shape, dtype):
    """Raise TopologyError unless `array` is one that a kernel may take: of this shape and dtype, in C order, writable, aligned. O(1)."""
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        got = f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
        raise TopologyError(f"{name} must be an array {np.dtype(dtype)}{list(shape)}; got {got}. Write into the old one: name[...] = x.")
    if not array.flags.carray:
        raise TopologyError(f"{name} must be in C order, aligned and writable; np.require(array, requirements='CAW') makes such a copy.")


def require_state(name, state, values):
    """`require_array` for float[k, len(values)] of an optimizer, whatever k is."""
    rows = state.shape[0] if isinstance(state, np.ndarray) and state.ndim else 0
    require_array(name, state, (rows, values.size), values.dtype)


class SparseWeights(Restored):
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
        These three, `indptr` and `indices` are shown as views that cannot be written to.
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
    indptr, indices, perm, inputs, out_ptr = _Index(), _Index(), _Index(), _Index(), _Index()

    def __init__(self, shape, indptr, indices, data):
        self.shape = n_in, n_out = int(shape[0]), int(shape[1])
        self._indptr, self._indices = checked_index(self.shape, indptr, indices)
        if data.dtype not in (np.float32, np.float64) or data.shape != self._indices.shape:
            raise TopologyError(f"data must be float32 or float64 [{self._indices.size}]; got {data.dtype}{list(data.shape)}.")
        self.data, self._dtype = np.require(data, requirements=TAKEN_OVER), data.dtype
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
        self._perm, self._inputs = np.empty_like(self._indices), np.empty_like(self._indices)
        self._out_ptr = np.empty(self.shape[1] + 1, np.int32)

    def rebuild_index(self):
        """Fill the index by output unit; after every change of the topology, by `apply_change` alone. O(connections)."""
        from .kernels.index import transpose_index
        from .kernels.simd import WIDTH

        if self._perm.size != self._indices.size:
            self._allocate_index()
        transpose_index(WIDTH[16], self._indptr, self._indices, self._perm, self._inputs, self._out_ptr)
        self.version += 1

    @property
    def csr(self):
        """`scipy.sparse.csr_array` that shares the memory: writing to its `data` changes the layer; its indices cannot be written to."""
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
        return self._dtype

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
            "indices": self._indices.nbytes + self._indptr.nbytes,
            "transposed_index": self._perm.nbytes + self._inputs.nbytes + self._out_ptr.nbytes,
            "optimizer_state": self.state.nbytes,
        }

    def require_sound(self, where="weights"):
        """Raise TopologyError unless kernels may take what users can replace: shape, dtype, C order. O(1); `where` begins the message."""
        require_array(f"{where}.data", self.data, self._indices.shape, self.dtype)
        require_state(f"{where}.state", self.state, self.data)

    def check_bounds(self):
        """Raise TopologyError if an index could lead a kernel out of its arrays. Without memory of its own, 1 ns a connection or less."""
        n_in, n_out = self.shape
        n = self._indices.size
        for name, array, top in (("indices", self._indices, n_out), ("inputs", self._inputs, n_in), ("perm", self._perm, n)):
            if array.shape != (n,) or (n and (array.min() < 0 or array.max() >= top)):
                raise TopologyError(f"{name} must be {n} numbers from 0 to {top - 1}; the layer's index was written to from outside.")
        for name, array, units in (("indptr", self._indptr, n_in), ("out_ptr", self._out_ptr, n_out)):
            if array.shape != (units + 1,) or array[0] != 0 or array[-1] != n or (array[1:] < array[:-1]).any():
                raise TopologyError(f"{name} must rise from 0 to {n} in {units} steps; the layer's index was written to from outside.")

    def check(self):
        """Raise TopologyError unless every invariant holds: canonical CSR, aligned state, index by output unit, finite values."""
        checked_index(self.shape, self._indptr, self._indices)
        if self.state.shape[1:] != self.data.shape or self.data.shape != self._indices.shape:
            raise TopologyError(f"State {self.state.shape} and data {self.data.shape} must align with {self._indices.size} connections.")
        by_output = np.argsort(self._indices, kind="stable")
        rows = np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self._indptr))
        counts = np.bincount(self._indices, minlength=self.shape[1])
        if not (
            np.array_equal(by_output, self._perm)
            and np.array_equal(rows[by_output], self._inputs)
            and np.array_equal(np.concatenate([[0], np.cumsum(counts)]), self._out_ptr)
        ):
            raise TopologyError("The index by output unit does not match the connections: call rebuild_index() after a change.")
        if not (np.isfinite(self.data).all() and np.isfinite(self.state).all()):
            raise TopologyError("Weights and optimizer state must be finite.")

    def __repr__(self):
        return f"SparseWeights{self.shape}: {self.n_connections:,} connections, density {self.density:.3g}"


class DenseWeights(Restored):
    """A layer's weights as one 2-D array, multiplied by BLAS; connections that were removed are masked out.

    Parameters
    ----------
    matrix : float32 or float64 [n_in, n_out]
        Taken over, not copied. Set to 0 where `removed` says so.
    removed : bool[n_in, n_out], optional
        True where there is no connection. Taken over, not copied. Default: every connection exists.

    Attributes
    ----------
    removed : bool[n_in * n_out] or None
        The mask, row-major; None until a connection is removed. A masked weight is exactly 0, and so is its optimizer state.

    Notes
    -----
    4 bytes a weight in float32, and 4 for each row of state; 1 more once there is a mask. A mask saves neither time nor memory:
    it is for methods that start dense; see `Trainer(dense_above=)` for when such a layer becomes `SparseWeights`.

    Examples
    --------
    >>> DenseWeights(np.ones((2, 3), np.float32)).n_connections
    6
    >>> w = DenseWeights(np.ones((2, 2), np.float32), removed=np.eye(2, dtype=bool))
    >>> w.n_connections, w.csr.toarray().tolist(), w.to_sparse().indices.tolist()
    (2, [[0.0, 1.0], [1.0, 0.0]], [1, 0])
    """

    is_dense = True

    def __init__(self, matrix, removed=None):
        if matrix.ndim != 2 or min(matrix.shape) < 1 or matrix.dtype not in (np.float32, np.float64):
            raise TopologyError(f"Dense weights must be float32 or float64 [n_in, n_out]; got {matrix.dtype}{list(matrix.shape)}.")
        self.shape, self._dtype = matrix.shape, matrix.dtype
        self.data = np.require(matrix, requirements=TAKEN_OVER).reshape(-1)  # the same interface as SparseWeights
        self.state = np.zeros((0, self.data.size), matrix.dtype)
        self.version = 0
        self.removed = None
        if removed is not None:
            removed = np.asarray(removed)
            if removed.dtype != bool or removed.shape != self.shape:
                raise TopologyError(f"removed must be bool{list(self.shape)}; got {removed.dtype}{list(removed.shape)}.")
            self.removed = np.require(removed, requirements=TAKEN_OVER).reshape(-1)
            self.clear_removed()

    def clear_removed(self):
        """Set masked weights and their optimizer state to 0, after an update that did not know the mask."""
        if self.removed is not None:
            for row in (self.data, *self.state):
                np.copyto(row, 0, where=self.removed)

    def to_sparse(self):
        """`SparseWeights` of the connections that exist: new arrays, values and optimizer state bit for bit. O(n_in * n_out)."""
        n_in, n_out = self.shape
        if self.n_connections > INDEX_LIMIT:
            raise TopologyError(f"A sparse layer holds at most 2**31 - 1 connections; this one has {self.n_connections}.")
        if self.removed is None:
            places, counts = np.arange(self.data.size), np.full(n_in, n_out)
        else:
            places, counts = np.flatnonzero(~self.removed), n_out - np.count_nonzero(self.removed.reshape(self.shape), axis=1)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        weights = SparseWeights(self.shape, indptr, (places % n_out).astype(np.int32), self.data[places])
        weights.state = np.ascontiguousarray(self.state[:, places])
        return weights

    @property
    def matrix(self):
        """`data` as float[n_in, n_out]."""
        return self.data.reshape(self.shape)

    @property
    def csr(self):
        """A `scipy.sparse.csr_array` copy of the connections that exist."""
        n_in, n_out = self.shape
        if self.removed is not None:
            return self.to_sparse().csr
        if self.data.size > INDEX_LIMIT:
            raise TopologyError(f"A CSR matrix with int32 indices holds at most 2**31 - 1 entries; this layer has {self.data.size}.")
        indices = np.tile(np.arange(n_out, dtype=np.int32), n_in)
        return sp.csr_array((self.data.copy(), indices, np.arange(n_in + 1, dtype=np.int32) * np.int32(n_out)), shape=self.shape)

    @property
    def n_connections(self):
        """Connections that exist: all but the masked ones. O(n_in * n_out) with a mask."""
        return self.data.size - (0 if self.removed is None else int(np.count_nonzero(self.removed)))

    @property
    def density(self):
        """connections / (n_in * n_out)"""
        return self.n_connections / self.data.size

    dtype = SparseWeights.dtype
    allocate_state = SparseWeights.allocate_state

    def nbytes(self):
        """Bytes held, by purpose; as `SparseWeights.nbytes`, with the mask as the indices."""
        mask = 0 if self.removed is None else self.removed.nbytes
        return {"values": self.data.nbytes, "indices": mask, "transposed_index": 0, "optimizer_state": self.state.nbytes}

    def require_sound(self, where="weights"):
        """As `SparseWeights.require_sound`."""
        require_array(f"{where}.data", self.data, (self.shape[0] * self.shape[1],), self.dtype)
        require_state(f"{where}.state", self.state, self.data)
        if self.removed is not None:
            require_array(f"{where}.removed", self.removed, self.data.shape, bool)

    def check_bounds(self):
        """Dense weights have no index."""

    def check(self):
        """Raise TopologyError unless the state is aligned, all values are finite, and masked ones 0 with zero state."""
        if self.state.shape[1:] != self.data.shape:
            raise TopologyError(f"State {self.state.shape} must align with {self.data.size} connections.")
        if not (np.isfinite(self.data).all() and np.isfinite(self.state).all()):
            raise TopologyError("Weights and optimizer state must be finite.")
        if self.removed is not None and (self.data[self.removed].any() or self.state[:, self.removed].any()):
            raise TopologyError("Removed connections of a dense layer must be 0, and so must their optimizer state.")

    def __repr__(self):
        masked = "" if self.removed is None else f", density {self.density:.3g}, masked"
        return f"DenseWeights{self.shape}: {self.n_connections:,} connections{masked}"
