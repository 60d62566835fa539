"""A matrix of images that changes at random from epoch to epoch on its way into the network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .batches import Rows, _locked

if TYPE_CHECKING:
    from ..datasets.augmentation import Augmentation
    from .plan import Plan


class AugmentedRows(Rows):
    """Reads images like `Rows`, and standardises and maps them at random, batch by batch, in a buffer of one batch.

    Parameters
    ----------
    X : array of real numbers [n_samples, n_features], not sparse
    n_features : int
    augmentation : Augmentation

    Attributes
    ----------
    key : int
        63 bits of (seed, fit, epoch), set before each epoch; the draws come from it and the sample's row.

    Raises
    ------
    ValueError, TypeError
        As for `Rows`; or if the images do not have the network's number of inputs, or X is a sparse matrix.
    """

    def __init__(self, X: Any, n_features: int, augmentation: Augmentation) -> None:
        super().__init__(X, n_features)
        if self.sparse:
            raise TypeError("augment needs a dense X: a moved image has other zeros than its original. Use X.toarray() if it is small.")
        if augmentation.n_features != n_features:
            raise ValueError(f"augment.image_shape {augmentation.image_shape} must make the {n_features} features of X.")
        standardizer = augmentation.standardizer
        self._mean = np.zeros(n_features) if standardizer is None else standardizer.mean
        self._scale = np.ones(n_features) if standardizer is None else standardizer.scale
        self._shape = (1, *augmentation.image_shape)[-3:]
        self._limits = math.radians(augmentation.rotation), float(augmentation.shift), 0.5 if augmentation.flip else 0.0
        self.key = 0
        self._augmented = self._maps = self._scratch = np.zeros((0, 0))

    def fill(self, plan: Plan, rows: np.ndarray) -> None:
        from ..kernels import augment

        x, context = plan.inputs, plan.context
        n, n_threads = rows.size, context.n_threads
        if len(self._augmented) < n or self._augmented.dtype != x.dtype or len(self._maps) < n_threads:
            self._augmented, self._scratch = (np.empty((k, self.n_features), x.dtype) for k in (n, n_threads))
            self._maps = np.empty((n_threads, 6))
        X, at = self.X, rows
        if not self._in_place:
            if self._buffer is None or len(self._buffer) < n:
                self._buffer = np.empty((n, self.n_features), x.dtype)
            X, at = self._buffer, plan.rows
            X[:n] = self.X[rows]
        images = self._limits, self._shape, _locked(self._mean), _locked(self._scale)
        augment.augment_rows(context.w, n_threads, _locked(X), at, rows, self.key, *images, self._augmented, self._maps, self._scratch)
        plan.to_tiles(context.w, n_threads, context.square, _locked(self._augmented), plan.rows, x, plan.offsets)
