"""Random rotations, shifts and flips of image batches."""

import math
from dataclasses import dataclass

from .. import checks
from .standardize import Standardizer


@dataclass(frozen=True)
class Augmentation:
    """What `Trainer.fit(augment=)` does to each image, anew in each epoch: standardise, rotate, shift, flip.

    Parameters
    ----------
    image_shape : (height, width) or (channels, height, width)
        Pixels; a row of X is the flattened image, channels first as CIFAR-10 is stored.
    rotation : float in [0, 180]
        Degrees; each image is turned about its centre by an angle uniform in [-rotation, rotation].
    shift : float in [0, 1]
        Fraction; shifts are uniform in [-shift, shift] times the height and, drawn apart, times the width.
    flip : bool
        Mirror each image left to right with probability 1/2.
    standardizer : Standardizer, optional
        Without a `clip`: of clipped pixels give X standardised, and no standardizer.
        Applied to each pixel before the map, so that X can stay uint8: four times less memory than a standardised copy. Data for
        validation and prediction are not augmented and must then be standardised by the caller: `standardizer(X_test)`.

    Raises
    ------
    ValueError, TypeError
        Sides, angles or fractions out of range; a standardizer of another number of features, or one that clips.

    Notes
    -----
    Values between pixels are bilinear, those beyond the edge are the nearest pixel's. The draws depend on (seed, fit, epoch, sample's
    row in X) and on nothing else: neither the batch nor the number of threads.

    References
    ----------
    The setting of Chouliaras, Fragkou, Katsaros, "Feed forward neural network sparsification with dynamic pruning", PCI 2021, by its
    released code: pixels standardised, then rotation 10, shift 0.005, horizontal flip, nearest-edge fill.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> augment = sm.datasets.Augmentation((8, 8), flip=False, standardizer=sm.datasets.Standardizer.fit(X))
    >>> trainer = sm.Trainer(sm.MLP([64, 100, 10], density=0.2, seed=0))
    >>> history = trainer.fit(X, y, epochs=2, augment=augment)
    >>> Augmentation((28, 28), shift=2)
    Traceback (most recent call last):
    ValueError: Augmentation.shift must be in [0, 1]; got 2. A fraction of the side, not pixels.
    """

    image_shape: tuple
    rotation: float = 10
    shift: float = 0.005
    flip: bool = True
    standardizer: Standardizer | None = None

    def __post_init__(self) -> None:
        shape = self.image_shape
        if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
            raise ValueError(f"Augmentation.image_shape must be (height, width) or (channels, height, width); got {shape!r}.")
        shape = tuple(checks.integer(f"Augmentation.image_shape[{k}]", side, 1) for k, side in enumerate(shape))
        object.__setattr__(self, "image_shape", shape)
        checks.real("Augmentation.rotation", self.rotation, 0, 180, fix="Degrees, the largest angle to either side.")
        checks.real("Augmentation.shift", self.shift, 0, 1, fix="A fraction of the side, not pixels.")
        if not isinstance(self.flip, bool):
            raise TypeError(f"Augmentation.flip must be True or False; got {self.flip!r}.")
        if self.standardizer is not None:
            checks.instance("Augmentation.standardizer", self.standardizer, Standardizer, "Standardizer.fit(X)")
            if self.standardizer.mean.size != self.n_features:
                raise ValueError(
                    f"Augmentation.standardizer must have the {self.n_features} features of image_shape {shape}; "
                    f"it has {self.standardizer.mean.size}."
                )
            if self.standardizer.clip is not None:
                raise ValueError(
                    f"Augmentation.standardizer must have no clip; got {self.standardizer.clip}. "
                    "Standardise X with it before fit, and give no standardizer here."
                )

    @property
    def n_features(self) -> int:
        """Values in one image."""
        return math.prod(self.image_shape)
