"""Small-world layers: neighbours on a ring, some of them rewired."""

from dataclasses import dataclass

import numpy as np

from .. import checks
from .base import Topology, check_layer
from .expander import by_input
from .sampling import fill_rows


@dataclass(frozen=True)
class SmallWorld(Topology):
    """Inputs and outputs lie on one ring, outputs join the inputs nearest to them, then connections are rewired at random.

    Output unit o lies at input o * n_in / n_out and takes a run of inputs around it. The layer has
    round(density * n_in * n_out) connections exactly; where they do not divide by n_out, some outputs, evenly spaced, have
    one more. Then each connection is cut with probability `rewire`, and its output takes another input, each free one equally
    likely (one that was just cut may come back). 0 is the ring lattice, 1 a random layer of nearly constant fan-in.

    Parameters
    ----------
    density : float in (0, 1]
    rewire : float in [0, 1]
        Probability per connection.

    References
    ----------
    Watts, Strogatz, "Collective dynamics of 'small-world' networks", Nature 393 (1998). Theirs is one ring of nodes of one
    kind; ours joins two layers.

    Examples
    --------
    >>> indptr, indices = SmallWorld(0.5, rewire=0.0).build(6, 3, np.random.default_rng(0))
    >>> [indices[a:b].tolist() for a, b in zip(indptr, indptr[1:])]
    [[0], [0, 1], [1], [1, 2], [2], [0, 2]]
    """

    density: float
    rewire: float

    def __post_init__(self) -> None:
        checks.fraction("SmallWorld.density", self.density, open_low=True)
        checks.fraction("SmallWorld.rewire", self.rewire)

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`."""
        n_connections = round(float(self.density) * (n_in * n_out))
        check_layer(self, n_in, n_out, n_connections)
        output = np.arange(n_out, dtype=np.int64)
        first = n_connections * output // n_out  # where the connections of each output start: counts differ by at most 1
        fan_in = np.diff(first, append=n_connections)
        owner = np.repeat(output, fan_in)
        step = np.arange(n_connections, dtype=np.int64) - first[owner]
        inputs = (owner * n_in // n_out - fan_in[owner] // 2 + step) % n_in
        lattice = np.sort(owner * n_in + inputs)
        kept = lattice[rng.random(n_connections) >= self.rewire]
        cut = fan_in - np.bincount(kept // n_in, minlength=n_out)
        return by_input(fill_rows(kept, cut, n_in, rng), n_in, n_out)
