"""`area_average`: images made smaller, each new pixel the mean of the area it covers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import checks

ROWS = 4096  # images at a time


def area_average(X: Any, shape: tuple, new_shape: Any) -> np.ndarray:
    """Images of another size: each new pixel is the mean of the old ones below it, those on its edge by the part it covers.

    Parameters
    ----------
    X : array of numbers [n_samples, height * width]
        One flat row per image.
    shape, new_shape : (int, int)
        Height and width before and after.

    Returns
    -------
    float32[n_samples, new height * new width]

    Raises
    ------
    ValueError
        X does not have height * width columns, or a side is less than 1.

    Notes
    -----
    The mean of all pixels of an image is unchanged. O(n_samples * height * width * (new height + new width)) time.

    Examples
    --------
    >>> area_average(np.arange(9.0)[None], (3, 3), (1, 1))
    array([[4.]], dtype=float32)
    >>> area_average(np.array([[0.0, 3.0, 6.0]]), (1, 3), (1, 2))
    array([[1., 5.]], dtype=float32)
    """
    X = np.asarray(X)
    shape, new_shape = (tuple(checks.integer(f"{name}[{k}]", side, 1) for k, side in enumerate(sides)) for name, sides in (
        ("shape", shape), ("new_shape", new_shape)))  # fmt: skip
    if X.ndim != 2 or X.shape[1] != shape[0] * shape[1]:
        raise ValueError(f"X must have {shape[0]} * {shape[1]} columns, the pixels of an image; got shape {X.shape}.")
    rows, columns = (_covered(n, m) for n, m in zip(shape, new_shape, strict=True))
    out = np.empty((len(X), new_shape[0] * new_shape[1]), np.float32)
    for start in range(0, len(X), ROWS):
        images = X[start : start + ROWS].reshape(-1, *shape).astype(np.float64)
        out[start : start + ROWS] = (rows @ images @ columns.T).reshape(len(images), -1)
    return out


def _covered(n: int, m: int) -> Any:
    """float64[m, n]: the part of each of m equal stretches of a line that each of n equal ones covers."""
    old, new = np.arange(n), np.arange(m)[:, None]
    overlap = np.minimum((new + 1) * n / m, old + 1) - np.maximum(new * n / m, old)
    return np.maximum(overlap, 0) * m / n
