"""y = dropout(activation(x W + b)), with sparse or dense W."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..engine.threads import in_pieces
from ..initializers import Initializer
from ..kernels.codes import Rule
from ..weights.checks import field, stored, stored_state
from .base import CODES, Call, Epilogue, Layer, Parameter
from .stored import weights_from_dict

if TYPE_CHECKING:
    from ..engine.context import Context
    from .base import Sink


ACTIVATIONS = tuple(CODES)
SMALLEST_SLOPE = 1e-6  # of a leaky ReLU: with less its outputs could underflow to 0, which hides their sign from the backward pass
# (bytes of a batch tile that a pass over a sparse layer works in, its rows, connections of a unit that must meet them: with fewer, blocks
# cost more than they save): the first that a layer is dense enough for. 1 MB is a common second-level cache; small blocks suit forward,
# which reads a unit's values from as many cache lines as a block has rows.
BACKWARD_BLOCKS = ((1024 * 1024, 1 << 31, 256),)
FORWARD_BLOCKS = ((32 * 1024, 256, 60), (64 * 1024, 256, 24), *BACKWARD_BLOCKS)
CHUNKS_PER_THREAD = 6
CHUNK_CONNECTIONS = 8192  # the most in a chunk of several units: it bounds the scratch memory
GROUPS = 2  # how many groups of tiles backward works on side by side; if threads decided it, results would depend on them
SLOTS = 4  # by how many chunks a group may be ahead of another in backward; docs/kernels.md draws it


def _chunks(ptr: np.ndarray, n_chunks: int) -> np.ndarray:
    """Return int64 bounds of ranges of units with about equal connections; a unit counts as 4 more."""
    work = ptr.astype(np.int64) + 4 * np.arange(ptr.size)
    bounds = np.searchsorted(work, work[-1] * np.arange(n_chunks + 1) / n_chunks).astype(np.int64)
    bounds[0], bounds[-1] = 0, ptr.size - 1
    return np.unique(bounds)  # no empty ranges: a kernel may read the last unit of each


def block_rows(n_units: int, n_rows: int, n_connections: int | None, lane_bytes: int, sizes: Any) -> int:
    """Return how many of a tile's rows one pass over the units' connections works in."""
    for n_bytes, most_rows, fewest in sizes:
        block = max(min(n_bytes // lane_bytes, most_rows), 16)
        n_blocks = -(-n_rows // block)
        if n_blocks * n_units * fewest <= n_connections:
            return block
    return n_rows


def _pointers(w: Any, indptr: np.ndarray, minor: np.ndarray, n_rows: int, block: int) -> np.ndarray:
    """Return uint32[blocks + 1, n]: where the parts of each unit's connections that meet one block of rows begin."""
    from ..kernels.index import block_pointers

    ptr = np.empty((-(-n_rows // block) + 1, indptr.size - 1), np.uint32)
    block_pointers(w, indptr, minor, block, ptr)
    return ptr


class Linear(Layer):
    """A layer of connections with its bias, activation and dropout.

    Parameters
    ----------
    weights : SparseWeights or DenseWeights
        Which connections exist, and their values; n_in and n_out follow from its shape.
    bias : float[n_out], of the weights' dtype
        Taken over, not copied.
    activation : {"identity", "relu", "leaky_relu", "sigmoid", "tanh"}
        What is applied to each unit's sum.
    slope : float
        What a leaky ReLU multiplies negative sums by; at a sum of 0 its derivative is 1. A slope of 0 makes it a ReLU.
    dropout : float in [0, 1)
        Inverted dropout of the layer's outputs during training: no mask is stored, forward and backward compute the same hash.
    initializer : Initializer, optional
        The rule for connections that are added later, and for weights that are drawn anew; some policies and procedures need it.

    Attributes
    ----------
    bias_state : float[k, n_out]
        The optimizer's state of the bias.

    Examples
    --------
    >>> from sparsemlp.weights.dense import DenseWeights
    >>> Linear(DenseWeights(np.ones((3, 2), np.float32)), np.zeros(2, np.float32), "tanh")
    Linear(DenseWeights(3, 2): 6 connections, tanh)
    """

    applies_epilogue = fuses_epilogue = fuses_update = True

    def __init__(
        self,
        weights: Any,
        bias: np.ndarray,
        activation: str = "relu",
        slope: float = 0.01,
        dropout: float = 0.0,
        initializer: Initializer | None = None,
    ) -> None:
        self.weights = weights
        self.activation = checks.choice("activation", activation, ACTIVATIONS)
        self.slope = checks.real("slope", slope, 0)
        if 0 < self.slope < SMALLEST_SLOPE:
            raise ValueError(f"slope must be 0 or at least {SMALLEST_SLOPE:g}; got {slope!r}. activation='relu' is a slope of 0.")
        self.dropout = checks.fraction("dropout", dropout, open_high=True)
        bias = np.asarray(bias)
        if bias.shape != (weights.shape[1],) or bias.dtype != weights.dtype:
            raise ValueError(f"bias must be {weights.dtype}[{weights.shape[1]}]; got {bias.dtype}{list(bias.shape)}.")
        self._bias = Parameter("bias", bias)
        if initializer is not None:
            checks.instance("initializer", initializer, Initializer, "sm.He()")
        self.initializer = initializer

    n_in = property(lambda self: self.weights.shape[0])
    n_out = property(lambda self: self.weights.shape[1])
    dtype = property(lambda self: self.weights.dtype)
    uses_blas = property(lambda self: self.weights.is_dense)

    @property
    def bias(self) -> np.ndarray:
        """float[n_out], added to the sums."""
        return self._bias.data

    @bias.setter
    def bias(self, array: np.ndarray) -> None:
        self._bias.data = array

    @property
    def bias_state(self) -> np.ndarray:
        return self._bias.state

    @bias_state.setter
    def bias_state(self, array: np.ndarray) -> None:
        self._bias.state = array

    def parameters(self) -> list:
        return [self.weights, self._bias]

    def arrays(self) -> tuple:
        w, b = self.weights, self._bias
        return *w.arrays(), b.data, b.state

    def epilogue(self) -> Epilogue:
        return Epilogue(self.activation, self.slope, self.dropout)

    def forward(self, ctx: Context, x: np.ndarray, y: np.ndarray, epilogue: tuple, *, training: bool) -> Call:
        """See `Layer.forward`; connections times samples multiply-adds."""
        from ..kernels import epilogue as epilogues
        from ..kernels import forward

        w, nt, (ints, reals) = ctx.w, ctx.n_threads, epilogue
        if self.weights.is_dense:
            kernel = epilogues.dense_forward_epilogue.of(nt)
            return Call(_dense_forward, self.weights.matrix.T, x, y, ctx.n, kernel, (w, nt, y, self.bias, ints, reals))
        weights, tiles = self.weights, x.shape[0]
        n_chunks = max(-(-CHUNKS_PER_THREAD * nt // tiles), weights.n_connections // CHUNK_CONNECTIONS)
        chunks = _chunks(weights._out_ptr, n_chunks)
        block = block_rows(self.n_out, self.n_in, weights.n_connections, x.shape[2] * x.itemsize, FORWARD_BLOCKS)
        ptr = _pointers(w, weights._out_ptr, weights._inputs, self.n_in, block)
        perm, inputs = weights._perm.view(np.uint32), weights._inputs.view(np.uint32)
        ticket = ctx.ticket(nt + (tiles * chunks.size if len(ptr) > 2 else 0))
        args = w, nt, x, y, self.bias, weights.data, perm, inputs, ptr, block, chunks, ticket, ints, reals
        return Call(forward.forward.of(nt), *args, scratch=(ptr,))

    def _backward_block(self, lane_bytes: int) -> int:
        return block_rows(self.n_in, self.n_out, self.weights.n_connections, lane_bytes, BACKWARD_BLOCKS)

    def in_place(self, lane_bytes: int) -> bool:
        """Return whether each unit's connections are passed once, and its inputs not needed after."""
        return not self.weights.is_dense and self._backward_block(lane_bytes) >= self.n_out

    def backward(self, ctx: Context, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, sink: Sink) -> Call:
        """See `Layer.backward`; twice the multiply-adds of forward, once without dx. The rule GRADIENT writes the gradients of a dense
        layer's masked weights too."""
        from ..kernels import backward, epilogue, update

        w, nt = ctx.w, ctx.n_threads
        ints, reals, sums_in = sink.below
        (state, bias_state), (hyper, bias_hyper), rule, weights = sink.states, sink.hypers, int(sink.rule), self.weights
        if weights.is_dense:
            back = epilogue.dense_backward_epilogue.of(nt)
            dw, spare = ctx.dense_gradients(weights.shape, x.shape[0])
            removed = None if rule == Rule.GRADIENT else weights.removed
            return Call(
                _dense_backward, weights.matrix, x, dy, dx, ctx.n, dw, spare, removed, back, (w, nt, x, dx, sums_in, ints, reals),
                update.update_part, w, (weights.data, dw.reshape(-1), state, rule, hyper),
                (self.bias, sink.sums, bias_state, rule, bias_hyper),
            )  # fmt: skip
        groups = min(GROUPS, x.shape[0])
        parts = -(-nt // groups)
        chunks = _chunks(weights._indptr, max(CHUNKS_PER_THREAD * nt, weights.n_connections // CHUNK_CONNECTIONS))
        block = self._backward_block(x.shape[2] * x.itemsize)
        ptr = _pointers(w, weights._indptr, weights._indices, self.n_out, block)
        largest = int((np.diff(weights._indptr[chunks]) + np.diff(chunks)).max()) + 4
        shape = groups, parts, SLOTS, -(-largest // 16) * 16
        ticket = ctx.ticket(groups * parts + 2 * parts * SLOTS + (groups * chunks.size if len(ptr) > 2 else 0))
        slots = ctx.scratch(math.prod(shape)).reshape(shape)
        outputs = weights._indices.view(np.uint32)
        return Call(
            backward.backward.of(nt), w, nt, x, dy, dx, sums_in, weights.data, outputs, ptr, block, chunks, ticket, state,
            self.bias, sink.sums, bias_state, slots, ints, reals, rule, hyper, bias_hyper, scratch=(ptr,),
        )  # fmt: skip

    def reached(self, units: np.ndarray) -> np.ndarray:
        return self.weights.reached(units)

    def needed(self, units: np.ndarray) -> np.ndarray:
        return self.weights.needed(units)

    def for_prediction(self) -> Layer:
        return Linear(self.weights.for_prediction(), self.bias.copy(), self.activation, self.slope)

    def fresh(self, weights: Any) -> Layer:
        bias = np.zeros(self.n_out, weights.dtype)
        return Linear(weights, bias, self.activation, self.slope, self.dropout, self.initializer)

    def describe(self) -> dict[str, str]:
        return {"kind": "Linear", "shape": f"{self.n_in} x {self.n_out}", "activation": self.activation, "dropout": f"{self.dropout:g}"}

    def to_dict(self) -> dict:
        return {
            **self.weights.to_dict(),
            "activation": self.activation,
            "slope": float(self.slope),
            "dropout": float(self.dropout),
            "initializer": self.initializer,
            "bias": self.bias,
            "bias_state": self.bias_state,
        }

    @classmethod
    def from_dict(cls, content: dict) -> Layer:
        """See `Layer.from_dict`. The kind of weights follows from which index there is."""
        weights = weights_from_dict(content)
        names = "activation", "slope", "dropout", "initializer"
        bias = stored(content, "bias", weights.dtype, (weights.shape[1],))
        layer = cls(weights, bias, *(field(content, name) for name in names))
        layer.bias_state = stored_state(content, "bias_state", layer.bias)
        return layer

    def __repr__(self) -> str:
        drop = f", dropout {self.dropout:g}" if self.dropout else ""
        return f"Linear({self.weights!r}, {self.activation}{drop})"


def _live(x: np.ndarray, tile: int, n: int) -> int:
    """Return how many lanes of a tile hold samples of a batch of n."""
    return min(x.shape[2], n - tile * x.shape[2])


def _dense_forward(transposed: np.ndarray, x: np.ndarray, y: np.ndarray, n: int, kernel: Any, args: Any) -> None:
    for tile in range(x.shape[0]):
        live = _live(x, tile, n)
        np.matmul(transposed, x[tile, :, :live], out=y[tile, :, :live])
    kernel(*args)


def _dense_backward(
    matrix: np.ndarray,
    x: np.ndarray,
    dy: np.ndarray,
    dx: np.ndarray,
    n: int,
    dw: np.ndarray,
    spare: np.ndarray,
    removed: np.ndarray | None,
    back: Any,
    back_args: tuple,
    step: Any,
    w: Any,
    step_args: tuple,
    bias_args: tuple,
) -> None:
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
