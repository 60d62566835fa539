"""Connections given as a matrix or a mask."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from .. import checks
from ..errors import TopologyError
from ..weights.cells import cells_to_csr
from ..weights.scipy_input import entries, in_order
from .base import Topology, check_layer


@dataclass(frozen=True, eq=False, repr=False)
class Given(Topology):
    """The connections of a SciPy sparse matrix or array, or of a 2-D NumPy array.

    Parameters
    ----------
    matrix : scipy sparse matrix or array, or array_like of bool or real numbers, shape (n_in, n_out)
        As W in ``X @ W``. Sparse: every stored entry is a connection, explicit zeros too. NumPy: every entry that is not
        zero. Copied; later changes of `matrix` change nothing here.
    keep_values : bool
        True: the weights start from the entries (True counts as 1). False: only the cells matter, the initializer
        draws the weights.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array
        The checked copy: canonical, int32 indices, floating point (bool as float32).

    Raises
    ------
    TopologyError
        At construction: not 2-D, not real, not finite, indices out of range or of the wrong length, the same cell
        twice (never summed silently), no connection, or more than 2**31 - 1; when built: another shape than the layer's.

    Examples
    --------
    >>> given = Given([[0.5, 0, 2], [0, 0, 1]], keep_values=True)
    >>> given
    <Given 2 x 3, 3 connections, keep_values=True>
    >>> given.build(2, 3, rng=None)
    (array([0, 2, 3], dtype=int32), array([0, 2, 2], dtype=int32))
    >>> given.values
    array([0.5, 2. , 1. ])
    """

    matrix: Any
    keep_values: bool = False

    def __post_init__(self) -> None:
        checks.instance("Given.keep_values", self.keep_values, bool, "True or False")
        shape, rows, columns, values = entries(self.matrix)
        check_layer("Given", *shape, len(rows))
        cells, values = in_order(rows, columns, values, shape[1])
        indptr, indices = cells_to_csr(cells, *shape)
        values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
        object.__setattr__(self, "matrix", scipy.sparse.csr_array((values, indices, indptr), shape=shape))

    def __repr__(self) -> str:
        n_in, n_out = self.matrix.shape
        return f"<Given {n_in} x {n_out}, {self.matrix.nnz} connections, keep_values={self.keep_values}>"

    def build(self, n_in: int, n_out: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of (indptr, indices); see `Topology.build`."""
        shape = self.matrix.shape
        if shape != (n_in, n_out):
            fix = " Pass its transpose: W as in X @ W." if shape == (n_out, n_in) else ""
            raise TopologyError(f"The given matrix must have the layer's shape {(n_in, n_out)}; got {shape}.{fix}")
        return self.matrix.indptr.copy(), self.matrix.indices.copy()

    @property
    def values(self) -> np.ndarray | None:
        """A copy of the entries in the order of `build`'s indices if `keep_values`, else None."""
        return self.matrix.data.copy() if self.keep_values else None
