"""Erdős–Rényi layers: as many connections as epsilon times the units they join."""

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np

from .. import checks
from ..weights.cells import cells_to_csr
from .base import Topology, check_layer, check_units
from .random_layer import RandomLayer
from .sampling import distinct


@dataclass(frozen=True)
class ErdosRenyi(Topology):
    """A layer gets connections in proportion to n_in + n_out, in uniform distinct cells; a full layer gets no more.

    Give exactly one of `epsilon` and `density`.

    Parameters
    ----------
    epsilon : float, > 0
        Each layer gets round(epsilon * (n_in + n_out)) connections, at most n_in * n_out. Halves round to the even number.
    density : float in (0, 1]
        Connections of the *whole net* / its possible ones: round(density * sum of n_in * n_out) connections are dealt out
        in proportion to n_in + n_out. What a full layer cannot take goes to the others; the total is exact (fractions of a
        connection go to the largest remainders, ties to the earlier layer). Inside a list with one topology per layer
        it would mean something else, so it is an error there: use `Uniform(density)` or epsilon.
    exact : bool
        False: every cell holds a connection independently of the others, with the probability that gives this count on average, as in the
        papers, so that the number of connections varies.

    Raises
    ------
    TopologyError
        When built, if a layer gets no connection at all.

    References
    ----------
    Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network
    science", Nature Communications 9 (2018), equation 1: p = epsilon (n_in + n_out) / (n_in n_out). The paper draws each
    connection; our default is the exact count, so that the size of a model is known before it is trained.

    Examples
    --------
    >>> import numpy as np
    >>> indptr, indices = ErdosRenyi(epsilon=20).build(784, 1000, np.random.default_rng(0))
    >>> len(indices)
    35680
    >>> ErdosRenyi(density=0.1).layers([100, 50, 10])
    [RandomLayer(n_connections=393), RandomLayer(n_connections=157)]
    """

    epsilon: float | None = None
    density: float | None = None
    exact: bool = True

    def __post_init__(self) -> None:
        if (self.epsilon is None) == (self.density is None):
            raise ValueError(
                f"ErdosRenyi takes exactly one of epsilon and density; got epsilon={self.epsilon!r}, density={self.density!r}."
            )
        if self.epsilon is not None:
            checks.real("ErdosRenyi.epsilon", self.epsilon, 0, inf, open_low=True)
        else:
            checks.fraction("ErdosRenyi.density", self.density, open_low=True)
        checks.instance("ErdosRenyi.exact", self.exact, bool, "True or False")

    @property
    def whole_net(self) -> bool:
        """True when `density` is given: it describes all layers together."""
        return self.density is not None

    def layers(self, sizes: list[int]) -> list[Topology]:
        """Return one topology per layer; with `density`, what each layer's share of the net comes to."""
        if self.density is None:
            return super().layers(sizes)
        possible = sum(n_in * n_out for n_in, n_out in zip(sizes, sizes[1:], strict=False))
        total = round(float(self.density) * possible)
        epsilon, shares = _shares(sizes, total)
        if not self.exact and total:
            return [ErdosRenyi(epsilon=float(epsilon), exact=False)] * len(shares)
        counts = _largest_remainder(shares, total)
        for n_in, n_out, count in zip(sizes, sizes[1:], counts, strict=False):
            check_layer(self, n_in, n_out, count)
        return [RandomLayer(count) for count in counts]

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`. With `density`, the layer is taken for a net of one layer."""
        if self.density is not None:
            return self.layers([n_in, n_out])[0].build(n_in, n_out, rng)
        possible = n_in * n_out
        expected = min(float(self.epsilon) * (n_in + n_out), float(possible))  # type: ignore[arg-type]  # one of the two is given
        check_units(n_in, n_out)
        count = round(expected) if self.exact else int(rng.binomial(possible, expected / possible))
        check_layer(self, n_in, n_out, count)
        return cells_to_csr(distinct(possible, count, rng), n_in, n_out)


def _shares(sizes: list[int], total: int) -> tuple[Fraction, list[Fraction]]:
    """Return the epsilon at which the layers of the net hold `total` connections, and each layer's share (Fractions).

    A share is min(n_in * n_out, epsilon * (n_in + n_out)). Layers fill up in the order of the epsilon that fills them, so each
    round fixes the full ones and divides the rest anew.
    """
    room = [n_in * n_out for n_in, n_out in zip(sizes, sizes[1:], strict=False)]
    units = [n_in + n_out for n_in, n_out in zip(sizes, sizes[1:], strict=False)]
    open_layers, left = set(range(len(room))), total
    epsilon = Fraction(0)
    while open_layers:
        epsilon = Fraction(left, sum(units[layer] for layer in open_layers))
        filled = {layer for layer in open_layers if epsilon * units[layer] >= room[layer]}
        if not filled:
            break
        open_layers -= filled
        left -= sum(room[layer] for layer in filled)
    if not open_layers:  # every layer is full: the epsilon that fills the last one
        epsilon = max(Fraction(r, u) for r, u in zip(room, units, strict=True))
    return epsilon, [min(Fraction(r), epsilon * u) for r, u in zip(room, units, strict=True)]


def _largest_remainder(shares: list[Fraction], total: int) -> list[int]:
    """Round the shares to whole numbers that add up to `total`: down, then the largest remainders up."""
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda layer: counts[layer] - shares[layer])
    for layer in by_remainder[: total - sum(counts)]:
        counts[layer] += 1
    return counts
