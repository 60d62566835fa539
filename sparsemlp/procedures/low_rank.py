"""`factor`: two matrices with a layer of units between them that do what one matrix did."""

from __future__ import annotations

from typing import Any

import numpy as np

SLOPES = {"sigmoid": 0.25, "tanh": 1.0}  # at 0
LINEAR = 0.5  # root mean square that the input of a saturating unit may reach, for inputs of root mean square 1
NEGLIGIBLE = 1e-6  # singular values, relative to the largest


def factor(matrix: np.ndarray, spare: Any, activation: str, slope: float = 0.01) -> Any:
    """Factors A, B of a matrix W so that activation(x A) B + shift is close to x W.

    Parameters
    ----------
    matrix : float[n_in, n_out]
        W.
    spare : float[n_in, n_units]
        What the columns of A are that W's rank has no use for: their units are tied to nothing (zero rows of B) until they are trained.
    activation : {"identity", "relu", "leaky_relu", "sigmoid", "tanh"}
        Of the units.
    slope : float
        Of the leaky ReLU.

    Returns
    -------
    (float[n_in, n_units], float[n_units, n_out], float[n_out], float)
        A, B, shift and the relative error of the linear part, |W - W'| / |W| in Frobenius norms, W' what the units carry.

    Notes
    -----
    By singular value decomposition: the largest r singular values, r the rank, or what the units carry if that is less; this is the
    best approximation of its rank. Identity units carry one direction each. ReLU and leaky ReLU units carry one a pair, exactly for
    every x: relu(z) - relu(-z) = z. Sigmoid and tanh units carry one each in their linear range: inputs are scaled so that their mean
    square is at most 0.25 if x has independent entries of mean square 1 or less, as a sigmoid or tanh layer gives.
    O(n_in * n_out * min(n_in, n_out)) time.

    Examples
    --------
    >>> w = np.outer([1.0, -2.0, 0.5], [3.0, 1.0])
    >>> a, b, shift, error = factor(w, np.zeros((3, 2)), "relu")
    >>> x = np.array([[0.3, -1.0, 2.0]])
    >>> np.allclose(np.maximum(x @ a, 0) @ b + shift, x @ w), error < 1e-12
    (True, True)
    """
    into, n_units = spare.copy(), spare.shape[1]
    out = np.zeros((n_units, matrix.shape[1]), matrix.dtype)
    shift = np.zeros(matrix.shape[1])
    u, s, v = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    paired = activation in ("relu", "leaky_relu")
    rank = int(np.count_nonzero(s > NEGLIGIBLE * s[0])) if s.size and s[0] > 0 else 0
    r = min(rank, n_units // 2 if paired else n_units)
    norm = float(np.sqrt((s**2).sum()))
    error = float(np.sqrt((s[r:] ** 2).sum())) / norm if norm else 0.0
    u, s, v = u[:, :r], s[:r], v[:r]
    if activation in SLOPES:
        into[:, :r] = u * LINEAR
        out[:r] = (s / (LINEAR * SLOPES[activation]))[:, None] * v
        if activation == "sigmoid":
            shift = -0.5 * out.astype(np.float64).sum(axis=0)
    else:
        half = np.sqrt(s)  # both factors get the same share of the size
        into[:, :r], out[:r] = u * half, half[:, None] * v
        if paired:
            into[:, r : 2 * r] = -into[:, :r]
            out[:r] /= 1 + slope * (activation == "leaky_relu")
            out[r : 2 * r] = -out[:r]
    return into, out, shift, error
