"""`SparseWeights`: the connections of one layer as CSR, with their optimizer state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ..errors import TopologyError
from .checks import TAKEN_OVER, Restored, _Index, checked_index, field, require_array, require_state, stored, stored_shape, stored_state

if TYPE_CHECKING:
    from .prediction import PredictionWeights


class SparseWeights(Restored):
    """Holds a layer's connections as a CSR matrix of shape (n_in, n_out), the matrix of `X @ W`.

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
        If indices are out of range, unsorted or doubled, or there are more than 2**31 - 1 connections or units.

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
    name, decays, index_name = "weights", True, "indptr"
    storage = "sparse"
    indptr, indices, perm, inputs, out_ptr = _Index(), _Index(), _Index(), _Index(), _Index()

    def __init__(self, shape: tuple[int, int], indptr: ArrayLike, indices: ArrayLike, data: np.ndarray) -> None:
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
    def from_scipy(cls, matrix: Any, dtype: Any = np.float32) -> SparseWeights:
        """Return weights from any scipy sparse matrix of shape (n_in, n_out), copied and sorted; an entry that stands twice is an error.

        Examples
        --------
        >>> SparseWeights.from_scipy(sp.eye_array(3, 4)).n_connections
        3
        """
        from .scipy_input import canonical_entries

        shape, indptr, indices, values = canonical_entries(matrix)
        with np.errstate(over="ignore"):
            data = values.astype(dtype)
        if not np.isfinite(data).all():
            raise TopologyError("Weights must be finite; the matrix holds NaN, infinity, or numbers too large for the dtype.")
        return cls(shape, indptr, indices, data)

    def _allocate_index(self) -> None:
        self._perm, self._inputs = np.empty_like(self._indices), np.empty_like(self._indices)
        self._out_ptr = np.empty(self.shape[1] + 1, np.int32)

    def rebuild_index(self) -> None:
        """Fill the index by output unit; after every change of the topology, by `apply_change` alone. O(connections)."""
        from ..kernels.index import transpose_index
        from ..kernels.simd import WIDTH

        if self._perm.size != self._indices.size:
            self._allocate_index()
        transpose_index(WIDTH[16], self._indptr, self._indices, self._perm, self._inputs, self._out_ptr)
        self.version += 1

    @property
    def csr(self) -> sp.csr_array:
        """`scipy.sparse.csr_array` that shares the memory: writing to its `data` changes the layer; its indices cannot be written to."""
        matrix = sp.csr_array((self.data, self.indices, self.indptr), shape=self.shape, copy=False)
        matrix.has_canonical_format = True
        return matrix

    @property
    def n_connections(self) -> int:
        return self.data.size

    @property
    def values(self) -> np.ndarray:
        """float[connections]: the values of the connections that exist; `data` itself."""
        return self.data

    @property
    def slots(self) -> np.ndarray:
        """int64[connections]: where in `data` the connections are, ascending: all of it."""
        return np.arange(self.data.size)

    @property
    def cells(self) -> np.ndarray:
        """int64[connections]: the flat cells i * n_out + j of the connections, ascending."""
        rows = np.arange(self.shape[0], dtype=np.int64) * self.shape[1]
        return np.repeat(rows, np.diff(self._indptr)) + self._indices

    def fan_in(self) -> np.ndarray:
        """Return int[n_out]: connections by output unit."""
        return np.diff(self._out_ptr)

    def fan_out(self) -> np.ndarray:
        """Return int[n_in]: connections by input unit."""
        return np.diff(self._indptr)

    def reached(self, units: np.ndarray) -> np.ndarray:
        """Return bool[n_out]: the output units with a connection from one of the input units that `units` : bool[n_in] marks."""
        if units.all():
            return self.fan_in() > 0
        found = np.zeros(self.shape[1], bool)
        found[self._indices[np.repeat(units, self.fan_out())]] = True
        return found

    def needed(self, units: np.ndarray) -> np.ndarray:
        """Return bool[n_in]: the input units with a connection to one of the output units that `units` : bool[n_out] marks."""
        if units.all():
            return self.fan_out() > 0
        found = np.zeros(self.shape[0], bool)
        found[self._inputs[np.repeat(units, self.fan_in())]] = True
        return found

    def with_values(self, values: np.ndarray) -> SparseWeights:
        """Return weights on the same connections with other values, float[connections], and no optimizer state, in new arrays."""
        return SparseWeights(self.shape, self._indptr.copy(), self._indices.copy(), values.copy())

    def settle(self, dense_above: float) -> SparseWeights:
        """Return these weights: they are sparse. See `DenseWeights.settle`."""
        return self

    def require_trainable(self) -> None:
        """Do nothing: these weights can be trained."""

    def clear_removed(self) -> None:
        """Do nothing: a removed connection of sparse weights is gone."""

    def arrays(self) -> tuple:
        """Return what a user can replace: compared by identity before every step."""
        return self, self.version, self.data, self.state

    @property
    def density(self) -> float:
        """connections / (n_in * n_out)"""
        return self.data.size / (self.shape[0] * self.shape[1])

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def allocate_state(self, k: int) -> None:
        """Make the optimizer's state k rows of zeros, unless it has k rows already."""
        if self.state.shape != (k, self.data.size):
            self.state = np.zeros((k, self.data.size), self.data.dtype)

    def nbytes(self) -> dict[str, int]:
        """Return bytes held, by purpose.

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

    @property
    def pointer_bytes(self) -> int:
        """Bytes of arrays of the size of the units."""
        return self._indptr.nbytes + self._out_ptr.nbytes

    def require_sound(self, where: str = "weights") -> None:
        """Raise TopologyError unless kernels may take what users can replace: shape, dtype, C order. O(1); `where` begins the message."""
        require_array(f"{where}.data", self.data, self._indices.shape, self.dtype)
        require_state(f"{where}.state", self.state, self.data)

    def check_bounds(self) -> None:
        """Raise TopologyError if an index could lead a kernel out of its arrays. Without memory of its own, 1 ns a connection or less."""
        n_in, n_out = self.shape
        n = self._indices.size
        for name, array, top in (("indices", self._indices, n_out), ("inputs", self._inputs, n_in), ("perm", self._perm, n)):
            if array.shape != (n,) or (n and (array.min() < 0 or array.max() >= top)):
                raise TopologyError(f"{name} must be {n} numbers from 0 to {top - 1}; the layer's index was written to from outside.")
        for name, array, units in (("indptr", self._indptr, n_in), ("out_ptr", self._out_ptr, n_out)):
            if array.shape != (units + 1,) or array[0] != 0 or array[-1] != n or (array[1:] < array[:-1]).any():
                raise TopologyError(f"{name} must rise from 0 to {n} in {units} steps; the layer's index was written to from outside.")

    def check(self) -> None:
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

    def for_prediction(self) -> PredictionWeights:
        """Return `PredictionWeights` of the same connections, in new arrays."""
        from .prediction import PredictionWeights

        return PredictionWeights(self.shape, self.out_ptr.copy(), self.inputs.copy(), self.data[self.perm])

    def to_dict(self) -> dict:
        """Return everything that `from_dict` needs; the arrays are not copied."""
        n_in, n_out = self.shape
        return {"n_in": n_in, "n_out": n_out, "indptr": self.indptr, "indices": self.indices, "data": self.data, "state": self.state}

    @classmethod
    def from_dict(cls, content: dict) -> SparseWeights:
        """Return weights from what `to_dict` returned, or raise TopologyError: every index is checked."""
        shape = stored_shape(content)
        data, indptr = field(content, "data"), field(content, "indptr")
        data = stored(content, "data", getattr(data, "dtype", None), np.shape(data))
        weights = cls(shape, stored(content, "indptr", np.int32, np.shape(indptr)), stored(content, "indices", np.int32, data.shape), data)
        weights.state = stored_state(content, "state", weights.data)
        return weights

    def __repr__(self) -> str:
        return f"SparseWeights{self.shape}: {self.n_connections:,} connections, density {self.density:.3g}"
