"""The same density in every layer."""

from dataclasses import dataclass

import numpy as np

from .. import checks
from .base import Topology, check_layer
from .random_layer import RandomLayer


@dataclass(frozen=True)
class Uniform(Topology):
    """Every layer gets round(density * n_in * n_out) connections in uniform distinct cells.

    Parameters
    ----------
    density : float
        Connections / (n_in * n_out), in (0, 1]. At 1 the layer is full but still stored as connections; `Dense` is the
        full matrix.

    Examples
    --------
    >>> import numpy as np
    >>> indptr, indices = Uniform(0.25).build(10, 8, np.random.default_rng(0))
    >>> len(indices)
    20
    """

    density: float

    def __post_init__(self) -> None:
        checks.fraction("Uniform.density", self.density, open_low=True)

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`. The count is exact."""
        n_connections = round(float(self.density) * (n_in * n_out))
        check_layer(self, n_in, n_out, n_connections)
        return RandomLayer(n_connections).build(n_in, n_out, rng)
