"""Every connection exists, and the layer is a full matrix."""

from dataclasses import dataclass

import numpy as np

from .base import Topology, check_layer


@dataclass(frozen=True)
class Dense(Topology):
    """A full matrix multiplied by BLAS (`DenseWeights`): the baseline, and where methods that prune later start.

    Examples
    --------
    >>> Dense().is_dense
    True
    """

    is_dense = True

    def build(self, n_in, n_out, rng):
        """Return all n_in * n_out connections as (indptr, indices); see `Topology.build`."""
        check_layer(self, n_in, n_out, n_in * n_out)
        indptr = np.arange(n_in + 1, dtype=np.int64) * n_out
        return indptr.astype(np.int32), np.tile(np.arange(n_out, dtype=np.int32), n_in)
