"""The columns of a data set, read a few rows at a time, in an order that depends on what they hold and not on where they stand."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from .. import checks

VALUES = 2**21  # numbers of a piece of X, and of a block of scores: 8 MB in float32
KEPT = 2**24  # numbers of X that are kept once read, 64 MB; more are read again each time


class Columns:
    """X on all or some of its rows, as blocks of rows with the columns in canonical order.

    The order is that of a hash of each column's float32 values; equal columns stand in the order of X. So what is computed of the
    blocks is the same, bit for bit, if the columns of X change places; only `order` says where they were.

    Parameters
    ----------
    X : array or scipy sparse matrix [n_samples, n_in]
    max_rows : int, optional
        Look at so many rows at most, evenly spaced.

    Attributes
    ----------
    rows : int64[n_rows]
    kept : bool
        X is small enough to be held in memory once read.
    order : int64[n_in]
        Column `order[c]` of X is column c here.

    Raises
    ------
    ValueError
        NaN or infinity in X.

    Examples
    --------
    >>> X = np.array([[1, 5, 0], [2, 5, 0]])
    >>> one, other = Columns(X), Columns(X[:, [2, 0, 1]])
    >>> bool((X[:, one.order] == X[:, [2, 0, 1]][:, other.order]).all())
    True
    """

    def __init__(self, X: Any, max_rows: int | None = None) -> None:
        self.X = X.tocsr() if sp.issparse(X) else X
        n, self.n_in = self.X.shape
        taken = n if max_rows is None else min(n, max_rows)
        self.rows = np.arange(taken, dtype=np.int64) * n // taken
        self.order, self._kept = np.arange(self.n_in), None
        self.order = np.argsort(self._hashes(), kind="stable")
        self.kept = taken * self.n_in <= KEPT
        self._kept = list(self.pieces()) if self.kept else None

    def pieces(self) -> Iterator[Any]:
        """Yield (rows, float32[len(rows), n_in]), the values finite; not to be changed."""
        if self._kept is not None:
            yield from self._kept
            return
        step = max(1, VALUES // self.n_in)
        for start in range(0, self.rows.size, step):
            rows = self.rows[start : start + step]
            part = self.X[rows]
            part = np.asarray(part.toarray() if sp.issparse(part) else part, np.float32)
            if not checks.all_finite(np.ascontiguousarray(part)):
                raise ValueError("data must have finite X, within float32; it holds NaN, infinity or values beyond 3e38.")
            yield rows, part[:, self.order]

    def _hashes(self) -> np.ndarray:
        """Return uint64[n_in]: for each column the sum of random odd multiples of its values' bits, modulo 2**64."""
        rng = np.random.Generator(np.random.PCG64(0))
        hashes = np.zeros(self.n_in, np.uint64)
        for rows, part in self.pieces():
            bits = (part + np.float32(0)).view(np.uint32)  # -0.0 becomes 0.0
            factors = rng.integers(2**63, size=rows.size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
            for factor, row in zip(factors, bits, strict=True):
                hashes += factor * row
        return hashes


def draw_inputs(log_weights: np.ndarray, fan_in: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the inputs of some units, without replacement, each draw in proportion to the weights that are left.

    Parameters
    ----------
    log_weights : float32[units, n_in]
        Logarithms, -inf for what may only be drawn when all else is; overwritten.
    fan_in : int

    Returns
    -------
    int64[units, fan_in]

    Notes
    -----
    Gumbel-top-k (Vieira 2014; Kool et al., "Stochastic beams and where to find them", 2019): one number is drawn per unit and input.
    """
    log_weights -= np.log(rng.standard_exponential(log_weights.shape, np.float32))
    return np.argpartition(log_weights, -fan_in, axis=1)[:, -fan_in:]
