"""`Context`: what the layers of one plan share, the width tag, threads and scratch memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from .threads import get_num_threads

ALIGNMENT = 64


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return zeros whose memory starts on a cache line."""
    dtype = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.zeros(n + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n].view(dtype).reshape(shape)


class Memory:
    """Holds the scratch memory that all plans of one largest batch share."""

    def __init__(self) -> None:
        self.ticket = np.zeros(0, np.int64)
        self.scratch: Any = None
        self.dense: dict[tuple, Any] = {}
        self.kept: dict[tuple, np.ndarray] = {}


class Context:
    """Holds what the layers of one plan share: the width tag, the number of threads, the scratch memory.

    Parameters
    ----------
    lanes : int
        How many batch columns a tile has.
    dtype : numpy dtype
    n : int
        How many samples the batch has.
    n_threads : int
        How many threads a kernel uses.
    memory : Memory, optional
        The memory of a plan for a larger batch, to be shared.

    Attributes
    ----------
    w : width tag
        That of the tiles.
    square : width tag
        That of the squares that transposition works on.
    asked_threads : int
        What `get_num_threads` said when the plan was built.
    """

    def __init__(self, lanes: int, dtype: Any, n: int, n_threads: int, memory: Memory | None = None) -> None:
        from ..kernels.simd import WIDTH

        self.lanes, self.n = lanes, n
        self.w, self.square = WIDTH[lanes], WIDTH[min(lanes, 16)]
        self.asked_threads, self.n_threads, self.dtype = get_num_threads(), n_threads, dtype
        self.memory = memory or Memory()

    def ticket(self, n: int) -> np.ndarray:
        """Return int64[8 * n] of claim counters, a cache line each; layers run one after another and share it."""
        memory = self.memory
        if memory.ticket.size < 8 * n:
            memory.ticket = aligned((8 * n,), np.int64)
        return memory.ticket[: 8 * n]

    def scratch(self, n: int) -> np.ndarray:
        """Return float[n] of scratch, shared like `ticket`: its content does not outlive a call."""
        memory = self.memory
        if memory.scratch is None or memory.scratch.size < n:
            memory.scratch = aligned((n,), self.dtype)
        return memory.scratch[:n]

    def keep(self, layer: Any, name: str, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        """Return an array of this layer's own, the same for its forward and its backward call.

        Parameters
        ----------
        layer : Layer
        name : str
        shape : tuple of int
        dtype : numpy dtype, optional
            Default: the network's.
        """
        key = id(layer), name, shape, self.n
        if key not in self.memory.kept:
            self.memory.kept[key] = aligned(shape, dtype or self.dtype)
        return self.memory.kept[key]

    def dense_gradients(self, shape: tuple[int, ...], n_tiles: int) -> tuple[np.ndarray, np.ndarray]:
        """Return dW, and a second one for batches of several tiles: float[n_in, n_out], shared by dense layers of one shape."""
        dense = self.memory.dense
        if shape not in dense:
            dense[shape] = aligned(shape, self.dtype), aligned(shape if n_tiles > 1 else (0, 0), self.dtype)
        return dense[shape]

    def nbytes(self) -> dict[str, int]:
        """Return bytes held, by purpose."""
        memory = self.memory
        dense = sum(a.nbytes + b.nbytes for a, b in memory.dense.values())
        kept = sum(a.nbytes for a in memory.kept.values())
        scratch = 0 if memory.scratch is None else memory.scratch.nbytes
        return {"scratch": memory.ticket.nbytes + scratch + kept, "gradients": dense}
