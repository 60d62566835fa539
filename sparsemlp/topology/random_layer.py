"""A given number of connections anywhere in one layer."""

from dataclasses import dataclass

import numpy as np

from .. import checks
from ..weights.cells import cells_to_csr
from .base import LARGEST, Topology, check_layer
from .sampling import distinct


@dataclass(frozen=True)
class RandomLayer(Topology):
    """Exactly `n_connections` connections in the layer, each set of cells equally likely.

    What `ErdosRenyi` and `Uniform` come down to once they know the units.

    Parameters
    ----------
    n_connections : int
        1 to 2**31 - 1, at most n_in * n_out when built.

    Examples
    --------
    >>> import numpy as np
    >>> indptr, indices = RandomLayer(12).build(5, 4, np.random.default_rng(0))
    >>> int(indptr[-1]), indices.dtype.name
    (12, 'int32')
    """

    n_connections: int

    def __post_init__(self) -> None:
        checks.integer("RandomLayer.n_connections", self.n_connections, 1, LARGEST)

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (indptr, indices); see `Topology.build`. O(n_connections log n_connections) time."""
        check_layer(self, n_in, n_out, self.n_connections)
        return cells_to_csr(distinct(n_in * n_out, self.n_connections, rng), n_in, n_out)
