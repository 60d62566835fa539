"""Buffers and prebuilt kernel arguments of one network for one batch size: what makes a step free of allocation.

A plan is valid for the arrays, the topologies and the number of threads it was built for; `fits` says whether they are still those.
"""

import math

import numpy as np

from .memory_limit import require_for_batch
from .threads import get_num_threads

ALIGNMENT = 64
CACHED_BYTES = 512 * 1024  # of a layer's tile of 128 columns that a second-level cache keeps beside the rest
DENSE_IN_CACHE, DENSE = 0.075, 0.3  # densities of the largest layer above which tiles of 128 columns are faster


def aligned(shape, dtype):
    """Zeros whose memory starts on a cache line."""
    dtype = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.zeros(n + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n].view(dtype).reshape(shape)


def widest_tile(layers, itemsize):
    """The most batch columns of a tile, 64 or 128, for these layers; never a matter of the threads, for sums depend on it.

    At 64, threads share a batch of 128 tile by tile, and each finds its activations in its own cache; but every tile reads all
    weights. Where these are the larger part, and registers hold 64 bytes (AVX-512), it is 128; BLAS wants one wide product anyway.
    """
    from ..kernels.simd import REGISTER_BYTES

    if all(layer.weights.is_dense for layer in layers):
        return 128
    largest = max((layer.weights for layer in layers), key=lambda weights: weights.n_connections)
    in_cache = 128 * itemsize * max(largest.shape) <= CACHED_BYTES
    density = largest.n_connections / math.prod(largest.shape)
    return 128 if REGISTER_BYTES >= 64 and density > (DENSE_IN_CACHE if in_cache else DENSE) else 64


def choose_lanes(n_batch, widest):
    """How many batch columns a tile has: up to the widest tile, the next power of two from 8.

    Beyond it, tiles of the widest; of 64 in place of 128 where that saves a sixth of the lanes.
    """
    lanes = 8
    while lanes < min(n_batch, widest):
        lanes *= 2
    if n_batch > widest > 64:
        wide, half = (-(-n_batch // t) * t for t in (widest, widest // 2))
        lanes = widest // 2 if half <= wide * 5 / 6 else widest
    return lanes


class Context:
    """The width tag, the number of threads and the scratch memory that the layers of one plan share."""

    def __init__(self, lanes, dtype, *, dense_only):
        from ..kernels.simd import WIDTH

        self.w, self.square = WIDTH[lanes], WIDTH[min(lanes, 16)]
        self.asked_threads = get_num_threads()
        # BLAS brings its own threads: ours would only spin beside them.
        self.n_threads = 1 if dense_only else self.asked_threads
        self.dtype = dtype
        self._ticket = np.zeros(0, np.int64)
        self._scratch = np.zeros(0, dtype)
        self._dense = {}

    def ticket(self, n):
        """int64[8 * n] of claim counters, a cache line each; layers run one after another and share it."""
        if self._ticket.size < 8 * n:
            self._ticket = aligned((8 * n,), np.int64)
        return self._ticket[: 8 * n]

    def scratch(self, n):
        """float[n] of scratch, shared like `ticket`."""
        if self._scratch.size < n:
            self._scratch = aligned((n,), self.dtype)
        return self._scratch[:n]

    def dense_gradients(self, shape, n_tiles):
        """(dW, a second one where a batch has several tiles), both float[n_in, n_out], shared by dense layers of one shape."""
        if shape not in self._dense:
            self._dense[shape] = aligned(shape, self.dtype), aligned(shape if n_tiles > 1 else (0, 0), self.dtype)
        return self._dense[shape]

    def nbytes(self):
        dense = sum(a.nbytes + b.nbytes for a, b in self._dense.values())
        return {"scratch": self._ticket.nbytes + self._scratch.nbytes, "gradients": dense}


class Plan:
    """Everything that forward (and, with an optimizer's rule, backward) of a batch of `n` samples needs.

    Parameters
    ----------
    network : Network
    n : int
        Samples in the batch.
    capacity : int
        Samples of the largest batch that shares the tile width; a last, partial batch then needs no other compilation.
    output_activation : str
        What the last layer applies; "identity" leaves logits.
    training : bool
        With dropout, and with buffers of gradients.
    share : Plan, optional
        A plan of a larger batch, whose memory this one uses.
    keep_activations : bool
        Backward must leave the inputs of all layers as they are. Otherwise gradients overwrite them wherever a layer can do that: half
        the buffers, and less traffic between memory and caches.

    Attributes
    ----------
    activations : list of float[tiles, units, lanes]
        The inputs, then the outputs of each layer.
    gradients : list of float[tiles, units, lanes]
        Loss gradients at the pre-activations of each layer (training only); may be the same arrays as the activations.
    to_tiles : kernel
        That of `kernels/tiles.py` for this number of threads.
    """

    def __init__(self, network, n, capacity, *, output_activation, training, share=None, keep_activations=False):
        from ..kernels import tiles

        layers, dtype = network.layers, network.dtype
        dense_only = all(layer.weights.is_dense for layer in layers)
        network.require_sound()
        lanes = share.lanes if share else choose_lanes(capacity, widest_tile(layers, dtype.itemsize))
        self.n, self.lanes, self.tiles = n, lanes, -(-n // lanes)
        self.context = share.context if share else Context(lanes, dtype, dense_only=dense_only)
        self.to_tiles = tiles.to_tiles if self.context.n_threads > 1 else tiles.to_tiles_serial
        self.sources = [layer.arrays() for layer in layers]
        if not share:
            # by layer: whether backward of the layer above writes over its outputs
            lane_bytes = lanes * dtype.itemsize
            in_place = [not keep_activations and layer.backward_in_place(lane_bytes) for layer in layers[1:] if training] + [False]
            self._require_memory(network, capacity, in_place if training else None)
            # Forward only, two buffers take turns; training keeps every layer's outputs.
            units = [network.n_in] + [layer.n_out for layer in layers]
            if training:
                self.activations = [aligned((self.tiles, u, lanes), dtype) for u in units]
                self.gradients = [a if same else aligned(a.shape, dtype) for a, same in zip(self.activations[1:], in_place, strict=True)]
            else:
                pool = [aligned((self.tiles * max(units[k::2], default=0) * lanes,), dtype) for k in (0, 1)]
                self.activations = [pool[k % 2][: self.tiles * u * lanes].reshape(self.tiles, u, lanes) for k, u in enumerate(units)]
                self.gradients = [aligned((self.tiles, units[-1], lanes), dtype)]
            self.dbias = [np.zeros(u, dtype) for u in units[1:]]
            self.scale_tiles = np.zeros((self.tiles, lanes), dtype)
            self.offsets = np.zeros((self.context.n_threads, 16), np.int64)
        else:
            self.activations = [a[: self.tiles] for a in share.activations]
            self.gradients = [a[: self.tiles] for a in share.gradients]
            self.dbias, self.offsets = share.dbias, share.offsets
            self.scale_tiles = share.scale_tiles[: self.tiles]
        self.scale, self.weights64 = np.full(n, 1 / n, dtype), np.empty(n)
        self.labels = np.empty(n, np.int64)
        self.rows = np.arange(n, dtype=np.int64)
        self.stats = np.zeros(2)
        self._build_forward(network, output_activation, training)

    def _build_forward(self, network, output_activation, training):
        self.forward, self.dropouts, self.epilogues = [], [], []
        a, last = self.activations, len(network.layers) - 1
        if training and network.input_dropout.dropout:
            ints, call = network.input_dropout.forward_call(self.context, a[0])
            self.dropouts.append((0, ints))
            self.forward.append(call)
        for k, layer in enumerate(network.layers):
            ints, reals = layer.epilogue(training=training, activation=output_activation if k == last else None)
            if ints[1]:
                self.dropouts.append((k + 1, ints))
            self.epilogues.append((ints, reals))
            self.forward.append(layer.forward_call(self.context, a[k], a[k + 1], self.n, ints, reals))

    def backward_calls(self, network, rule, hyper, bias_hyper, states=None):
        """[(function, arguments)] from the last layer to the first; `states` replaces the layers' optimizer states."""
        order = range(len(network.layers) - 1, -1, -1)
        return [self.backward_call(network, k, rule, hyper, bias_hyper, states[k] if states else None) for k in order]

    def backward_call(self, network, k, rule, hyper, bias_hyper, state=None):
        """(function, arguments) of layer k; `state` replaces its optimizer state."""
        a, d, layer = self.activations, self.gradients, network.layers[k]
        if k:
            dx, below = d[k - 1], (*self.epilogues[k - 1], self.dbias[k - 1])
        else:
            dx = np.zeros((0, 0, self.lanes), network.dtype)
            below = np.zeros(3, np.int64), np.zeros(3, network.dtype), np.zeros(0, network.dtype)
        state = state or (layer.weights.state, layer.bias_state)
        return layer.backward_call(self.context, a[k], d[k], dx, self.n, below, rule, hyper, bias_hyper, self.dbias[k], state)

    def _require_memory(self, network, n, in_place):
        """Raise MemoryError, before anything is allocated, if the buffers for batches of n would not fit; in_place None: inference."""
        units, training = [network.n_in] + [layer.n_out for layer in network.layers], in_place is not None
        if training:
            own = sum(u for u, same in zip(units[1:], in_place, strict=True) if not same)
            rows, fix = sum(units) + own, "batch_size={}"
        else:
            rows, fix = max(units[::2]) + max(units[1::2], default=0) + units[-1], "{} samples at a time"
        itemsize = np.dtype(network.dtype).itemsize
        of_a_sample, dense = rows * itemsize, {layer.weights.shape for layer in network.layers if training and layer.weights.is_dense}
        fixed = sum(n_in * n_out for n_in, n_out in dense) * itemsize * (1 + (self.tiles > 1))
        require_for_batch(self.tiles * self.lanes, of_a_sample, fixed, f"The buffers for batches of {n}", fix)

    def uniform_scale(self):
        """Give every sample of the batch the same weight."""
        self.scale.fill(1 / self.n)

    def fits(self, network):
        """Whether this plan is for these very layers and arrays, with the topology they had; a microsecond."""
        layers, sources = network.layers, self.sources
        if self.context.asked_threads != get_num_threads() or len(layers) != len(sources):
            return False
        for layer, source in zip(layers, sources, strict=True):
            for now, then in zip(layer.arrays(), source, strict=True):
                if now is not then:  # also the version: the same object until a change makes another
                    return False
        return True

    def gradient_bytes(self, k):
        """Bytes of the gradients of layer k's outputs; 0 where they take the place of the outputs."""
        return 0 if np.may_share_memory(self.gradients[k], self.activations[k + 1]) else self.gradients[k].nbytes

    def nbytes(self):
        """Bytes of the buffers, by purpose: activations (with the input tile), gradients, scratch (with the pointers to blocks)."""
        own = self.context.nbytes()
        calls = (*self.forward, *getattr(self, "backward", ()))
        arrays = [a for _, args in calls for a in args if isinstance(a, np.ndarray)]
        pointers = sum({id(a): a.nbytes for a in arrays if a.dtype == np.uint32 and a.ndim == 2}.values())
        small = sum(a.nbytes for a in (self.scale, self.scale_tiles, self.rows, self.offsets))
        activations = sum({id(a.base): a.base.nbytes - ALIGNMENT for a in self.activations}.values())  # inference: two in turns
        return {
            "activations": activations,
            "gradients": own["gradients"] + sum(map(self.gradient_bytes, range(len(self.gradients)))) + sum(b.nbytes for b in self.dbias),
            "scratch": own["scratch"] + pointers + small,
        }
