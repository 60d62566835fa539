"""What new weights start from: normal or uniform numbers, scaled by how many connections a unit really has."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import checks


class Initializer(ABC):
    """The rule for the weights of a layer when it is made, and for connections that are added later.

    A rule says the standard deviation for a layer; the draw is the same for all.

    Attributes
    ----------
    distribution : "normal" or "uniform"
        Both have mean 0 and the rule's standard deviation; uniform is on +- sqrt(3) times it.
    """

    distribution = "normal"

    @abstractmethod
    def std(self, n_in: int, n_out: int, n_connections: int) -> float:
        """Return the standard deviation of the weights of a layer with so many units and connections."""

    def sample(
        self, rng: np.random.Generator, n: int, n_in: int, n_out: int, n_connections: int, dtype: DTypeLike = np.float32
    ) -> np.ndarray:
        """Draw the weights of n connections of a layer.

        Parameters
        ----------
        rng : numpy.random.Generator
        n : int, >= 0
            Weights to draw: n_connections for a new layer, the number of added ones later.
        n_in, n_out, n_connections : int
            The layer's units and connections, the added ones included.
        dtype : float32 or float64
            Drawn in this precision, so that float32 costs no float64 array.

        Returns
        -------
        dtype[n]
        """
        kind: Any = np.dtype(dtype)  # float32 or float64, which NumPy's annotations cannot tell from other types
        std = self.std(n_in, n_out, n_connections)
        if std == 0:
            return np.zeros(n, kind)
        if self.distribution == "normal":
            weights = rng.standard_normal(n, dtype=kind)
            weights *= kind.type(std)
        else:
            weights = rng.random(n, dtype=kind)
            weights -= kind.type(0.5)
            weights *= kind.type(2 * sqrt(3) * std)
        return weights


@dataclass(frozen=True)
class He(Initializer):
    """Standard deviation sqrt(2 / ((1 + slope**2) * fan_in)): keeps the size of activations through ReLU layers.

    fan_in is the layer's mean number of connections per output unit, n_connections / n_out = density * n_in, and at least
    1: a unit that has connections has no fewer.

    Parameters
    ----------
    slope : float
        Slope of a leaky ReLU below zero; 0 for ReLU.
    distribution : "normal" or "uniform"
    fans : "actual" or "dense"
        "dense" counts the connections of a full layer, fan_in = n_in, however sparse the layer is: what code does that initializes a dense
        matrix and then masks it. Connections that are added later with weights of 0 then start less far behind the others.

    References
    ----------
    He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, equations 10 and 15, where fan_in is that of a full layer.

    Examples
    --------
    >>> He().std(n_in=800, n_out=100, n_connections=800), He(fans="dense").std(n_in=800, n_out=100, n_connections=800)
    (0.5, 0.05)
    """

    slope: float = 0.0
    distribution: str = "normal"
    fans: str = "actual"

    def __post_init__(self) -> None:
        checks.real("He.slope", self.slope)
        checks.choice("He.distribution", self.distribution, ("normal", "uniform"))
        checks.choice("He.fans", self.fans, ("actual", "dense"))

    def std(self, n_in: int, n_out: int, n_connections: int) -> float:
        """Return the standard deviation; see the class."""
        fan_in, _ = mean_fans(n_in, n_out, n_in * n_out if self.fans == "dense" else n_connections)
        return sqrt(2 / ((1 + self.slope**2) * fan_in))


@dataclass(frozen=True)
class Glorot(Initializer):
    """Standard deviation sqrt(2 / (fan_in + fan_out)): keeps the size of activations and gradients of near-linear units.

    fan_in = n_connections / n_out = density * n_in and fan_out = n_connections / n_in = density * n_out are the layer's
    means, each at least 1.

    Parameters
    ----------
    distribution : "normal" or "uniform"
    fans : "actual" or "dense"
        "dense" counts the connections of a full layer, fan_in = n_in and fan_out = n_out, however sparse the layer is.
        `Glorot("uniform", "dense")` is Keras' default followed by a mask.

    References
    ----------
    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equations 12
    and 16, where the fans are those of a full layer.

    Examples
    --------
    >>> Glorot().std(n_in=60, n_out=40, n_connections=240)  # fan_in 6, fan_out 4
    0.4472135954999579
    """

    distribution: str = "normal"
    fans: str = "actual"

    def __post_init__(self) -> None:
        checks.choice("Glorot.distribution", self.distribution, ("normal", "uniform"))
        checks.choice("Glorot.fans", self.fans, ("actual", "dense"))

    def std(self, n_in: int, n_out: int, n_connections: int) -> float:
        """Return the standard deviation; see the class."""
        return sqrt(2 / sum(mean_fans(n_in, n_out, n_in * n_out if self.fans == "dense" else n_connections)))


@dataclass(frozen=True)
class Normal(Initializer):
    """The same standard deviation for every layer.

    Parameters
    ----------
    scale : float, >= 0
        The standard deviation.
    distribution : "normal" or "uniform"

    Examples
    --------
    >>> Normal(0.05).std(n_in=784, n_out=10, n_connections=100)
    0.05
    """

    scale: float
    distribution: str = "normal"

    def __post_init__(self) -> None:
        checks.real("Normal.scale", self.scale, 0, inf)
        checks.choice("Normal.distribution", self.distribution, ("normal", "uniform"))

    def std(self, n_in: int, n_out: int, n_connections: int) -> float:
        """Return `scale`, whatever the layer."""
        return float(self.scale)


@dataclass(frozen=True)
class Zeros(Initializer):
    """Weights of 0; draws nothing. For connections that are added (SET's released code), not for a whole net.

    Examples
    --------
    >>> Zeros().sample(np.random.default_rng(0), 2, n_in=5, n_out=5, n_connections=10)
    array([0., 0.], dtype=float32)
    """

    def std(self, n_in: int, n_out: int, n_connections: int) -> float:
        """Return 0."""
        return 0.0


def mean_fans(n_in: int, n_out: int, n_connections: int) -> tuple[float, float]:
    """Return a layer's mean fan-in (connections per output unit) and fan-out (per input unit), each at least 1."""
    return max(1.0, n_connections / n_out), max(1.0, n_connections / n_in)


def for_activation(name: str, slope: float = 0.0) -> Initializer:
    """Return the initializer that suits an activation: He for "relu" and "leaky_relu" (with its slope), else Glorot.

    Examples
    --------
    >>> for_activation("leaky_relu", slope=0.01)
    He(slope=0.01, distribution='normal', fans='actual')
    >>> for_activation("tanh")
    Glorot(distribution='normal', fans='actual')
    """
    checks.choice("activation", name, ("relu", "leaky_relu", "sigmoid", "tanh", "identity", "softmax"))
    if name == "leaky_relu":
        return He(slope=slope)
    return He() if name == "relu" else Glorot()
