"""y = dropout(activation(x W + b)), with sparse or dense W."""

import math
from functools import partial

import numpy as np

from .. import checks
from ..engine.threads import in_pieces
from ..weights.checks import TAKEN_OVER, Restored, require_array, require_state
from .input_dropout import epilogue_arrays

# codes of kernels/common.py, by name, so that importing this module compiles nothing
ACTIVATIONS = {"identity": 0, "relu": 1, "leaky_relu": 2, "sigmoid": 3, "tanh": 4}
# (bytes of a batch tile that a pass over a sparse layer works in, its rows, connections of a unit that must meet them: with fewer, blocks
# cost more than they save): the first that a layer is dense enough for. 1 MB is a common second-level cache; small blocks suit forward,
# which reads a unit's values from as many cache lines as a block has rows.
BACKWARD_BLOCKS = ((1024 * 1024, 1 << 31, 256),)
FORWARD_BLOCKS = ((32 * 1024, 256, 60), (64 * 1024, 256, 24), *BACKWARD_BLOCKS)
CHUNKS_PER_THREAD = 6
CHUNK_CONNECTIONS = 8192  # at most, in a chunk of several units: bounds the scratch memory
GROUPS = 2  # of tiles, that backward works on side by side; a number of threads here would make results depend on it
SLOTS = 4  # chunks by which a group may be ahead of another in backward


def _chunks(ptr, n_chunks):
    """int64 bounds of ranges of units with about equal connections; a unit counts as 4 more."""
    work = ptr.astype(np.int64) + 4 * np.arange(ptr.size)
    bounds = np.searchsorted(work, work[-1] * np.arange(n_chunks + 1) / n_chunks).astype(np.int64)
    bounds[0], bounds[-1] = 0, ptr.size - 1
    return np.unique(bounds)  # no empty ranges: a kernel may read the last unit of each


def _block(n_units, n_rows, n_connections, lane_bytes, sizes):
    """How many of a tile's rows one pass over the units' connections works in."""
    for n_bytes, most_rows, fewest in sizes:
        block = max(min(n_bytes // lane_bytes, most_rows), 16)
        n_blocks = -(-n_rows // block)
        if n_blocks * n_units * fewest <= n_connections:
            return block
    return n_rows


def _pointers(w, indptr, minor, n_rows, block):
    """uint32[blocks + 1, n]: where the parts of each unit's connections that meet one block of rows begin."""
    from ..kernels.index import block_pointers

    ptr = np.empty((-(-n_rows // block) + 1, indptr.size - 1), np.uint32)
    block_pointers(w, indptr, minor, block, ptr)
    return ptr


class Linear(Restored):
    """One layer of connections with its bias, activation and dropout.

    Parameters
    ----------
    weights : SparseWeights or DenseWeights
    bias : float[n_out], of the weights' dtype
    activation : {"identity", "relu", "leaky_relu", "sigmoid", "tanh"}
    slope : float
        Of the leaky ReLU for negative values; at 0 its derivative is 1.
    dropout : float in [0, 1)
        Inverted dropout of the layer's outputs during training: no mask is stored, forward and backward compute the same hash.

    Attributes
    ----------
    bias_state : float[k, n_out]
        The optimizer's state of the bias.
    """

    def __init__(self, weights, bias, activation="relu", slope=0.01, dropout=0.0):
        self.weights, self.bias = weights, np.require(bias, requirements=TAKEN_OVER)
        self.activation = checks.choice("activation", activation, ACTIVATIONS)
        self.slope = checks.real("slope", slope, 0)
        self.dropout = checks.fraction("dropout", dropout, open_high=True)
        if bias.shape != (weights.shape[1],) or bias.dtype != weights.dtype:
            raise ValueError(f"bias must be {weights.dtype}[{weights.shape[1]}]; got {bias.dtype}{list(bias.shape)}.")
        self.bias_state = np.zeros((0, bias.size), bias.dtype)

    n_in = property(lambda self: self.weights.shape[0])
    n_out = property(lambda self: self.weights.shape[1])

    def allocate_state(self, k):
        """Give connections and biases k rows of optimizer state, zeros unless they have k rows already."""
        self.weights.allocate_state(k)
        if self.bias_state.shape[0] != k:
            self.bias_state = np.zeros((k, self.bias.size), self.bias.dtype)

    def epilogue(self, *, training, activation=None):
        """`ints` and `reals` of this layer's outputs for the kernels."""
        code = ACTIVATIONS[activation or self.activation]
        return epilogue_arrays(code, self.slope, self.dropout if training else 0.0, self.bias.dtype)

    def forward_call(self, context, x, y, n, ints, reals):
        """(function, arguments) that fill y : float[tiles, n_out, lanes] from x : float[tiles, n_in, lanes], n samples."""
        from ..kernels import epilogue, forward

        w, nt = context.w, context.n_threads
        if self.weights.is_dense:
            kernel = epilogue.dense_forward_epilogue if nt > 1 else epilogue.dense_forward_epilogue_serial
            return _dense_forward, (self.weights.matrix.T, x, y, n, kernel, (w, nt, y, self.bias, ints, reals))
        weights, tiles = self.weights, x.shape[0]
        n_chunks = max(-(-CHUNKS_PER_THREAD * nt // tiles), weights.n_connections // CHUNK_CONNECTIONS)
        chunks = _chunks(weights._out_ptr, n_chunks)
        block = _block(self.n_out, self.n_in, weights.n_connections, x.shape[2] * x.itemsize, FORWARD_BLOCKS)
        ptr = _pointers(w, weights._out_ptr, weights._inputs, self.n_in, block)
        perm, inputs = weights._perm.view(np.uint32), weights._inputs.view(np.uint32)
        ticket = context.ticket(nt + (tiles * chunks.size if len(ptr) > 2 else 0))
        kernel = forward.forward if nt > 1 else forward.forward_serial
        return kernel, (w, nt, x, y, self.bias, weights.data, perm, inputs, ptr, block, chunks, ticket, ints, reals)

    def _backward_block(self, lane_bytes):
        return _block(self.n_in, self.n_out, self.weights.n_connections, lane_bytes, BACKWARD_BLOCKS)

    def backward_in_place(self, lane_bytes):
        """Whether `backward_call` may be given x for dx: each unit's connections are then passed once, and its inputs not needed after."""
        return not self.weights.is_dense and self._backward_block(lane_bytes) >= self.n_out

    def backward_call(self, context, x, dy, dx, n, below, rule, hyper, bias_hyper, dbias, states):
        """(function, arguments) that fill dx, the gradient at the pre-activation of the layer below, and apply the update rule.

        Parameters
        ----------
        x, dy, dx : float[tiles, units, lanes]; dx has no tiles for the first layer, and may be x, which it then overwrites, where
            `backward_in_place` says so
        below : (ints, reals, dbias) of the layer below; dbias : float[n_out] of this layer, filled by the layer above
        rule, hyper, bias_hyper : see kernels/update.py
        states : (float[k, connections], float[k, n_out]), the optimizer's state, or where the rule GRADIENT writes; of a dense
            layer it writes the gradients of masked weights too
        """
        from ..kernels import backward, epilogue, update

        w, nt = context.w, context.n_threads
        ints, reals, dbias_in = below
        state, bias_state = states
        if self.weights.is_dense:
            back = epilogue.dense_backward_epilogue if nt > 1 else epilogue.dense_backward_epilogue_serial
            dw, spare = context.dense_gradients(self.weights.shape, x.shape[0])
            removed = None if rule == update.GRADIENT else self.weights.removed
            return _dense_backward, (
                self.weights.matrix, x, dy, dx, n, dw, spare, removed, back, (w, nt, x, dx, dbias_in, ints, reals),
                update.update_part, w, (self.weights.data, dw.reshape(-1), state, rule, hyper),
                (self.bias, dbias, bias_state, rule, bias_hyper),
            )  # fmt: skip
        weights = self.weights
        groups = min(GROUPS, x.shape[0])
        parts = -(-nt // groups)
        chunks = _chunks(weights._indptr, max(CHUNKS_PER_THREAD * nt, weights.n_connections // CHUNK_CONNECTIONS))
        block = self._backward_block(x.shape[2] * x.itemsize)
        ptr = _pointers(w, weights._indptr, weights._indices, self.n_out, block)
        largest = int((np.diff(weights._indptr[chunks]) + np.diff(chunks)).max()) + 4
        shape = groups, parts, SLOTS, -(-largest // 16) * 16
        ticket = context.ticket(groups * parts + 2 * parts * SLOTS + (groups * chunks.size if len(ptr) > 2 else 0))
        slots = context.scratch(math.prod(shape)).reshape(shape)
        outputs = weights._indices.view(np.uint32)
        kernel = backward.backward if nt > 1 else backward.backward_serial
        return kernel, (
            w, nt, x, dy, dx, dbias_in, weights.data, outputs, ptr, block, chunks, ticket, state,
            self.bias, dbias, bias_state, slots, ints, reals, rule, hyper, bias_hyper,
        )  # fmt: skip

    def arrays(self):
        """What users can replace: compared by identity before every step, so that nobody trains arrays that are no longer here."""
        w = self.weights
        return w, w.version, w.data, w.state, getattr(w, "removed", None), self.bias, self.bias_state

    def require_sound(self, where="layer"):
        """Raise TopologyError unless kernels may take this layer's arrays. O(1); `where` begins the message."""
        require_array(f"{where}.bias", self.bias, (self.n_out,), self.weights.dtype)
        require_state(f"{where}.bias_state", self.bias_state, self.bias)
        self.weights.require_sound(f"{where}.weights")

    def nbytes(self):
        """Bytes by purpose: those of the weights, and of the bias with its state."""
        return {**self.weights.nbytes(), "bias": self.bias.nbytes + self.bias_state.nbytes}

    def __repr__(self):
        drop = f", dropout {self.dropout:g}" if self.dropout else ""
        return f"Linear({self.weights!r}, {self.activation}{drop})"


def _live(x, tile, n):
    """How many lanes of a tile hold samples of a batch of n."""
    return min(x.shape[2], n - tile * x.shape[2])


def _dense_forward(transposed, x, y, n, kernel, args):
    for tile in range(x.shape[0]):
        live = _live(x, tile, n)
        np.matmul(transposed, x[tile, :, :live], out=y[tile, :, :live])
    kernel(*args)


def _dense_backward(matrix, x, dy, dx, n, dw, spare, removed, back, back_args, step, w, step_args, bias_args):
    for tile in range(x.shape[0]):
        live = _live(x, tile, n)
        np.matmul(x[tile, :, :live], dy[tile, :, :live].T, out=spare if tile else dw)
        if tile:
            np.add(dw, spare, out=dw)
        if dx.size:
            np.matmul(matrix, dy[tile, :, :live], out=dx[tile, :, :live])
            dx[tile, :, live:] = 0  # what a larger batch left there
    if dx.size:
        back(*back_args)
    if removed is not None:
        np.copyto(step_args[1], 0, where=removed)  # no gradient: value and state stay exactly zero
    in_pieces(partial(step, w), dw.size, *step_args)
    step(w, 0, bias_args[0].size, *bias_args)
