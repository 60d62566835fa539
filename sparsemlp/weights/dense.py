"""`DenseWeights`: a layer's weights as one matrix, with a mask where connections were removed."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..errors import TopologyError
from .checks import INDEX_LIMIT, TAKEN_OVER, Restored, field, require_array, require_state, stored, stored_shape, stored_state
from .sparse import SparseWeights


class DenseWeights(Restored):
    """Holds a layer's weights as one 2-D array, which BLAS multiplies; connections that were removed are masked out.

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
    name, decays, index_name = "weights", True, None
    storage = "dense"

    def __init__(self, matrix: np.ndarray, removed: np.ndarray | None = None) -> None:
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

    def require_trainable(self) -> None:
        """Do nothing: these weights can be trained."""

    def clear_removed(self) -> None:
        """Set masked weights and their optimizer state to 0, after an update that did not know the mask."""
        if self.removed is not None:
            for row in (self.data, *self.state):
                np.copyto(row, 0, where=self.removed)

    def to_sparse(self) -> SparseWeights:
        """Return `SparseWeights` of the connections that exist: new arrays, values and optimizer state bit for bit. O(n_in * n_out)."""
        n_in, n_out = self.shape
        if self.n_connections > INDEX_LIMIT:
            raise TopologyError(f"A sparse layer holds at most 2**31 - 1 connections; this one has {self.n_connections}.")
        cells = self.cells
        indptr = np.concatenate([[0], np.cumsum(self.fan_out())]).astype(np.int32)
        weights = SparseWeights(self.shape, indptr, (cells % n_out).astype(np.int32), self.data[cells])
        weights.state = np.ascontiguousarray(self.state[:, cells])
        return weights

    def with_values(self, values: np.ndarray) -> DenseWeights:
        """Return weights on the same connections with other values, float[connections], and no optimizer state, in new arrays."""
        matrix = np.zeros(self.data.size, self.dtype)
        matrix[self.slots] = values
        return DenseWeights(matrix.reshape(self.shape), None if self.removed is None else self.removed.reshape(self.shape).copy())

    def settle(self, dense_above: float) -> SparseWeights | DenseWeights:
        """Return sparse weights if connections were removed and the density is below `dense_above`, else these weights themselves."""
        masked = self.removed is not None
        return self.to_sparse() if masked and self.density < dense_above else self

    @property
    def values(self) -> np.ndarray:
        """float[connections]: the values of the connections that exist; `data` itself unless some are masked."""
        return self.data if self.removed is None else self.data[~self.removed]

    @property
    def slots(self) -> np.ndarray:
        """int64[connections]: where in `data` the connections are, ascending."""
        return np.arange(self.data.size) if self.removed is None else np.flatnonzero(~self.removed)

    cells = slots
    """int64[connections]: the flat cells i * n_out + j of the connections: in a dense layer a slot is a cell."""

    def fan_in(self) -> np.ndarray:
        """Return int[n_out]: connections by output unit."""
        n_in, n_out = self.shape
        return np.full(n_out, n_in) if self.removed is None else n_in - np.count_nonzero(self.removed.reshape(self.shape), axis=0)

    def fan_out(self) -> np.ndarray:
        """Return int[n_in]: connections by input unit."""
        n_in, n_out = self.shape
        return np.full(n_in, n_out) if self.removed is None else n_out - np.count_nonzero(self.removed.reshape(self.shape), axis=1)

    def reached(self, units: np.ndarray) -> np.ndarray:
        """As `SparseWeights.reached`."""
        if self.removed is None:
            return np.full(self.shape[1], units.any())
        return ~self.removed.reshape(self.shape)[units].all(axis=0)

    def needed(self, units: np.ndarray) -> np.ndarray:
        """As `SparseWeights.needed`."""
        if self.removed is None:
            return np.full(self.shape[0], units.any())
        return ~self.removed.reshape(self.shape)[:, units].all(axis=1)  # type: ignore[return-value]

    def arrays(self) -> tuple:
        """Return what a user can replace: compared by identity before every step."""
        return self, self.version, self.data, self.state, self.removed

    @property
    def matrix(self) -> np.ndarray:
        """`data` as float[n_in, n_out]."""
        return self.data.reshape(self.shape)

    @property
    def csr(self) -> sp.csr_array:
        """A `scipy.sparse.csr_array` copy of the connections that exist."""
        n_in, n_out = self.shape
        if self.removed is not None:
            return self.to_sparse().csr
        if self.data.size > INDEX_LIMIT:
            raise TopologyError(f"A CSR matrix with int32 indices holds at most 2**31 - 1 entries; this layer has {self.data.size}.")
        indices = np.tile(np.arange(n_out, dtype=np.int32), n_in)
        return sp.csr_array((self.data.copy(), indices, np.arange(n_in + 1, dtype=np.int32) * np.int32(n_out)), shape=self.shape)

    @property
    def n_connections(self) -> int:
        """Connections that exist: all but the masked ones. O(n_in * n_out) with a mask."""
        return self.data.size - (0 if self.removed is None else int(np.count_nonzero(self.removed)))

    @property
    def density(self) -> float:
        """connections / (n_in * n_out)"""
        return self.n_connections / self.data.size

    dtype = SparseWeights.dtype
    allocate_state = SparseWeights.allocate_state

    def nbytes(self) -> dict[str, int]:
        """Return bytes held, by purpose; as `SparseWeights.nbytes`, with the mask as the indices."""
        mask = 0 if self.removed is None else self.removed.nbytes
        return {"values": self.data.nbytes, "indices": mask, "transposed_index": 0, "optimizer_state": self.state.nbytes}

    @property
    def pointer_bytes(self) -> int:
        """Bytes of arrays of the size of the units."""
        return 0

    def require_sound(self, where: str = "weights") -> None:
        """As `SparseWeights.require_sound`."""
        require_array(f"{where}.data", self.data, (self.shape[0] * self.shape[1],), self.dtype)
        require_state(f"{where}.state", self.state, self.data)
        if self.removed is not None:
            require_array(f"{where}.removed", self.removed, self.data.shape, bool)

    def check_bounds(self) -> None:
        """Do nothing: dense weights have no index."""

    def check(self) -> None:
        """Raise TopologyError unless the state is aligned, all values are finite, and masked ones 0 with zero state."""
        if self.state.shape[1:] != self.data.shape:
            raise TopologyError(f"State {self.state.shape} must align with {self.data.size} connections.")
        if not (np.isfinite(self.data).all() and np.isfinite(self.state).all()):
            raise TopologyError("Weights and optimizer state must be finite.")
        if self.removed is not None and (self.data[self.removed].any() or self.state[:, self.removed].any()):
            raise TopologyError("Removed connections of a dense layer must be 0, and so must their optimizer state.")

    def for_prediction(self) -> DenseWeights:
        """Return a copy without optimizer state."""
        return DenseWeights(self.matrix.copy(), None if self.removed is None else self.removed.reshape(self.shape).copy())

    def to_dict(self) -> dict:
        """Return everything that `from_dict` needs; the arrays are not copied."""
        n_in, n_out = self.shape
        return {"n_in": n_in, "n_out": n_out, "data": self.data, "state": self.state, "removed": self.removed}

    @classmethod
    def from_dict(cls, content: dict) -> DenseWeights:
        """Return weights from what `to_dict` returned, or raise TopologyError."""
        n_in, n_out = stored_shape(content)
        n, data, removed = n_in * n_out, field(content, "data"), field(content, "removed")
        data = stored(content, "data", getattr(data, "dtype", None), (n,))
        if removed is not None:
            removed = stored(content, "removed", bool, (n,)).reshape(n_in, n_out)
        weights = cls(data.reshape(n_in, n_out), removed)
        weights.state = stored_state(content, "state", weights.data)
        weights.clear_removed()
        return weights

    def __repr__(self) -> str:
        masked = "" if self.removed is None else f", density {self.density:.3g}, masked"
        return f"DenseWeights{self.shape}: {self.n_connections:,} connections{masked}"
