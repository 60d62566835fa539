"""Every connection exists, and the layer is a full matrix."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..initializers import Initializer
from ..weights.dense import DenseWeights
from .base import Topology, check_layer


@dataclass(frozen=True)
class Dense(Topology):
    """A full matrix multiplied by BLAS (`DenseWeights`): the baseline, and where methods that prune later start.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> sm.MLP([3, 4], topology=sm.Dense()).layers[0].weights
    DenseWeights(3, 4): 12 connections
    """

    def weights(
        self,
        n_in: int,
        n_out: int,
        initializer: Initializer,
        dtype: Any,
        topology_rng: np.random.Generator,
        weights_rng: np.random.Generator,
    ) -> Any:
        """Return `DenseWeights` that the initializer draws."""
        n = n_in * n_out
        return DenseWeights(initializer.sample(weights_rng, n, n_in, n_out, n, dtype).reshape(n_in, n_out))

    def bytes_needed(self, n_in: int, n_out: int, itemsize: int) -> tuple[int, int]:
        return n_in * n_out * itemsize, 0

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return all n_in * n_out connections as (indptr, indices); see `Topology.build`."""
        check_layer(self, n_in, n_out, n_in * n_out)
        indptr = np.arange(n_in + 1, dtype=np.int64) * n_out
        return indptr.astype(np.int32), np.tile(np.arange(n_out, dtype=np.int32), n_in)
