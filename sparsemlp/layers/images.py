"""What layers that see images share: shapes (channels, height, width) as views of flat units, windows that slide over them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import checks


def image_shape(name: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (channels, height, width) as ints, from that or from (height, width), or raise an error."""
    if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
        raise ValueError(f"{name} must be (channels, height, width) or (height, width); got {shape!r}.")
    full = (1, *shape) if len(shape) == 2 else tuple(shape)
    channels, height, width = (checks.integer(f"{name}[{k}]", n, 1) for k, n in enumerate(full))
    return channels, height, width


def pair(name: str, value: Any, low: int = 1) -> tuple[int, int]:
    """Return (rows, columns) as ints, from one int or two."""
    values = (value, value) if not isinstance(value, (tuple, list)) else tuple(value)
    if len(values) != 2:
        raise ValueError(f"{name} must be one whole number, or one each for rows and columns; got {value!r}.")
    rows, columns = (checks.integer(name, v, low) for v in values)
    return rows, columns


def slid(size: int, window: int, stride: int) -> int:
    """Return how many places a window has over so many rows."""
    return (size - window) // stride + 1


def windows(image: np.ndarray, window: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """Return the windows of [tiles, channels, height, width, lanes], as a view
    [tiles, channels, rows, columns, window rows, window columns, lanes]."""
    found = np.lib.stride_tricks.sliding_window_view(image, window, axis=(2, 3))
    return found[:, :, :: stride[0], :: stride[1]].transpose(0, 1, 2, 3, 5, 6, 4)
