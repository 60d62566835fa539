"""What layers that see images share: shapes (channels, height, width) as views of flat units, windows that slide over them."""

import numpy as np

from .. import checks


def image_shape(name, shape):
    """Return (channels, height, width) as ints, from that or from (height, width), or raise an error."""
    if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
        raise ValueError(f"{name} must be (channels, height, width) or (height, width); got {shape!r}.")
    full = (1, *shape) if len(shape) == 2 else tuple(shape)
    return tuple(checks.integer(f"{name}[{k}]", n, 1) for k, n in enumerate(full))


def pair(name, value, low=1):
    """Return (rows, columns) as ints, from one int or two."""
    values = (value, value) if not isinstance(value, (tuple, list)) else tuple(value)
    if len(values) != 2:
        raise ValueError(f"{name} must be one whole number, or one each for rows and columns; got {value!r}.")
    return tuple(checks.integer(name, v, low) for v in values)


def slid(size, window, stride):
    """Return how many places a window has over so many rows."""
    return (size - window) // stride + 1


def windows(image, window, stride):
    """Return the windows of [tiles, channels, height, width, lanes], as a view
    [tiles, channels, rows, columns, window rows, window columns, lanes]."""
    found = np.lib.stride_tricks.sliding_window_view(image, window, axis=(2, 3))
    return found[:, :, :: stride[0], :: stride[1]].transpose(0, 1, 2, 3, 5, 6, 4)
