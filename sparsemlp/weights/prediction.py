"""`PredictionWeights`: the connections of one layer in 8 bytes each, without what only training needs."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ..errors import TopologyError
from .checks import Restored, _Index, checked_index, field, require_array, stored, stored_shape, stored_state
from .sparse import SparseWeights

UNTRAINABLE = "A network made by for_prediction cannot be trained or changed; use the one it was made from."

_slots = np.zeros(0, np.int32)


def ordered_slots(n: int) -> np.ndarray:
    """Return int32[n] of 0, 1, 2, ...: a part of one array for all, which is replaced by a longer one when a larger n comes."""
    global _slots
    if _slots.size < n:
        _slots = np.arange(n, dtype=np.int32)
    return _slots[:n]


class PredictionWeights(Restored):
    """Holds the connections of one layer by output unit, without the index by input unit and the optimizer's state.

    Parameters
    ----------
    shape : (int, int)
        Input and output units.
    out_ptr, inputs : integer[n_out + 1], integer[connections]
        CSC structure, sorted: unit j takes `inputs[out_ptr[j]:out_ptr[j + 1]]`.
    data : float32 or float64 [connections]
        Values in that order.

    Raises
    ------
    TopologyError
        If indices are out of range, unsorted or doubled.

    Notes
    -----
    8 bytes a connection in float32: value and input unit. The kernels also ask for the slot of each value: here 0, 1, 2, ..., one
    array for all layers of the process, as long as the largest one.
    """

    is_dense = False
    name, decays, index_name = "weights", True, "out_ptr"
    storage = "sparse"
    version = 0
    out_ptr, inputs = _Index(), _Index()

    def __init__(self, shape: tuple[int, int], out_ptr: ArrayLike, inputs: ArrayLike, data: np.ndarray) -> None:
        self.shape = n_in, n_out = int(shape[0]), int(shape[1])
        self._out_ptr, self._inputs = checked_index((n_out, n_in), out_ptr, inputs)
        if data.dtype not in (np.float32, np.float64) or data.shape != self._inputs.shape:
            raise TopologyError(f"data must be float32 or float64 [{self._inputs.size}]; got {data.dtype}{list(data.shape)}.")
        self.data, self._dtype = np.ascontiguousarray(data), data.dtype
        self.state = np.zeros((0, data.size), data.dtype)

    @property
    def _perm(self) -> np.ndarray:
        return ordered_slots(self.data.size)

    n_connections, density, dtype = SparseWeights.n_connections, SparseWeights.density, SparseWeights.dtype
    values, slots, arrays = SparseWeights.values, SparseWeights.slots, SparseWeights.arrays

    @property
    def cells(self) -> np.ndarray:
        """int64[connections], sorted anew each time: the flat cells of the connections."""
        rows = np.arange(self.shape[0], dtype=np.int64) * self.shape[1]
        return np.repeat(rows, np.diff(self.indptr)) + self.indices

    def fan_in(self) -> np.ndarray:
        """Return int[n_out]: connections by output unit."""
        return np.diff(self._out_ptr)

    def fan_out(self) -> np.ndarray:
        """Return int[n_in]: connections by input unit."""
        return np.bincount(self._inputs, minlength=self.shape[0])

    def reached(self, units: np.ndarray) -> np.ndarray:
        """As `SparseWeights.reached`."""
        chosen = units[self._inputs]
        found = np.zeros(self.shape[1], bool)
        found[np.repeat(np.arange(self.shape[1]), self.fan_in())[chosen]] = True
        return found

    def needed(self, units: np.ndarray) -> np.ndarray:
        """As `SparseWeights.needed`."""
        found = np.zeros(self.shape[0], bool)
        found[self._inputs[np.repeat(units, self.fan_in())]] = True
        return found

    @property
    def csr(self) -> sp.csr_array:
        """A `scipy.sparse.csr_array` copy."""
        return sp.csc_array((self.data, self._inputs, self._out_ptr), shape=self.shape).tocsr()

    @property
    def indptr(self) -> np.ndarray:
        """int32[n_in + 1], counted anew each time: of the CSR structure by input unit."""
        counts = np.bincount(self._inputs, minlength=self.shape[0])
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    @property
    def indices(self) -> np.ndarray:
        """int32[connections], sorted anew each time: output units, in CSR order."""
        return self.csr.indices

    def allocate_state(self, k: int) -> None:
        raise TypeError(UNTRAINABLE)

    def nbytes(self) -> dict[str, int]:
        """Return bytes held, by purpose, as `SparseWeights.nbytes`."""
        index = self._inputs.nbytes + self._out_ptr.nbytes
        return {"values": self.data.nbytes, "indices": 0, "transposed_index": index, "optimizer_state": 0}

    @property
    def pointer_bytes(self) -> int:
        """Bytes of arrays of the size of the units."""
        return self._out_ptr.nbytes

    def require_sound(self, where: str = "weights") -> None:
        """As `SparseWeights.require_sound`."""
        require_array(f"{where}.data", self.data, self._inputs.shape, self.dtype)

    def check_bounds(self) -> None:
        """Do nothing: the index was checked when it was made, and nothing rewrites it."""

    def check(self) -> None:
        """Raise TopologyError unless all values are finite."""
        if not np.isfinite(self.data).all():
            raise TopologyError("Weights must be finite.")

    def settle(self, dense_above: float) -> PredictionWeights:
        """Return these weights: they are sparse."""
        return self

    def require_trainable(self) -> None:
        """Raise TypeError: these weights cannot be trained."""
        raise TypeError(UNTRAINABLE)

    def clear_removed(self) -> None:
        """Do nothing: nothing is masked."""

    def for_prediction(self) -> PredictionWeights:
        """Return a copy."""
        return PredictionWeights(self.shape, self._out_ptr.copy(), self._inputs.copy(), self.data.copy())

    def to_dict(self) -> dict:
        """Return everything that `from_dict` needs; input units below 65,536 in 2 bytes."""
        n_in, n_out = self.shape
        inputs = self._inputs.astype(np.uint16 if n_in <= 2**16 else np.int32, copy=False)
        return {"n_in": n_in, "n_out": n_out, "out_ptr": self._out_ptr, "inputs": inputs, "data": self.data, "state": self.state}

    @classmethod
    def from_dict(cls, content: dict) -> PredictionWeights:
        """Return weights from what `to_dict` returned, or raise TopologyError."""
        n_in, n_out = stored_shape(content)
        data = field(content, "data")
        data = stored(content, "data", getattr(data, "dtype", None), np.shape(data))
        if stored_state(content, "state", data).size:
            raise TopologyError("weights for prediction must have no optimizer state.")
        inputs = stored(content, "inputs", np.uint16 if n_in <= 2**16 else np.int32, data.shape)
        return cls((n_in, n_out), stored(content, "out_ptr", np.int32, (n_out + 1,)), inputs, data)

    def __repr__(self) -> str:
        return f"PredictionWeights{self.shape}: {self.n_connections:,} connections, density {self.density:.3g}"
