"""RadiX-Nets: deterministic sparse layers in which all pairs of input and output are joined by equally many paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .. import checks
from ..errors import TopologyError
from .base import LARGEST, Topology, check_layer
from .expander import RandomEquivalent


@dataclass(frozen=True)
class RadixLayer(Topology):
    """One layer of a `RadixNet`: node x is joined to the nodes x + j * place (mod n_nodes) for j = 0 ... radix - 1.

    Parameters
    ----------
    n_nodes, radix, place : int
        N', N_l and the product of the radices before it.
    block_in, block_out : int
        B_{l-1} and B_l: the units that stand for a node on both sides, all joined.

    Examples
    --------
    >>> layer = RadixLayer(n_nodes=4, radix=2, place=2, block_in=1, block_out=1)
    >>> layer.build(4, 4, rng=None)[1].reshape(4, 2).tolist()
    [[0, 2], [1, 3], [0, 2], [1, 3]]
    """

    n_nodes: int
    radix: int
    place: int
    block_in: int
    block_out: int

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`. Fewer inputs than n_nodes * block_in: the last ones are padding."""
        width_in, width_out = self.n_nodes * self.block_in, self.n_nodes * self.block_out
        if n_out != width_out or n_in > width_in:
            raise TopologyError(
                f"This RadiX-Net layer joins {width_in} inputs (fewer are padded) to exactly {width_out} outputs; got {n_in} to {n_out}. "
                "The widths are RadixNet.widths: the product of the radices times B."
            )
        fan_out = self.radix * self.block_out
        check_layer(self, n_in, n_out, n_in * fan_out)
        nodes = np.arange(-(-n_in // self.block_in), dtype=np.int64)  # the last one may be cut by the padding
        targets = np.sort((nodes[:, None] + self.place * np.arange(self.radix)) % self.n_nodes, axis=1)
        units = (targets[:, :, None] * self.block_out + np.arange(self.block_out)).reshape(len(nodes), fan_out)
        indices = np.repeat(units.astype(np.int32), self.block_in, axis=0)[:n_in].ravel()
        return (np.arange(n_in + 1, dtype=np.int64) * fan_out).astype(np.int32), indices


@dataclass(frozen=True)
class RadixNet(Sequence):
    """The layers of a RadiX-Net, a sequence of topologies to put among the others: ``[*RadixNet(N, B), Dense()]``.

    The radices N = (N_1 ... N_L) have the product N'. Layer l joins node x to x + j * N_1 ... N_{l-1} (mod N') for
    j = 0 ... N_l - 1; then each node of level l becomes B_l units (Kronecker product with an all-ones B_{l-1} x B_l block;
    neighbouring units share a node). Widths are N' * B_l, densities N_l / N', and every input is joined to every output by the
    same number of paths.

    Parameters
    ----------
    N : sequence of int >= 2, or a sequence of such sequences
        One system of radices, or several one after another: all with the product N', only the last may have a divisor of N'.
    B : sequence of int >= 1
        One number more than there are radices in all.

    Attributes
    ----------
    widths : tuple of int
        Units per level. The first may be padded: a net with fewer inputs stores no connections for the missing last ones.

    References
    ----------
    Robinett, Kepner, "RadiX-Net: structured sparse matrices for deep neural networks", arXiv:1905.00416 (2019). The order of the
    factors of the Kronecker product only renumbers units; ours keeps the units of a node together.

    Examples
    --------
    LeNet-300-100 at 90 % sparsity, 784 inputs padded to 800, is ``[*RadixNet((10, 10), (8, 3, 1)), Dense()]``:

    >>> net = RadixNet((10, 10), (8, 3, 1))
    >>> net.widths, net.densities
    ((800, 300, 100), (0.1, 0.1))
    >>> len(net[0].build(784, 300, rng=None)[1])
    23520
    """

    N: tuple
    B: tuple

    def __post_init__(self) -> None:
        N, B = _as_list("RadixNet.N", self.N, "(10, 10)"), _as_list("RadixNet.B", self.B, "(8, 3, 1)")
        nested = [isinstance(n, Sequence) for n in N]
        if any(nested) and not all(nested):
            raise TypeError(f"RadixNet.N must be radices or a sequence of systems of radices, not both; got {self.N!r}.")
        systems = tuple(tuple(system) for system in N) if any(nested) else (tuple(N),)
        for system in systems:
            if not system:
                raise ValueError(f"RadixNet.N must have at least one radix in each system; got {self.N!r}.")
            for radix in system:
                checks.integer("RadixNet.N radix", radix, 2, LARGEST)
        n_nodes = prod(systems[0])
        if any(prod(system) != n_nodes for system in systems[:-1]) or n_nodes % prod(systems[-1]):
            products = [prod(system) for system in systems]
            raise ValueError(f"RadixNet.N: all systems must have the product of the first, the last may have a divisor; got {products}.")
        n_radices = sum(len(system) for system in systems)
        if len(B) != n_radices + 1:
            raise ValueError(f"RadixNet.B must have one number more than the {n_radices} radices of N; got {len(B)}: {self.B!r}.")
        for b in B:
            checks.integer("RadixNet.B", b, 1, LARGEST)
        if n_nodes * max(B) > LARGEST:
            raise TopologyError(f"A layer can have at most {LARGEST} units; the widest of this RadiX-Net has {n_nodes * max(B)}.")
        object.__setattr__(self, "N", systems)
        object.__setattr__(self, "B", tuple(B))

    @property
    def n_nodes(self) -> int:
        """N', the product of the radices of the first system."""
        return prod(self.N[0])

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each level, N' * B_l."""
        return tuple(self.n_nodes * b for b in self.B)

    @property
    def densities(self) -> tuple[float, ...]:
        """Density of each layer, N_l / N'."""
        return tuple(layer.radix / layer.n_nodes for layer in self)

    def __len__(self) -> int:
        return len(self.B) - 1

    def __getitem__(self, index: Any) -> Any:
        places = [(radix, prod(system[:i])) for system in self.N for i, radix in enumerate(system)]
        blocks = zip(self.B, self.B[1:], strict=False)
        layers = [RadixLayer(self.n_nodes, radix, place, *block) for (radix, place), block in zip(places, blocks, strict=True)]
        return layers[index]

    def random_equivalent(self) -> list[RandomEquivalent]:
        """Return layers in which each output unit has as many inputs as here, but random ones."""
        return [RandomEquivalent(layer) for layer in self]


def _as_list(name: str, value: Any, example: str) -> Any:
    """Return a sequence as a list, numpy arrays included, or raise TypeError."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        raise TypeError(f"{name} must be like {example}; got {value!r}.")
    return list(checks.instance(name, value, Sequence, example))
