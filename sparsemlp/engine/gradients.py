"""`Gradients`: those of all parameters in one flat buffer, with views by parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..models.network import Network


ROW = 16  # numbers; parameters begin on such places, so that their gradients do not share cache lines
TAIL = 2  # behind the gradients: the loss, and how many answers were right


class Gradients:
    """Holds the gradients of a network's parameters in one flat buffer.

    Parameters
    ----------
    network : Network
        The network whose parameters, as they are now, decide the layout.

    Attributes
    ----------
    flat : float[n]
        Everything, one after the other: what clipping scales and ranks add up. Its last entries are the loss and the count of right
        answers, so that these are added up with it; gaps between parameters are 0.
    layers : list of list of float[size]
        Views of `flat`: by layer, by parameter in the order of `Layer.parameters`. Of the stored connections in CSR order; of a dense
        layer row-major, removed connections included, at which the gradient is what a connection there would have, until
        `clear_removed` sets it to 0.
    states : list of list of float[1, size]
        The same views, in the shape in which kernels take them.
    """

    def __init__(self, network: Network) -> None:
        sizes = [[p.data.size for p in layer.parameters()] for layer in network.layers]
        starts: list[list[int]] = []
        end = 0
        for row in sizes:
            starts.append([])
            for size in row:
                starts[-1].append(end)
                end += -(-size // ROW) * ROW
        self.flat = np.zeros(end + TAIL, network.dtype)
        rows = zip(sizes, starts, strict=True)
        self.layers = [[self.flat[a : a + n] for n, a in zip(ns, at, strict=True)] for ns, at in rows]
        self.states = [[view[None] for view in row] for row in self.layers]

    @property
    def values(self) -> np.ndarray:
        """The gradients of `flat` alone, without the loss and the count behind them."""
        return self.flat[:-TAIL]

    @property
    def loss(self) -> float:
        """The loss of the batch."""
        return float(self.flat[-2])

    @property
    def right(self) -> float:
        """How many answers were right."""
        return float(self.flat[-1])

    def fits(self, network: Network) -> bool:
        """Return whether the layout is still that of the network's parameters."""
        now = [[p.data.size for p in layer.parameters()] for layer in network.layers]
        return now == [[view.size for view in row] for row in self.layers]

    def clear_removed(self, network: Network) -> None:
        """Set the gradients of removed connections to 0: they have none, whatever a dense product says."""
        for layer, row in zip(network.layers, self.layers, strict=True):
            for p, gradient in zip(layer.parameters(), row, strict=True):
                removed = getattr(p, "removed", None)
                if removed is not None:
                    np.copyto(gradient, 0, where=removed)

    def norm(self) -> float:
        """Return the Euclidean norm over all parameters, in float64."""
        values = self.values
        return float(np.sqrt(sum(float(part @ part) for part in np.array_split(values.astype(np.float64), max(1, values.size >> 20)))))

    def __repr__(self) -> str:
        return f"<Gradients of {sum(len(row) for row in self.layers)} parameters, norm {self.norm():.4g}>"
