"""Activations that are layers of their own: `ActivationLayer` for those written with NumPy, and `SReLU`, which is trained."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..weights.checks import field, stored, stored_state
from .base import Call, Epilogue, Layer, Parameter

if TYPE_CHECKING:
    from ..engine.context import Context
    from .base import Sink


class ActivationLayer(Layer):
    """An activation of your own: unit by unit, written with NumPy.

    A subclass defines `value(z)` and `derivative(z)`, and takes the number of units as its first argument. Put it behind a `Linear` with
    activation "identity", or give `sm.MLP(..., activation=YourClass)`. Slower than the activations of the kernels, as exact.

    Parameters
    ----------
    n_units : int
    dropout : float in [0, 1)
        Inverted dropout of the outputs during training.

    Notes
    -----
    A saved net names the class: `sm.load(path, custom=[YourClass])`. One with more settings overrides `to_dict` and `from_dict`.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> class Swish(sm.ActivationLayer):
    ...     def value(self, z):
    ...         return z / (1 + np.exp(-z))
    ...     def derivative(self, z):
    ...         s = 1 / (1 + np.exp(-z))
    ...         return s * (1 + z * (1 - s))
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> net = sm.MLP([64, 60, 10], density=0.3, activation=Swish, seed=0)
    >>> history = sm.Trainer(net, optimizer=sm.Adam(lr=0.003)).fit(X / 16, y, epochs=10, batch_size=32)
    >>> net.score(X_test / 16, y_test) > 0.9
    True
    """

    def __init__(self, n_units: int, dropout: float = 0.0) -> None:
        self.n_in = self.n_out = checks.integer("n_units", n_units, 1)
        self.dropout = checks.fraction("dropout", dropout, open_high=True)

    def epilogue(self) -> Epilogue | None:
        return Epilogue(dropout=self.dropout) if self.dropout else None

    def value(self, z: np.ndarray) -> np.ndarray:
        """Return the activation of each number of z, float[n, n_units]."""
        raise NotImplementedError(f"{type(self).__name__} must define value(z).")

    def derivative(self, z: np.ndarray) -> np.ndarray:
        """Return the derivative at each number of z, float[n, n_units]."""
        raise NotImplementedError(f"{type(self).__name__} must define derivative(z).")

    def forward(self, ctx: Context, x: np.ndarray, y: np.ndarray, epilogue: tuple, *, training: bool) -> Call:
        """See `Layer.forward`."""
        return Call(self._forward, x, y, ctx.n)

    def backward(self, ctx: Context, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, sink: Sink) -> Call:
        """See `Layer.backward`."""
        return Call(self._backward, x, dy, dx, ctx.n)

    def _forward(self, x: np.ndarray, y: np.ndarray, n: int) -> None:
        y[...] = tiled(self.value(rows(x, n)), y)

    def _backward(self, x: np.ndarray, dy: np.ndarray, dx: np.ndarray, n: int) -> None:
        if dx.size:
            dx[...] = tiled(self.derivative(rows(x, n)) * rows(dy, n), dx)

    def reached(self, units: np.ndarray) -> np.ndarray:
        return units.copy()

    def needed(self, units: np.ndarray) -> np.ndarray:
        return units.copy()

    def to_dict(self) -> dict:
        return {"n_units": self.n_out, "dropout": self.dropout}

    @classmethod
    def from_dict(cls, content: dict) -> Layer:
        return cls(field(content, "n_units"), dropout=field(content, "dropout"))

    def for_prediction(self) -> Layer:
        layer = copy.deepcopy(self)
        layer.dropout = 0.0
        return layer

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_out})"


def rows(tiles: np.ndarray, n: int) -> np.ndarray:
    """Return float[n, units] of float[tiles, units, lanes]: a sample a row."""
    return np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(-1, tiles.shape[1])[:n]


def tiled(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return float[tiles, units, lanes] of float[n, units]; 0 in the lanes beyond the batch."""
    padded = np.zeros((like.shape[0] * like.shape[2], like.shape[1]), like.dtype)
    padded[: len(values)] = values
    return padded.reshape(like.shape[0], like.shape[2], like.shape[1]).transpose(0, 2, 1)


class SReLU(Layer):
    """S-shaped rectified linear units: three linear pieces whose bounds and outer slopes each unit learns.

    y = right + a_right (x - right) above right, x between, left + a_left (x - left) below left.

    Parameters
    ----------
    n_units : int
    dropout : float in [0, 1)
        Inverted dropout of the outputs during training.
    left, a_left, right, a_right : float
        What all units start from.
    dtype : {"float32", "float64"}

    References
    ----------
    Jin, Xu, Feng, Wei, Xiong, Yan, "Deep learning with S-shaped rectified linear activation units", AAAI 2016, equation 2; there the
    bounds are found from the data at first. SET's published networks use it.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> sm.MLP([4, 3, 2], activation=sm.SReLU, seed=0).layers[1].n_parameters
    12
    """

    NAMES = ("left", "a_left", "right", "a_right")

    def __init__(
        self,
        n_units: int,
        dropout: float = 0.0,
        left: float = -1.0,
        a_left: float = 0.1,
        right: float = 1.0,
        a_right: float = 0.1,
        dtype: Any = "float32",
    ) -> None:
        self.dropout = checks.fraction("dropout", dropout, open_high=True)
        n_units = checks.integer("n_units", n_units, 1)
        start = [checks.real(f"SReLU.{name}", v) for name, v in zip(self.NAMES, (left, a_left, right, a_right), strict=True)]
        if start[0] > start[2]:
            raise ValueError(f"SReLU.left must not be above right; got {left!r} and {right!r}.")
        self._start = tuple(start)
        self._set([np.full(n_units, v, checks.choice("dtype", np.dtype(dtype).name, ("float32", "float64"))) for v in start])

    def epilogue(self) -> Epilogue | None:
        return Epilogue(dropout=self.dropout) if self.dropout else None

    def _set(self, arrays: Any) -> None:
        self._parameters = [Parameter(name, a) for name, a in zip(self.NAMES, arrays, strict=True)]
        self.n_in = self.n_out = arrays[0].size
        self.dtype = arrays[0].dtype

    def parameters(self) -> list:
        return list(self._parameters)

    def forward(self, ctx: Context, x: np.ndarray, y: np.ndarray, epilogue: tuple, *, training: bool) -> Call:
        """See `Layer.forward`."""
        return Call(self._forward, x, y)

    def backward(self, ctx: Context, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, sink: Sink) -> Call:
        """See `Layer.backward`."""
        return Call(self._backward, x, dy, dx, sink.gradients)

    def _pieces(self, x: np.ndarray) -> Any:
        left, a_left, right, a_right = (p.data[:, None] for p in self._parameters)
        return x < left, x > right, left, a_left, right, a_right

    def _forward(self, x: np.ndarray, y: np.ndarray) -> None:
        below, above, left, a_left, right, a_right = self._pieces(x)
        y[...] = np.where(below, left + a_left * (x - left), np.where(above, right + a_right * (x - right), x))

    def _backward(self, x: np.ndarray, dy: np.ndarray, dx: np.ndarray, gradients: list) -> None:
        below, above, left, a_left, right, a_right = self._pieces(x)
        for out, side, slope, bound in ((gradients[0:2], below, a_left, left), (gradients[2:4], above, a_right, right)):
            outside = np.where(side, dy, 0)
            out[0][:] = ((1 - slope) * outside).sum(axis=(0, 2))
            out[1][:] = (outside * (x - bound)).sum(axis=(0, 2))
        if dx.size:
            dx[...] = dy * np.where(below, a_left, np.where(above, a_right, 1))

    def reached(self, units: np.ndarray) -> np.ndarray:
        return units.copy()

    def needed(self, units: np.ndarray) -> np.ndarray:
        return units.copy()

    def fresh(self, weights: Any) -> Layer:
        return SReLU(self.n_out, self.dropout, *self._start, dtype=self.dtype)  # type: ignore[misc]

    def for_prediction(self) -> Layer:
        layer = copy.deepcopy(self)
        layer.allocate_state(0)
        layer.dropout = 0.0
        return layer

    def to_dict(self) -> dict:
        found = {"start": list(self._start), "dropout": self.dropout}
        for p in self._parameters:
            found |= {p.name: p.data, f"{p.name}_state": p.state}
        return found

    @classmethod
    def from_dict(cls, content: dict) -> Layer:
        first = field(content, "left")
        arrays = [stored(content, name, getattr(first, "dtype", None), np.shape(first)) for name in cls.NAMES]
        layer = cls(arrays[0].size, field(content, "dropout"), *field(content, "start"), dtype=arrays[0].dtype)  # type: ignore[misc]
        layer._set(arrays)
        for p in layer._parameters:
            p.state = stored_state(content, f"{p.name}_state", p.data)
        return layer

    def __repr__(self) -> str:
        return f"SReLU({self.n_out})"
