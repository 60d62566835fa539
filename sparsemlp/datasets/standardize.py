"""Per-pixel standardisation with the training set's mean and deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from .. import checks

CHUNK_VALUES = 1 << 20  # values converted to float64 at a time: 8 MiB, whatever the size of the data set


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Subtract each feature's mean and divide by its deviation, both of the training set.

    Parameters
    ----------
    mean : float64[n_features]
    scale : float64[n_features]
        What the difference is *multiplied* by: 1 / deviation, and 0 for a feature that was constant in training. Such a feature comes
        out as 0 everywhere, in later data too, whatever its value there.
    clip : float, > 0, optional
        Bound of what comes out, in deviations: values beyond -clip and clip become these. Pixels that are nearly always 0 have tiny
        deviations: without a bound MNIST holds values of 245 in training and 420 in testing. Default: no bound.

    Raises
    ------
    ValueError
        Arrays of different lengths, or not finite; clip is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsemlp.datasets import Standardizer
    >>> X = np.array([[0, 7], [2, 7]], dtype=np.uint8)
    >>> standardizer = Standardizer.fit(X)
    >>> standardizer(X).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    >>> standardizer(np.array([[4, 9]])).tolist()
    [[3.0, 0.0]]
    """

    mean: np.ndarray
    scale: np.ndarray
    clip: float | None = None

    def __post_init__(self) -> None:
        for name in ("mean", "scale"):
            values = np.array(getattr(self, name), np.float64)
            if values.ndim != 1 or not np.isfinite(values).all():
                raise ValueError(f"Standardizer.{name} must be finite numbers, one per feature; got shape {values.shape}.")
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        if self.mean.shape != self.scale.shape:
            raise ValueError(f"mean and scale must have one value per feature each; got {self.mean.size} and {self.scale.size}.")
        if self.clip is not None:
            checks.real("Standardizer.clip", self.clip, 0, open_low=True, fix="In deviations, such as 4.")

    @classmethod
    def fit(cls, X: Any, clip: float | None = None) -> Self:
        """Take mean and deviation (the population's: divided by n) of each column.

        Parameters
        ----------
        X : array of real numbers [n_samples, n_features]
        clip : float, > 0, optional

        Returns
        -------
        Standardizer

        Raises
        ------
        ValueError
            Not two-dimensional, no samples, or NaN or infinity.
        TypeError
            Not real numbers, or a sparse matrix.

        Notes
        -----
        Two passes over X in pieces of 8 MiB, sums in float64: no copy of X. Constant means that the largest value equals the smallest;
        a rounded deviation could not tell.
        """
        X = _matrix(X)
        if not len(X):
            raise ValueError(f"X must have at least one sample; got shape {X.shape}.")
        with np.errstate(all="ignore"):  # what is not finite is found below, in one place
            mean = sum(part.sum(axis=0) for part in _pieces(X)) / len(X)
            deviation = np.sqrt(sum(((part - mean) ** 2).sum(axis=0) for part in _pieces(X)) / len(X))
            inverse = 1 / deviation
            varies = (X.min(axis=0) != X.max(axis=0)) & (inverse < np.inf)
        if not np.isfinite(deviation).all():
            column = int(np.argmin(np.isfinite(deviation)))
            raise ValueError(f"X must be finite; column {column} holds NaN, infinity or values whose squares are too large to add.")
        return cls(mean, np.where(varies, inverse, 0), clip)

    def __call__(self, X: Any) -> np.ndarray:
        """Standardise.

        Parameters
        ----------
        X : array of real numbers [n_samples, n_features]

        Returns
        -------
        float32[n_samples, n_features], C order, new
            Computed in float64, in pieces of 8 MiB, and rounded once. NaN stays NaN; infinity becomes NaN or infinity, or `clip`.

        Raises
        ------
        ValueError
            Not two-dimensional, or another number of features.
        TypeError
            Not real numbers, or a sparse matrix.
        """
        X = _matrix(X)
        if X.shape[1] != self.mean.size:
            raise ValueError(f"X must have the {self.mean.size} features of the training set; got shape {X.shape}.")
        out = np.empty(X.shape, np.float32)
        start = 0
        with np.errstate(all="ignore"):
            for part in _pieces(X):
                rows = out[start : start + len(part)]
                np.multiply(part - self.mean, self.scale, out=rows)
                if self.clip is not None:
                    np.clip(rows, -self.clip, self.clip, out=rows)
                start += len(part)
        return out


def standardize(X_train: Any, X_test: Any, clip: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Standardise both parts of a data set with the training part's mean and deviation per feature.

    The setting of Chouliaras, Fragkou, Katsaros, "Feed forward neural network sparsification with dynamic pruning", PCI 2021 (their
    released code). We differ in one point: a feature that is constant in training comes out as 0 in both parts; nothing is added to
    the deviation to avoid a division by zero.

    Parameters
    ----------
    X_train : array of real numbers [n_samples, n_features]
    X_test : array of real numbers [n_test_samples, n_features]
    clip : float, > 0, optional
        Bound of what comes out, in deviations, such as 4: for images, whose border pixels are nearly always 0. Default: none, the papers'.

    Returns
    -------
    X_train, X_test : float32 arrays of the same shapes, C order

    Raises
    ------
    ValueError, TypeError
        As `Standardizer.fit` and `Standardizer.__call__`.

    Examples
    --------
    >>> from sparsemlp import datasets
    >>> X, y, X_test, y_test = datasets.load("digits")
    >>> X, X_test = datasets.standardize(X, X_test)
    >>> bool(abs(X.mean(axis=0)).max() < 1e-5)
    True
    """
    standardizer = Standardizer.fit(X_train, clip)
    return standardizer(X_train), standardizer(X_test)


def _matrix(X: Any) -> Any:
    if sp.issparse(X):
        raise TypeError("X must be a dense array: subtracting the mean would fill a sparse matrix. Use X.toarray() if it is small.")
    X = np.asarray(X)
    if X.dtype.kind not in "buif":
        raise TypeError(f"X must hold real numbers; got dtype {X.dtype}.")
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, samples and features; got shape {X.shape}.")
    return X


def _pieces(X: Any) -> Any:
    """Yield X in float64, a few rows at a time."""
    rows = max(1, CHUNK_VALUES // max(1, X.shape[1]))
    for start in range(0, len(X), rows):
        yield X[start : start + rows].astype(np.float64)
