"""Growth gradients: those of connections that do not exist, as policies ask for them through `LayerView.steepest`."""

from typing import Any

import numpy as np

from .select import largest_magnitude
from .view import LayerView

REDUCED = 1 << 20  # cells whose gradients ranks add up at a time
SPARE = 1024  # candidates beyond twice what is wanted, so that small requests are sorted out seldom


class TiledGrowth:
    """Finds the growth gradients of a sparse layer from what a step left in its buffers; valid until the next step.

    Parameters
    ----------
    w : width tag
    n_threads : int
    x : float[tiles, n_in, lanes]
        Inputs of the layer.
    dy : float[tiles, n_out, lanes]
        Gradient of the loss at its pre-activation.
    """

    def __init__(self, w: Any, n_threads: int, x: np.ndarray, dy: np.ndarray) -> None:
        self.w, self.n_threads, self.x, self.dy = w, n_threads, x, dy

    def at(self, cells: np.ndarray) -> np.ndarray:
        """Return float[len(cells)]: the gradients in the cells i * n_out + j, whether there is a connection or not."""
        from ..kernels.missing_gradients import gradients_at

        out = np.empty(cells.size, self.x.dtype)
        gradients_at(self.w, self.x, self.dy, np.ascontiguousarray(cells, np.int64), out)
        return out

    def largest(self, view: LayerView, k: int, drop: np.ndarray) -> np.ndarray:
        """Return int64[k], the cells, ascending, of the missing connections with the largest gradients; those of `drop` count as missing.

        n_in * n_out * batch multiply-adds; a row of the gradient for each thread, and 24 bytes for each of the k and thread.
        """
        from ..kernels import missing_gradients as growth

        n_threads, m = self.n_threads, 2 * k + SPARE
        dropped = np.zeros(view.indices.size, np.uint8)
        dropped[drop] = 1
        rows = np.empty((n_threads, view.shape[1]), self.x.dtype)
        values, cells = np.empty((n_threads, m), self.x.dtype), np.empty((n_threads, m), np.int64)
        counts, out = np.zeros(n_threads, np.int64), np.empty(k, np.int64)
        growth.largest_missing(self.w, n_threads, self.x, self.dy, view.indptr, view.indices, dropped, k, rows, values, cells, counts, out)
        return out


class DenseGrowth:
    """Finds the growth gradients of a dense layer: its stored gradient has them.

    Parameters
    ----------
    gradient : float[n_in * n_out]
    """

    def __init__(self, gradient: np.ndarray) -> None:
        self.gradient = gradient

    def at(self, cells: np.ndarray) -> np.ndarray:
        """As `TiledGrowth.at`."""
        return self.gradient[cells]

    def largest(self, view: LayerView, k: int, drop: np.ndarray) -> np.ndarray:
        """As `TiledGrowth.largest`; O(n_in * n_out)."""
        missing = np.zeros(view.data.size, bool) if view.removed is None else view.removed.copy()
        missing[drop] = True
        cells = np.flatnonzero(missing)
        return cells[largest_magnitude(self.gradient[cells], k)]


class ReducedGrowth:
    """Finds the growth gradients of a layer whose batch several processes share: they are added up before anybody chooses by them.

    Parameters
    ----------
    growth : TiledGrowth
        Of this rank's part of the batch, divided by the global number of samples.
    communicator : Communicator
    """

    def __init__(self, growth: Any, communicator: Any) -> None:
        self.growth, self.communicator = growth, communicator

    def at(self, cells: np.ndarray) -> np.ndarray:
        """As `TiledGrowth.at`: one all-reduce of as many numbers."""
        found = self.growth.at(cells)
        self.communicator.allreduce(found)
        return found

    def largest(self, view: LayerView, k: int, drop: np.ndarray) -> np.ndarray:
        """As `TiledGrowth.largest`; all missing cells are reduced, a block of input units at a time."""
        n_in, n_out = view.shape
        filled = np.repeat(np.arange(n_in, dtype=np.int64) * n_out, np.diff(view.indptr)) + view.indices
        taken = np.delete(filled, drop)
        best, values = np.zeros(0, np.int64), np.zeros(0, view.data.dtype)
        step = max(1, REDUCED // n_out)
        for i in range(0, n_in, step):
            block = np.arange(i * n_out, min(i + step, n_in) * n_out)
            inside = taken[np.searchsorted(taken, block[0]) : np.searchsorted(taken, block[-1], side="right")]
            cells = np.delete(block, inside - block[0])
            best, values = np.concatenate([best, cells]), np.concatenate([values, self.at(cells)])
            if best.size > k:
                kept = largest_magnitude(values, k)
                best, values = best[kept], values[kept]
        return best
