"""Buffers and prebuilt calls of one network for one batch size: what makes a step free of allocation.

A plan is valid for the arrays, the topologies and the number of threads it was built for; `fits` says whether they are still those.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.codes import Ints, Rule
from ..layers.base import NOTHING, Call, Sink
from ..layers.dropout import dropout
from .context import ALIGNMENT, Context, aligned
from .memory_limit import require_for_batch
from .threads import get_num_threads

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..models.network import Network
LITTLE = 1_000_000  # multiply-adds of a forward pass that the calling thread does alone
CACHED_BYTES = 512 * 1024  # of a layer's tile of 128 columns that a second-level cache keeps beside the rest
DENSE_IN_CACHE, DENSE = 0.075, 0.3  # densities of the largest layer above which tiles of 128 columns are faster


def widest_tile(layers: list[Layer], itemsize: int) -> int:
    """Return the most batch columns of a tile, 64 or 128, for these layers. Sums depend on it, so threads must not.

    At 64, threads share a batch of 128 tile by tile, and each finds its activations in its own cache; but every tile reads all
    weights. Where these are the larger part, and registers hold 64 bytes (AVX-512), it is 128; BLAS wants one wide product anyway.
    What is stored counts, masked weights too: a mask that grows must not change the sums of a run that is saved and resumed.
    """
    from ..kernels.simd import REGISTER_BYTES

    weights = [layer.weights for layer in layers if layer.weights is not None]
    if not weights:
        return 64
    if all(layer.uses_blas for layer in layers if layer.weights is not None):
        return 128
    largest = max(weights, key=lambda w: w.data.size)
    in_cache = 128 * itemsize * max(largest.shape) <= CACHED_BYTES
    density = largest.data.size / math.prod(largest.shape)
    return 128 if REGISTER_BYTES >= 64 and density > (DENSE_IN_CACHE if in_cache else DENSE) else 64


def choose_lanes(n_batch: int, widest: int) -> int:
    """Return how many batch columns a tile has: up to the widest tile, the next power of two from 8.

    Beyond it, tiles of the widest; of 64 in place of 128 where that saves a sixth of the lanes.
    """
    lanes = 8
    while lanes < min(n_batch, widest):
        lanes *= 2
    if n_batch > widest > 64:
        wide, half = (-(-n_batch // t) * t for t in (widest, widest // 2))
        lanes = widest // 2 if half <= wide * 5 / 6 else widest
    return lanes


class Plan:
    """Holds everything that the forward pass, and in training the backward pass, of a batch of `n` samples needs.

    Parameters
    ----------
    network : Network
    n : int
        How many samples the batch has.
    capacity : int
        How many the largest batch has that shares the tile width; a last, partial batch then needs no other compilation.
    output_activation : str
        What the last layer applies; "identity" leaves logits, None its own.
    training : bool
        Whether there are dropout and buffers of gradients.
    share : Plan, optional
        A plan of a larger batch, whose memory this one uses.
    keep_activations : bool
        Whether backward must leave the inputs of all layers as they are. Otherwise gradients overwrite them wherever a layer can do that:
        half the buffers, and less traffic between memory and caches.

    Attributes
    ----------
    inputs : float[tiles, n_in, lanes]
    outputs : float[tiles, n_out, lanes]
        What the last layer gives.
    output_gradient : float[tiles, n_out, lanes]
        Where the loss writes its gradient at the last layer's sums (training only); `sums[-1]` is where it adds it up.
    activations : list of float[tiles, units, lanes]
        The inputs, then the outputs of each layer.
    gradients : list of float[tiles, units, lanes]
        Loss gradients at the sums of each layer (training only); may be the same arrays as the activations.
    forward : list of Call
    blas_alone : bool
        Whether BLAS must be held to one thread while these calls run: the net has dense and sparse layers.
    to_tiles : kernel
        The kernel of `kernels/tiles.py` for this number of threads.
    """

    lanes: int
    context: Context
    activations: list
    gradients: list
    sums: list
    offsets: np.ndarray
    scale_tiles: np.ndarray
    backward: list[list[Call]]
    split: dict
    stored: Any

    def __init__(
        self,
        network: Network,
        n: int,
        capacity: int,
        *,
        output_activation: str | None,
        training: bool,
        share: Plan | None = None,
        keep_activations: bool = False,
    ) -> None:
        from ..kernels import tiles

        layers, dtype = network.layers, network.dtype
        network.require_sound()
        lanes = share.lanes if share else choose_lanes(capacity, widest_tile(layers, dtype.itemsize))
        self.n, self.lanes, self.tiles = n, lanes, -(-n // lanes)
        # BLAS brings its own threads, beside which ours would only spin: a net of dense layers leaves the work to BLAS, a mixed one holds
        # BLAS to a thread. And a little work is done before other threads have woken, all the more where BLAS's still spin.
        stored = [layer.weights.data.size for layer in layers if layer.weights is not None]
        dense = [layer.uses_blas for layer in layers if layer.weights is not None]
        self.blas_alone = any(dense) and not all(dense)
        n_threads = 1 if all(dense) or n * sum(stored) < LITTLE else get_num_threads()
        self.context = Context(lanes, dtype, n, n_threads, share.context.memory if share else None)
        self.to_tiles = tiles.to_tiles.of(n_threads)
        self.sources = [layer.arrays() for layer in layers]
        if share:
            self.activations = [a[: self.tiles] for a in share.activations]
            self.gradients = [a[: self.tiles] for a in share.gradients]
            self.sums, self.offsets, self.scale_tiles = share.sums, share.offsets, share.scale_tiles[: self.tiles]
        else:
            self._allocate(network, capacity, training, keep_activations)
        self.scale, self.weights64 = np.full(n, 1 / n, dtype), np.empty(n)
        self.labels = np.empty(n, np.int64)
        self.rows = np.arange(n, dtype=np.int64)
        self.stats = np.zeros(2)
        self.inputs, self.outputs, self.output_gradient = self.activations[0], self.activations[-1], self.gradients[-1]
        self._build_forward(network, output_activation, training)

    def _allocate(self, network: Network, capacity: int, training: bool, keep_activations: bool) -> None:
        layers, dtype, lanes = network.layers, network.dtype, self.lanes
        # by layer: whether the gradient at its sums is written over its outputs, by the layer above
        lane_bytes = lanes * dtype.itemsize
        pairs = zip(layers[:-1], layers[1:], strict=True)
        over = [not keep_activations and above.in_place(lane_bytes) and not layer.needs_output for layer, above in pairs] + [False]
        self._require_memory(network, capacity, over if training else None)
        # Forward only, two buffers take turns; training keeps every layer's outputs.
        units = [network.n_in] + [layer.n_out for layer in layers]
        if training:
            self.activations = [aligned((self.tiles, u, lanes), dtype) for u in units]
            self.gradients = [a if same else aligned(a.shape, dtype) for a, same in zip(self.activations[1:], over, strict=True)]
        else:
            pool = [aligned((self.tiles * max(units[k::2], default=0) * lanes,), dtype) for k in (0, 1)]
            self.activations = [pool[k % 2][: self.tiles * u * lanes].reshape(self.tiles, u, lanes) for k, u in enumerate(units)]
            self.gradients = [aligned((self.tiles, units[-1], lanes), dtype)]
        self.sums = [np.zeros(u, dtype) for u in units[1:]]
        self.scale_tiles = np.zeros((self.tiles, lanes), dtype)
        self.offsets = np.zeros((self.context.n_threads, 16), np.int64)

    def _build_forward(self, network: Network, output_activation: str | None, training: bool) -> None:
        self.forward, self.dropouts, self.epilogues = [], [], []
        a, last = self.activations, len(network.layers) - 1
        if training and network.input_dropout.dropout:
            ints, call = network.input_dropout.forward(self.context, a[0])
            self.dropouts.append((0, ints))
            self.forward.append(call)
        for k, layer in enumerate(network.layers):
            said = layer.epilogue()
            applied = replace(said, activation=output_activation) if k == last and output_activation else said  # type: ignore[type-var]
            ints, reals = (applied or NOTHING).arrays(network.dtype, training=training)
            if ints[Ints.THRESHOLD]:
                self.dropouts.append((k + 1, ints))
            self.epilogues.append(None if said is None else (ints, reals))
            self.forward.append(layer.forward(self.context, a[k], a[k + 1], (ints, reals), training=training))
            if ints[Ints.THRESHOLD] and not layer.applies_epilogue:
                self.forward.append(dropout(self.context, a[k + 1], ints, reals))

    def backward_calls(self, network: Network, rule: int, hypers: list, states: list | None = None) -> list[list[Call]]:
        """Return calls from the last layer to the first, a list for each layer; see `backward_call`."""
        order = range(len(network.layers) - 1, -1, -1)
        return [self.backward_call(network, k, rule, hypers[k], states[k] if states else None) for k in order]

    def backward_call(self, network: Network, k: int, rule: int, hypers: list, states: list | None = None) -> list[Call]:
        """Return the calls of layer k's backward pass and update.

        Parameters
        ----------
        network : Network
        k : int
        rule : int
            One of `codes.Rule`; GRADIENT leaves the parameters alone.
        hypers : list of float[N_HYPER], one a parameter
        states : list of float[rows, n], one a parameter, optional
            The optimizer's, or where the rule GRADIENT writes. Default: the parameters' own.
        """
        a, d, layer = self.activations, self.gradients, network.layers[k]
        ctx, dtype, parameters = self.context, network.dtype, layer.parameters()
        states = states or [p.state for p in parameters]
        dx = d[k - 1] if k else np.zeros((0, 0, self.lanes), dtype)
        finish = self.epilogues[k - 1] if k else None
        below = (*finish, self.sums[k - 1]) if finish else (*NOTHING.arrays(dtype, training=False), np.zeros(layer.n_in if k else 0, dtype))
        if layer.fuses_update:
            gradients, after = list[Any](), list[Call]()
        else:
            gradients, after = self._separate_update(layer, parameters, rule, hypers, states)
        sink = Sink(gradients, self.sums[k], rule, hypers, states, below)
        calls = [layer.backward(ctx, a[k], a[k + 1], d[k], dx, sink)]
        if finish and not layer.fuses_epilogue:
            from ..kernels import epilogue

            args = ctx.w, ctx.n_threads, a[k], dx, self.sums[k - 1], *finish
            calls.append(Call(epilogue.dense_backward_epilogue.of(ctx.n_threads), *args))
        return [*calls, *after]

    def _separate_update(self, layer: Layer, parameters: list, rule: int, hypers: list, states: list) -> tuple[list, list[Call]]:
        """Return ([gradient of each parameter], [calls that update from them]) of a layer that does not do so itself."""
        from ..kernels import update

        if rule == Rule.GRADIENT:  # its state is where they go
            return [state[0] for state in states], []
        gradients = [self.context.keep(layer, f"gradient of {p.name}", p.data.shape) for p in parameters]
        rows = zip(parameters, gradients, states, hypers, strict=True)
        w = self.context.w
        return gradients, [Call(update.update_part, w, 0, p.data.size, p.data, g, s, rule, h) for p, g, s, h in rows]

    def _require_memory(self, network: Network, n: int, over: list[bool] | None) -> None:
        """Raise MemoryError, before anything is allocated, if the buffers for batches of n would not fit; over None: inference."""
        units, training = [network.n_in] + [layer.n_out for layer in network.layers], over is not None
        if training:
            own = sum(u for u, same in zip(units[1:], over, strict=True) if not same)  # type: ignore[arg-type]  # not None here
            rows, fix = sum(units) + own, "batch_size={}"
        else:
            rows, fix = max(units[::2]) + max(units[1::2], default=0) + units[-1], "{} samples at a time"
        itemsize = np.dtype(network.dtype).itemsize
        dense = {layer.weights.shape for layer in network.layers if training and layer.uses_blas}
        fixed = sum(n_in * n_out for n_in, n_out in dense) * itemsize * (1 + (self.tiles > 1))
        require_for_batch(self.tiles * self.lanes, rows * itemsize, fixed, f"The buffers for batches of {n}", fix)

    def uniform_scale(self, n: float | None = None) -> None:
        """Give every sample of the batch the same weight: 1 / n, of the batch's n or of a global batch's."""
        self.scale.fill(1 / (n or self.n))

    def place(self, first: int) -> None:
        """Say where in the global batch this one begins: dropout draws by a sample's place there."""
        for _, ints in self.dropouts:
            ints[Ints.FIRST] = first

    def fits(self, network: Network) -> bool:
        """Return whether this plan is for these very layers and arrays, with the topology they had; a microsecond."""
        layers, sources = network.layers, self.sources
        if self.context.asked_threads != get_num_threads() or len(layers) != len(sources):
            return False
        for layer, source in zip(layers, sources, strict=True):
            now = layer.arrays()
            if len(now) != len(source):
                return False
            for one, other in zip(now, source, strict=True):
                if one is not other:  # also the version: the same object until a change makes another
                    return False
        return True

    def gradient_bytes(self, k: int) -> int:
        """Return bytes of the gradients of layer k's outputs; 0 where they take the place of the outputs."""
        return 0 if np.may_share_memory(self.gradients[k], self.activations[k + 1]) else self.gradients[k].nbytes

    def nbytes(self, more: Any = ()) -> dict[str, int]:
        """Return bytes of the buffers, by purpose: activations (with the input tile), gradients, scratch; `more` calls count too."""
        own = self.context.nbytes()
        pointers = sum({id(a): a.nbytes for call in (*self.forward, *more) for a in call.scratch}.values())
        small = sum(a.nbytes for a in (self.scale, self.scale_tiles, self.rows, self.offsets))
        activations = sum({id(a.base): a.base.nbytes - ALIGNMENT for a in self.activations}.values())  # inference: two in turns
        return {
            "activations": activations,
            "gradients": own["gradients"] + sum(map(self.gradient_bytes, range(len(self.gradients)))) + sum(b.nbytes for b in self.sums),
            "scratch": own["scratch"] + pointers + small,
        }
