"""Growth gradients: those of connections that do not exist, as policies ask for them through `LayerView.steepest`."""

import numpy as np

from .select import largest_magnitude

SPARE = 1024  # candidates beyond twice what is wanted, so that small requests are sorted out seldom


class TiledGrowth:
    """Growth gradients of a sparse layer, from what a step left in its buffers; valid until the next step.

    Parameters
    ----------
    w : width tag
    n_threads : int
    x : float[tiles, n_in, lanes]
        Inputs of the layer.
    dy : float[tiles, n_out, lanes]
        Gradient of the loss at its pre-activation.
    """

    def __init__(self, w, n_threads, x, dy):
        self.w, self.n_threads, self.x, self.dy = w, n_threads, x, dy

    def at(self, places):
        """float[len(places)]: the gradients at flat places i * n_out + j."""
        from ..kernels.missing_gradients import gradients_at

        out = np.empty(places.size, self.x.dtype)
        gradients_at(self.w, self.x, self.dy, np.ascontiguousarray(places, np.int64), out)
        return out

    def largest(self, view, k, drop):
        """int64[k]: ascending places of the missing connections with the largest gradients; those of `drop` count as missing.

        n_in * n_out * batch multiply-adds; a row of the gradient for each thread, and 24 bytes for each of the k and thread.
        """
        from ..kernels import missing_gradients as growth

        n_threads, m = self.n_threads, 2 * k + SPARE
        dropped = np.zeros(view.indices.size, np.uint8)
        dropped[drop] = 1
        rows = np.empty((n_threads, view.shape[1]), self.x.dtype)
        values, places = np.empty((n_threads, m), self.x.dtype), np.empty((n_threads, m), np.int64)
        counts, out = np.zeros(n_threads, np.int64), np.empty(k, np.int64)
        kernel = growth.largest_missing if n_threads > 1 else growth.largest_missing_serial
        kernel(self.w, n_threads, self.x, self.dy, view.indptr, view.indices, dropped, k, rows, values, places, counts, out)
        return out


class DenseGrowth:
    """Growth gradients of a dense layer: its stored gradient has them.

    Parameters
    ----------
    gradient : float[n_in * n_out]
    """

    def __init__(self, gradient):
        self.gradient = gradient

    def at(self, places):
        """As `TiledGrowth.at`."""
        return self.gradient[places]

    def largest(self, view, k, drop):
        """As `TiledGrowth.largest`; O(n_in * n_out)."""
        missing = np.zeros(view.data.size, bool) if view.removed is None else view.removed.copy()
        missing[drop] = True
        places = np.flatnonzero(missing)
        return places[largest_magnitude(self.gradient[places], k)]
