"""`BatchNorm`: each unit, or each channel of an image, brought to mean 0 and deviation 1 over the batch, then scaled and shifted."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..weights.checks import field, stored, stored_state
from .base import Call, Layer, Parameter
from .images import image_shape

if TYPE_CHECKING:
    from ..engine.context import Context
    from .base import Sink


class BatchNorm(Layer):
    """Batch normalisation: y = gamma (x - mean) / sqrt(variance + eps) + beta.

    Parameters
    ----------
    shape : int or (channels, height, width)
        Units, each normalised by itself; or an image, each channel normalised over its rows and columns too.
    momentum : float in (0, 1]
        The share of a batch's mean and variance in the running ones, which prediction uses.
    eps : float > 0
    dtype : {"float32", "float64"}

    Attributes
    ----------
    gamma, beta : float[channels]
        Trained without weight decay.
    buffers : dict
        "mean", "variance" : float[channels], the running statistics; the variance is that of the samples, without Bessel's correction.

    Notes
    -----
    Several processes that train together normalise each by its own share of a batch, as is usual; their running statistics are those of
    rank 0 in what is saved.

    References
    ----------
    Ioffe, Szegedy, "Batch normalization", ICML 2015, algorithms 1 and 2; there the running variance has Bessel's correction.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> from sparsemlp.layers import Linear
    >>> net = sm.MLP([4, 3, 2], seed=0)
    >>> sm.surgery.insert_layer(net, 1, sm.BatchNorm(3))
    >>> net.n_parameters
    29
    """

    def __init__(self, shape: tuple[int, ...], momentum: float = 0.1, eps: float = 1e-5, dtype: Any = "float32") -> None:
        whole = isinstance(shape, (tuple, list))
        self._shape = image_shape("BatchNorm.shape", shape) if whole else (checks.integer("BatchNorm.shape", shape, 1),)
        self.momentum = checks.fraction("BatchNorm.momentum", momentum, open_low=True)
        self.eps = checks.real("BatchNorm.eps", eps, 0, open_low=True)
        self.dtype = np.dtype(checks.choice("dtype", np.dtype(dtype).name, ("float32", "float64")))
        channels = self._shape[0]
        self.n_in = self.n_out = math.prod(self._shape)
        self._gamma, self._beta = Parameter("gamma", np.ones(channels, self.dtype)), Parameter("beta", np.zeros(channels, self.dtype))
        self._buffers = {"mean": np.zeros(channels, self.dtype), "variance": np.ones(channels, self.dtype)}

    gamma = property(lambda self: self._gamma.data)
    beta = property(lambda self: self._beta.data)
    buffers = property(lambda self: self._buffers)
    in_shape = out_shape = property(lambda self: self._shape)

    def parameters(self) -> list:
        return [self._gamma, self._beta]

    def _channels(self, a: np.ndarray) -> np.ndarray:
        """Return float[tiles, channels, places, lanes]: a view."""
        return a.reshape(a.shape[0], self._shape[0], -1, a.shape[2])

    def _kept(self, ctx: Context) -> tuple[np.ndarray, np.ndarray]:
        """Return mean, variance and 1 / deviation of the batch, float[3, channels]; and which lanes hold samples, [tiles, 1, 1, lanes]."""
        tiles = -(-ctx.n // ctx.lanes)
        live = ctx.keep(self, "live", (tiles, 1, 1, ctx.lanes))
        live.reshape(-1)[: ctx.n] = 1
        return ctx.keep(self, "moments", (3, self._shape[0])), live

    def forward(self, ctx: Context, x: np.ndarray, y: np.ndarray, epilogue: tuple, *, training: bool) -> Call:
        """See `Layer.forward`; two passes over the batch in training."""
        moments, live = self._kept(ctx)
        x, y = self._channels(x), self._channels(y)
        if training:
            return Call(self._train_forward, x, y, ctx.n * x.shape[2], moments, live)
        return Call(self._predict_forward, x, y)

    def _train_forward(self, x: np.ndarray, y: np.ndarray, n: int, moments: np.ndarray, live: np.ndarray) -> None:
        mean, variance, inverse = moments
        np.sum(x * live, axis=(0, 2, 3), out=mean)
        mean /= n
        centred = (x - mean[:, None, None]) * live
        np.divide(np.square(centred).sum(axis=(0, 2, 3)), n, out=variance)
        np.divide(1, np.sqrt(variance + x.dtype.type(self.eps)), out=inverse)
        np.multiply(centred, (self.gamma * inverse)[:, None, None], out=y)
        y += self.beta[:, None, None]

    def _predict_forward(self, x: np.ndarray, y: np.ndarray) -> None:
        mean, variance = self._buffers["mean"], self._buffers["variance"]
        scale = self.gamma / np.sqrt(variance + x.dtype.type(self.eps))
        np.multiply(x, scale[:, None, None], out=y)
        y += (self.beta - mean * scale)[:, None, None]

    def backward(self, ctx: Context, x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray, sink: Sink) -> Call:
        """See `Layer.backward`."""
        moments, live = self._kept(ctx)
        arrays = self._channels(x), self._channels(dy), self._channels(dx) if dx.size else dx
        return Call(self._backward, *arrays, ctx.n * arrays[0].shape[2], moments, live, *sink.gradients)

    def _backward(
        self,
        x: np.ndarray,
        dy: np.ndarray,
        dx: np.ndarray,
        n: int,
        moments: np.ndarray,
        live: np.ndarray,
        dgamma: np.ndarray,
        dbeta: np.ndarray,
    ) -> None:
        mean, variance, inverse = moments
        m = x.dtype.type(self.momentum)
        for running, now in zip(self._buffers.values(), (mean, variance), strict=True):  # here, where the loss is known to be finite
            running += m * (now - running)
        normal = (x - mean[:, None, None]) * inverse[:, None, None] * live
        dbeta[:] = dy.sum(axis=(0, 2, 3))
        dgamma[:] = (dy * normal).sum(axis=(0, 2, 3))
        if dx.size:
            n = x.dtype.type(n)
            inner = dy - (dbeta / n)[:, None, None] - normal * (dgamma / n)[:, None, None]
            np.multiply(inner * live, (self.gamma * inverse)[:, None, None], out=dx)

    def reached(self, units: np.ndarray) -> np.ndarray:
        return units.copy()

    def needed(self, units: np.ndarray) -> np.ndarray:
        return units.copy()

    def multiplications(self) -> int:
        return self.n_out

    def fresh(self, weights: Any) -> Layer:
        shape: Any = self._shape[0] if len(self._shape) == 1 else self._shape
        return BatchNorm(shape, self.momentum, self.eps, self.dtype)

    def for_prediction(self) -> Layer:
        layer = copy.deepcopy(self)
        layer.allocate_state(0)
        return layer

    def to_dict(self) -> dict:
        return {
            "shape": list(self._shape),
            "momentum": self.momentum,
            "eps": self.eps,
            "gamma": self.gamma,
            "gamma_state": self._gamma.state,
            "beta": self.beta,
            "beta_state": self._beta.state,
            **self._buffers,
        }

    @classmethod
    def from_dict(cls, content: dict) -> Layer:
        shape, gamma = field(content, "shape"), field(content, "gamma")
        whole = isinstance(shape, list) and len(shape) == 1
        layer = cls(shape[0] if whole else shape, content.get("momentum"), content.get("eps"), getattr(gamma, "dtype", "float32"))  # type: ignore[arg-type]  # checked there
        for p in layer.parameters():
            p.data = stored(content, p.name, layer.dtype, p.data.shape)
            p.state = stored_state(content, f"{p.name}_state", p.data)
        layer._buffers = {name: stored(content, name, layer.dtype, a.shape) for name, a in layer._buffers.items()}
        if (layer._buffers["variance"] < 0).any():
            raise ValueError("variance must not be negative.")
        return layer

    def __repr__(self) -> str:
        return f"BatchNorm({self._shape[0] if len(self._shape) == 1 else self._shape})"
