"""The IDX format of MNIST and its relatives, plain or gzipped.

Layout (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"): a big-endian header of two zero bytes, the type
(8: unsigned byte), the number of dimensions and each dimension as an int32; then the values in C order.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from ..errors import DatasetError
from .files import check_labels, opened, read_array, read_end

UNSIGNED_BYTE = 8


def read_idx(path: Any, shape: tuple) -> np.ndarray:
    """Read one IDX file whose dimensions are known beforehand.

    The header is compared first, so a file never makes this function allocate more than the size of `shape`.

    Parameters
    ----------
    path : pathlib.Path
    shape : tuple of int
        What the file must hold.

    Returns
    -------
    uint8[shape], C order

    Raises
    ------
    DatasetError
        Wrong magic number, other dimensions, too short or too long, or damaged gzip; the message names the file.
    """
    with opened(path) as stream:
        header = read_array(stream, 4 + 4 * len(shape), path).tobytes()
        magic = struct.pack(">HBB", 0, UNSIGNED_BYTE, len(shape))
        if header[:4] != magic:
            raise DatasetError(
                f"{path} must start with the bytes {magic.hex()} (IDX, unsigned bytes, {len(shape)} dimensions); got {header[:4].hex()}. "
                "It is another kind of file, or damaged."
            )
        got = struct.unpack(f">{len(shape)}I", header[4:])
        if got != shape:
            raise DatasetError(f"{path} must hold {_times(shape)} values; its header says {_times(got)}. Is it another file of the set?")
        values = read_array(stream, math.prod(shape), path)
        read_end(stream, path)
    return values.reshape(shape)


def load_idx(paths: Any, n_train: int, n_test: int, image_shape: Any = (28, 28), n_classes: int = 10) -> Any:
    """Read the four files of an MNIST-like data set.

    Parameters
    ----------
    paths : sequence of 4 pathlib.Path
        Training images, training labels, test images, test labels.
    n_train, n_test : int
    image_shape : (int, int)
    n_classes : int

    Returns
    -------
    X : uint8[n_train, pixels]
    y : int64[n_train]
    X_test : uint8[n_test, pixels]
    y_test : int64[n_test]

    Raises
    ------
    DatasetError
        As `read_idx`; a label that is no class; images and labels differ in number (each is compared with the number given).
    """
    parts = []
    for images, labels, n in ((*paths[:2], n_train), (*paths[2:], n_test)):
        y = read_idx(labels, (n,))
        check_labels(y, n_classes, labels)
        parts += [read_idx(images, (n, *image_shape)).reshape(n, -1), y.astype(np.int64)]
    return tuple(parts)


def _times(shape: tuple) -> str:
    return " × ".join(f"{n:,}" for n in shape)
