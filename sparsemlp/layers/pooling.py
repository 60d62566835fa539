"""`MaxPool2D` and `AveragePool2D`: one number for each window of an image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Call, Layer
from .images import image_shape, pair, slid

if TYPE_CHECKING:
    from ..engine.context import Context
    from .base import Sink


class Pool2D(Layer):
    """What both pools are: a window that slides over each channel of an image. O(inputs times window) a sample."""

    def __init__(self, in_shape: Any, window: Any, stride: Any = None) -> None:
        self._in_shape = image_shape(f"{type(self).__name__}.in_shape", in_shape)
        self.window = pair(f"{type(self).__name__}.window", window)
        self.stride = self.window if stride is None else pair(f"{type(self).__name__}.stride", stride)
        channels, height, width = self._in_shape
        if self.window[0] > height or self.window[1] > width:
            raise ValueError(f"{type(self).__name__}.window {self.window} must fit into images of {height} x {width}.")
        rows, columns = (slid(n, k, s) for n, k, s in zip((height, width), self.window, self.stride, strict=True))
        self._out_shape = channels, rows, columns
        self.n_in, self.n_out = math.prod(self._in_shape), math.prod(self._out_shape)

    in_shape = property(lambda self: self._in_shape)
    out_shape = property(lambda self: self._out_shape)

    def _parts(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """For each place of the window's cells, the view of x that lies under it: float[tiles, channels, rows, columns, lanes]."""
        image = x.reshape(x.shape[0], *self._in_shape, x.shape[2])
        _, rows, columns = self._out_shape
        for i in range(self.window[0]):
            for j in range(self.window[1]):
                across = slice(i, i + (rows - 1) * self.stride[0] + 1, self.stride[0])
                yield image[:, :, across, slice(j, j + (columns - 1) * self.stride[1] + 1, self.stride[1])]

    def _image(self, y: np.ndarray) -> np.ndarray:
        return y.reshape(y.shape[0], *self._out_shape, y.shape[2])

    def reached(self, units: np.ndarray) -> np.ndarray:
        found = np.zeros(self._out_shape, bool)
        for part in self._parts(units[None, :, None]):
            found |= part[0, ..., 0]
        return found.reshape(-1)

    def needed(self, units: np.ndarray) -> np.ndarray:
        found = np.zeros(self.n_in, bool)
        for part in self._parts(found[None, :, None]):
            part[0, ..., 0] |= units.reshape(self._out_shape)
        return found

    def to_dict(self) -> dict:
        return {"in_shape": list(self._in_shape), "window": list(self.window), "stride": list(self.stride)}

    @classmethod
    def from_dict(cls, content: dict) -> Layer:
        return cls(content.get("in_shape"), content.get("window"), content.get("stride"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._in_shape}, {self.window}, stride {self.stride})"


class MaxPool2D(Pool2D):
    """The largest number of each window, a window that slides over each channel of an image.

    Parameters
    ----------
    in_shape : (channels, height, width) or (height, width)
        How the flat units of the layer below are arranged.
    window : int or (int, int)
        Rows and columns.
    stride : int or (int, int), optional
        How far it moves; default: its own size. Rows and columns at the edge that no window covers are left out.

    Notes
    -----
    Of equal numbers the first in the window gets the gradient. NaN stays NaN.

    Examples
    --------
    >>> MaxPool2D((1, 4, 4), 2).out_shape
    (1, 2, 2)
    """

    needs_output = True

    def forward(self, ctx: Context, x: np.ndarray, y: np.ndarray, epilogue: tuple, *, training: bool) -> Call:
        """See `Layer.forward`."""
        return Call(self._forward, x, y)

    def backward(self, ctx: Context, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, sink: Sink) -> Call:
        """See `Layer.backward`."""
        taken = ctx.keep(self, "taken", (self.n_out * x.shape[0] * x.shape[2],), bool)
        return Call(self._backward, x, y, dy, dx, taken.reshape(self._image(y).shape))

    def _forward(self, x: np.ndarray, y: np.ndarray) -> None:
        out = self._image(y)
        for q, part in enumerate(self._parts(x)):
            np.copyto(out, part) if q == 0 else np.maximum(out, part, out=out)

    def _backward(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, taken: np.ndarray) -> None:
        if not dx.size:
            return
        out, gradient = self._image(y), self._image(dy)
        dx[...] = 0
        taken[...] = False
        for part, below in zip(self._parts(x), self._parts(dx), strict=True):
            first = (part == out) & ~taken
            np.add(below, gradient, out=below, where=first)
            taken |= first


class AveragePool2D(Pool2D):
    """The mean of each window, a window that slides over each channel of an image.

    Parameters
    ----------
    in_shape : (channels, height, width) or (height, width)
        How the flat units of the layer below are arranged.
    window : int or (int, int)
        Rows and columns.
    stride : int or (int, int), optional
        How far it moves; default: its own size. Rows and columns at the edge that no window covers are left out.

    Examples
    --------
    >>> AveragePool2D((3, 5, 5), 2, stride=1).out_shape
    (3, 4, 4)
    """

    def forward(self, ctx: Context, x: np.ndarray, y: np.ndarray, epilogue: tuple, *, training: bool) -> Call:
        """See `Layer.forward`."""
        return Call(self._forward, x, y)

    def backward(self, ctx: Context, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, sink: Sink) -> Call:
        """See `Layer.backward`."""
        return Call(self._backward, dy, dx)

    def _forward(self, x: np.ndarray, y: np.ndarray) -> None:
        out = self._image(y)
        for q, part in enumerate(self._parts(x)):
            np.copyto(out, part) if q == 0 else np.add(out, part, out=out)
        out *= out.dtype.type(1 / math.prod(self.window))

    def _backward(self, dy: np.ndarray, dx: np.ndarray) -> None:
        if not dx.size:
            return
        share = self._image(dy) * dy.dtype.type(1 / math.prod(self.window))
        dx[...] = 0
        for below in self._parts(dx):
            below += share
