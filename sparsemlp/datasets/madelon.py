"""Madelon, of the NIPS 2003 feature selection challenge: text files, plain or gzipped; the validation part serves as the test part.

One sample a line: 500 whole numbers, or the label -1 or +1 (I. Guyon, S. Gunn, A. Ben-Hur, G. Dror, "Result analysis of the NIPS 2003
feature selection challenge", 2004). 20 of the features are informative, 480 are probes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DatasetError
from .files import opened

FILES = ("madelon_train.data", "madelon_train.labels", "madelon_valid.data", "madelon_valid.labels")
SHAPES = ((2000, 500), (2000, 1), (600, 500), (600, 1))
BYTES_PER_VALUE = 8  # at most: three digits and a blank in the originals
LARGEST = 9999


def read_table(path: Any, shape: tuple) -> np.ndarray:
    """Read one text file of whole numbers.

    Parameters
    ----------
    path : pathlib.Path
    shape : (n_samples, n_columns)
        What the file must hold. One column: labels, each -1 or +1; several: features, each 0 to 9999.

    Returns
    -------
    int16[shape], C order

    Raises
    ------
    DatasetError
        Too long, not whole numbers in a rectangle, another shape, a value out of range, or damaged gzip.
    """
    limit = BYTES_PER_VALUE * shape[0] * shape[1] + BYTES_PER_VALUE
    with opened(path) as stream:
        text = stream.read(limit + 1)
    if len(text) > limit:
        raise DatasetError(f"{path} is longer than {shape[0]:,} × {shape[1]} numbers can be: it is not the file it is named after.")
    if not text.strip():
        raise DatasetError(f"{path} is empty. Delete it or replace it by a fresh copy.")
    try:
        table = np.loadtxt(text.decode("ascii").splitlines(), dtype=np.int16, ndmin=2, comments=None)
    except ValueError as error:  # UnicodeDecodeError is one, too
        raise DatasetError(f"{path} is not a table of whole numbers ({error}).") from error
    if table.shape != shape:
        raise DatasetError(
            f"{path} must hold {shape[0]:,} rows of {shape[1]}; got {table.shape[0]:,} of {table.shape[1]}. Is it cut off, or another file?"
        )
    wrong = np.abs(table) != 1 if shape[1] == 1 else (table < 0) | (table > LARGEST)
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        rule = "-1 or +1" if shape[1] == 1 else f"0 to {LARGEST}"
        raise DatasetError(f"{path} holds {table[row][wrong[row]][0]} in line {row + 1}; values must be {rule}.")
    return table


def load_text(paths: Any, shapes: Any = SHAPES) -> Any:
    """Read the four files.

    Parameters
    ----------
    paths : sequence of 4 pathlib.Path
        In the order of `FILES`.
    shapes : sequence of 4 (int, int)

    Returns
    -------
    X : int16[2000, 500]
    y : int64[2000], -1 or +1
    X_test : int16[600, 500]
    y_test : int64[600]

    Raises
    ------
    DatasetError
        As `read_table`.
    """
    X, y, X_test, y_test = (read_table(path, shape) for path, shape in zip(paths, shapes, strict=True))
    return X, y[:, 0].astype(np.int64), X_test, y_test[:, 0].astype(np.int64)
