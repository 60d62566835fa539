"""The optical digits that ship with the package: 1,797 images of 8 × 8 pixels, values 0 to 16, ten classes.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998, CC BY 4.0; these are
the repository's 1,797 test images in the order in which scikit-learn has them. The file also holds which 360 of them are our test part:
a stratified choice at random (data/README.md has the lines that made it). Both parts come from the same 13 writers, so the test
accuracy says nothing about the handwriting of strangers.
"""

from __future__ import annotations

import importlib.resources
import zipfile
from typing import Any

import numpy as np

from ..errors import DatasetError

FILE = "digits.npz"
SAMPLES, TEST_SAMPLES, PIXELS = 1797, 360, 64


def load_digits() -> Any:
    """Read the embedded digits.

    Returns
    -------
    X : uint8[1437, 64]
    y : int64[1437]
    X_test : uint8[360, 64]
    y_test : int64[360]
        Within each part the samples keep their order in the source.

    Raises
    ------
    DatasetError
        The package's own file is missing or damaged: it was not installed whole.
    """
    try:
        with importlib.resources.files(__package__).joinpath(FILE).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            X, y, test = archive["X"], archive["y"], archive["test"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"sparsemlp/datasets/{FILE} is missing or damaged ({error}). Install sparsemlp again.") from error
    if X.shape != (SAMPLES, PIXELS) or y.shape != (SAMPLES,) or test.shape != (TEST_SAMPLES,):
        raise DatasetError(f"sparsemlp/datasets/{FILE} has the shapes {X.shape}, {y.shape}, {test.shape}. Install sparsemlp again.")
    in_test = np.zeros(SAMPLES, bool)
    in_test[test] = True
    y = y.astype(np.int64)
    return X[~in_test], y[~in_test], X[in_test], y[in_test]
