"""Which units no input reaches, and which reach no output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .network import Network


@dataclass(frozen=True, eq=False)
class Connectivity:
    """Says what `Network.check_connectivity` found. Layers of units count from 0, the inputs; the last is that of the outputs.

    Attributes
    ----------
    sizes : tuple of int
        Units by layer of units.
    unreached : tuple of int64 arrays, one a layer of units
        Units that no path from any input reaches: they put out a constant, whatever the sample.
    dead_ends : tuple of int64 arrays, one a layer of units
        Units from which no path leads to any output: computed for nothing. An input among them is a feature that the net ignores.
    """

    sizes: tuple
    unreached: tuple
    dead_ends: tuple

    @property
    def ok(self) -> bool:
        """Whether every unit lies on a path from an input to an output."""
        return not any(units.size for units in (*self.unreached, *self.dead_ends))

    @property
    def only_inputs_unused(self) -> bool:
        """Whether nothing is amiss but that the net ignores some inputs, as nets do whose topology chooses among them."""
        return not any(units.size for units in (*self.unreached, *self.dead_ends[1:]))

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        said = []
        for found, words in ((self.unreached, "no input reaches"), (self.dead_ends, "reach no output")):
            parts = [
                f"{units.size} of {n} in {self._name(k)}" for k, (units, n) in enumerate(zip(found, self.sizes, strict=True)) if units.size
            ]
            if parts:
                said.append(f"units that {words}: {', '.join(parts)}")
        return "; ".join(said) or "every unit lies on a path from an input to an output"

    def _name(self, k: int) -> str:
        return "the inputs" if k == 0 else "the outputs" if k == len(self.sizes) - 1 else f"hidden layer {k}"

    __repr__ = __str__


def connectivity(network: Network) -> Connectivity:
    """Return the `Connectivity` of a network; see `Network.check_connectivity`."""
    reached = [np.ones(network.n_in, bool)]
    for layer in network.layers:
        reached.append(layer.reached(reached[-1]))
    useful = [np.ones(network.n_out, bool)]
    for layer in reversed(network.layers):
        useful.append(layer.needed(useful[-1]))
    flat = [tuple(np.flatnonzero(~units) for units in layers) for layers in (reached, useful[::-1])]
    return Connectivity(tuple(network.sizes), *flat)
