"""Learning rates by density: what the connections of each layer are told of the step, as kernels take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..kernels.codes import N_HYPER, Hyper
from ..optimizers import StepInfo

if TYPE_CHECKING:
    from ..models.network import Network
    from ..optimizers import Optimizer


SCALES = ("density", None)
MOST = 8.0
"""The largest factor: beyond densities of 1 / 64 none was measured."""


def density_factor(weights: Any) -> float:
    """Return what the learning rate of these connections is multiplied by: 1 / sqrt(density) where they are stored sparse, at most 8.

    A sparse layer starts from weights larger by this factor (He's rule on the actual fan-in), so that the same rate is a step several
    times too small for it. Dense weights keep the base rate, masked or not.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> [round(density_factor(layer.weights), 2) for layer in sm.MLP([784, 1000, 10], topology=[sm.Uniform(0.04), sm.Dense()]).layers]
    [5.0, 1.0]
    """
    return min(math.sqrt(math.prod(weights.shape) / max(weights.data.size, 1)), MOST)


class Rates:
    """Holds the hyperparameters of one step, by parameter.

    Parameters
    ----------
    network : Network
    scale : {"density", None}
        "density": connections of a sparse layer of density d are trained with lr / sqrt(d), and decay per step stays that of lr. None:
        one rate for all.

    Attributes
    ----------
    hypers : list of list of float[N_HYPER]
        By layer and parameter; parameters with the same factor share one array.
    factors : list of float
        What the learning rate of each layer's connections is multiplied by; 1 for layers without weights.
    """

    def __init__(self, network: Network, scale: str | None) -> None:
        self.scale = checks.choice("lr_scale", scale, SCALES)
        self._arrays: dict[tuple[float, bool], np.ndarray] = {}
        self._last: tuple | None = None
        self._dtype = network.dtype
        self.refresh(network)

    def refresh(self, network: Network) -> None:
        """Compute the factors anew: to be called when a topology has changed, before calls are built."""
        by_density = self.scale == "density"
        weights = [layer.weights for layer in network.layers]
        self.factors = [density_factor(w) if by_density and w is not None else 1.0 for w in weights]
        keys = [
            [(factor if p is layer.weights else 1.0, p.decays) for p in layer.parameters()]
            for layer, factor in zip(network.layers, self.factors, strict=True)
        ]
        wanted = {key for row in keys for key in row}
        self._arrays = {key: self._arrays.get(key, np.zeros(N_HYPER, self._dtype)) for key in wanted}
        self.keys, self.hypers, self._last = keys, [[self._arrays[key] for key in row] for row in keys], None

    def set(self, optimizer: Optimizer, lr: float, step: int) -> None:
        """Write the numbers of a step into the arrays, unless they are there already."""
        hyper = optimizer.hyper(lr, step)
        if hyper == self._last:
            return
        self._last = None  # an interrupt between two arrays leaves no half
        for (factor, decays), array in self._arrays.items():
            array[:] = hyper
            if factor != 1:
                array[Hyper.LR] = hyper[Hyper.LR] * factor
                array[Hyper.L2] = hyper[Hyper.L2] / factor
            if not decays:
                array[Hyper.L2], array[Hyper.DECAY] = 0, 1
        self._last = hyper

    def info(self, k: int, p: int, lr: float, step: int) -> StepInfo:
        """Return what an optimizer with its own `update` is told of parameter p of layer k."""
        factor, decays = self.keys[k][p]
        return StepInfo(lr * factor, step, decays, lr)
