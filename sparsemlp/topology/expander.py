"""Random expanders: every output unit has the same number of random inputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..weights.cells import cells_to_csr
from .base import LARGEST, Topology, check_layer
from .sampling import fill_rows


@dataclass(frozen=True)
class RandomExpander(Topology):
    """Every output unit gets the same number of distinct inputs, each set of them equally likely.

    Give exactly one of `fan_in` and `density`.

    Parameters
    ----------
    fan_in : int, >= 1
        Inputs of each output unit, at most n_in when built.
    density : float in (0, 1]
        Each output unit gets round(density * n_in) inputs.

    References
    ----------
    Prabhu, Varma, Namboodiri, "Deep expander networks: efficient deep networks from graph theory", ECCV 2018 (X-Linear layer).

    Examples
    --------
    >>> indptr, indices = RandomExpander(fan_in=3).build(10, 4, np.random.default_rng(0))
    >>> np.bincount(indices)
    array([3, 3, 3, 3])
    """

    fan_in: int | None = None
    density: float | None = None

    def __post_init__(self) -> None:
        if (self.fan_in is None) == (self.density is None):
            raise ValueError(
                f"RandomExpander takes exactly one of fan_in and density; got fan_in={self.fan_in!r}, density={self.density!r}."
            )
        if self.fan_in is not None:
            checks.integer("RandomExpander.fan_in", self.fan_in, 1, LARGEST)
        else:
            checks.fraction("RandomExpander.density", self.density, open_low=True)

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`."""
        fan_in = self.fan_in if self.fan_in is not None else round(float(self.density) * n_in)  # type: ignore[arg-type]  # one of the two is given
        check_layer(self, n_in, n_out, fan_in * n_out)
        return random_inputs(np.full(n_out, fan_in, dtype=np.int64), n_in, rng)


@dataclass(frozen=True)
class RandomEquivalent(Topology):
    """Every output unit gets as many inputs as it has in `like`, but random ones: the control for a structured layer.

    Parameters
    ----------
    like : Topology
        The layer to imitate; built first, with the same generator.

    Examples
    --------
    >>> from sparsemlp.topology import RadixNet
    >>> structured = RadixNet((2, 3), (1, 2, 1))[0]
    >>> [len(t.build(6, 12, np.random.default_rng(0))[1]) for t in (structured, RandomEquivalent(structured))]
    [24, 24]
    """

    like: Topology

    def __post_init__(self) -> None:
        checks.instance("RandomEquivalent.like", self.like, Topology, "RadixNet((10, 10), (8, 3, 1))[0]")

    @property
    def whole_net(self) -> bool:
        """As the layer that it imitates."""
        return self.like.whole_net

    @property
    def needs_data(self) -> bool:
        """As the layer that it imitates."""
        return self.like.needs_data

    def fitted(self, X: Any, y: Any, layer: int) -> Topology:
        """Return the random equivalent of what the data make of `like`."""
        return RandomEquivalent(self.like.fitted(X, y, layer))

    def layers(self, sizes: list[int]) -> list[Topology]:
        """Return the random equivalent of each layer of `like`."""
        return [RandomEquivalent(layer) for layer in self.like.layers(sizes)]

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`. Twice the cost of `like`."""
        _, indices = self.like.build(n_in, n_out, rng)
        return random_inputs(np.bincount(indices, minlength=n_out), n_in, rng)


def random_inputs(fan_in: np.ndarray, n_in: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (indptr, indices) of a layer whose output unit o has fan_in[o] (int64[n_out]) random inputs."""
    return by_input(fill_rows(np.empty(0, dtype=np.int64), fan_in, n_in, rng), n_in, len(fan_in))


def by_input(cells: np.ndarray, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (indptr, indices) of distinct cells that count by output unit (output * n_in + input)."""
    outputs, inputs = np.divmod(cells, n_in)
    inputs *= n_out
    inputs += outputs
    inputs.sort()
    return cells_to_csr(inputs, n_in, n_out)
