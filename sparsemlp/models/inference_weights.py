"""`for_prediction`: a network without what only training needs."""

import copy

import numpy as np
import scipy.sparse as sp

from ..engine.threads import engine
from ..errors import TopologyError
from ..layers import InputDropout, Linear
from ..weights.checks import Restored, _Index, checked_index, require_array
from ..weights.dense import DenseWeights
from ..weights.sparse import SparseWeights
from .network import Network

UNTRAINABLE = "A network made by for_prediction cannot be trained or changed; use the one it was made from."


_places = np.zeros(0, np.int32)


def places(n):
    """int32[n] : 0, 1, 2, ...; the same memory in every call, unless a larger n than ever before needs more."""
    global _places
    if _places.size < n:
        _places = np.arange(n, dtype=np.int32)
    return _places[:n]


class PredictionWeights(Restored):
    """The connections of one layer by output unit, without the index by input unit and the optimizer's state.

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
        Indices out of range, unsorted or doubled.

    Notes
    -----
    8 bytes a connection in float32: value and input unit. The kernels also ask for the place of each value: here 0, 1, 2, ..., one
    array for all layers of the process, as long as the largest one.
    """

    is_dense = False
    version = 0
    out_ptr, inputs = _Index(), _Index()

    def __init__(self, shape, out_ptr, inputs, data):
        self.shape = n_in, n_out = int(shape[0]), int(shape[1])
        self._out_ptr, self._inputs = checked_index((n_out, n_in), out_ptr, inputs)
        if data.dtype not in (np.float32, np.float64) or data.shape != self._inputs.shape:
            raise TopologyError(f"data must be float32 or float64 [{self._inputs.size}]; got {data.dtype}{list(data.shape)}.")
        self.data, self._dtype = np.ascontiguousarray(data), data.dtype
        self.state = np.zeros((0, data.size), data.dtype)

    @property
    def _perm(self):
        return places(self.data.size)

    n_connections = SparseWeights.n_connections
    density = SparseWeights.density
    dtype = SparseWeights.dtype

    @property
    def csr(self):
        """A `scipy.sparse.csr_array` copy."""
        return sp.csc_array((self.data, self._inputs, self._out_ptr), shape=self.shape).tocsr()

    @property
    def indptr(self):
        """int32[n_in + 1], counted anew each time: of the CSR structure by input unit."""
        counts = np.bincount(self._inputs, minlength=self.shape[0])
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    @property
    def indices(self):
        """int32[connections], sorted anew each time: output units, in CSR order."""
        return self.csr.indices

    def allocate_state(self, k):
        raise TypeError(UNTRAINABLE)

    def nbytes(self):
        """Bytes held, by purpose, as `SparseWeights.nbytes`."""
        index = self._inputs.nbytes + self._out_ptr.nbytes
        return {"values": self.data.nbytes, "indices": 0, "transposed_index": index, "optimizer_state": 0}

    def require_sound(self, where="weights"):
        """As `SparseWeights.require_sound`."""
        require_array(f"{where}.data", self.data, self._inputs.shape, self.dtype)

    def check_bounds(self):
        """The index was checked when it was made, and nothing rewrites it."""

    def check(self):
        """Raise TopologyError unless all values are finite."""
        if not np.isfinite(self.data).all():
            raise TopologyError("Weights must be finite.")

    def __repr__(self):
        return f"PredictionWeights{self.shape}: {self.n_connections:,} connections, density {self.density:.3g}"


def for_prediction(what):
    """A copy of a network that predicts the same, bit for bit, and holds nothing that only training needs.

    Parameters
    ----------
    what : Network or Trainer

    Returns
    -------
    Network
        Of the same class, with everything that predicts, evaluates and reports. `save` stores it in 6 bytes a connection, or 8 where
        a layer has more than 65,536 inputs; a trainer's file takes 12 and more.

    Raises
    ------
    TypeError
        `what` is neither a network nor a trainer.

    Notes
    -----
    8 bytes a connection in float32, and once 4 bytes a connection of the largest layer; a sparse layer in training takes 16 and 4 for
    each row of optimizer state. O(connections) time. It shares no memory with what it was made from, and cannot be trained; dense layers
    lose their optimizer state only.

    Examples
    --------
    >>> import numpy as np, sparsemlp as sm
    >>> net = sm.MLP([100, 200, 10], topology=sm.ErdosRenyi(epsilon=5), seed=0)
    >>> small = sm.for_prediction(net)
    >>> small
    MLP(100-200-10, 2,550 connections, density 0.116)
    >>> X = np.random.default_rng(0).standard_normal((5, 100))
    >>> np.array_equal(small.predict_proba(X), net.predict_proba(X))
    True
    >>> sm.memory_report(net).bytes_per_connection, sm.memory_report(small).bytes_per_connection
    (16.0, 8.0)
    """
    network = getattr(what, "network", what)
    if not isinstance(network, Network):
        raise TypeError(f"for_prediction takes a network or a trainer; got {type(what).__name__}.")
    with engine():  # between two steps of whatever thread trains it
        small = copy.copy(network)
        small.layers = [_for_prediction(layer) for layer in network.layers]
    small.input_dropout, small.trained_by = InputDropout(0.0), None
    return small


def _for_prediction(layer):
    w = layer.weights
    if isinstance(w, SparseWeights):
        weights = PredictionWeights(w.shape, w.out_ptr.copy(), w.inputs.copy(), w.data[w.perm])
    elif w.is_dense:
        removed = None if w.removed is None else w.removed.reshape(w.shape).copy()
        weights = DenseWeights(w.matrix.copy(), removed)
    else:
        weights = copy.deepcopy(w)
    return Linear(weights, layer.bias.copy(), layer.activation, layer.slope)
