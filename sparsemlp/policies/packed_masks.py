"""Several masks over one layer's connections, a bit for each: what K-starts chooses from."""

import numpy as np

from ..topology.sampling import distinct

BLOCK = 2**16
"""Bits unpacked at once, a byte each: bounds the memory beside the masks. A multiple of 8."""


def draw(n: int, k: int, n_removed: int, rng: np.random.Generator) -> np.ndarray:
    """Draw k masks over n connections, each without `n_removed` of them; every such mask is equally likely.

    Parameters
    ----------
    n, k, n_removed : int
    rng : numpy.random.Generator

    Returns
    -------
    uint8[k, ceil(n / 8)]
        Bit q (big-endian within a byte) is 1 where connection q is kept; bits beyond n are 0.

    Examples
    --------
    >>> masks = draw(20, 3, 15, np.random.default_rng(0))
    >>> masks.shape, [removed(mask, 20).size for mask in masks]
    ((3, 3), [15, 15, 15])
    """
    masks = np.empty((k, -(-n // 8)), np.uint8)
    for mask in masks:
        kept = np.ones(n, bool)
        kept[distinct(n, n_removed, rng)] = False
        mask[:] = np.packbits(kept)
    return masks


def removed(mask: np.ndarray, n: int) -> np.ndarray:
    """Return the ranks among n connections, int64 and ascending, that one mask, uint8[ceil(n / 8)], leaves out."""
    return np.flatnonzero(np.unpackbits(mask, count=n) == 0)


def sums(masks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum over each mask the values that it keeps.

    Parameters
    ----------
    masks : uint8[k, ceil(n / 8)]
    values : float[n]

    Returns
    -------
    float64[k]
        Added in double precision, in an order that depends on n alone.

    Notes
    -----
    O(k n) time; besides, about 9 bytes for each of `BLOCK` bits.

    Examples
    --------
    >>> sums(np.packbits([[1, 0, 1], [0, 1, 1]], axis=1), np.array([1.0, 2.0, 4.0]))
    array([5., 6.])
    """
    totals = np.zeros(len(masks))
    width = max(BLOCK // max(len(masks), 1) // 8, 1) * 8
    for start in range(0, values.size, width):
        part = values[start : start + width]
        kept = np.unpackbits(masks[:, start // 8 : (start + part.size + 7) // 8], axis=1, count=part.size).view(bool)
        totals += np.where(kept, part, 0).sum(axis=1, dtype=np.float64)
    return totals


def without(masks: np.ndarray, n: int, ranks: np.ndarray) -> np.ndarray:
    """Return the masks after these connections of n are gone: uint8[k, ceil((n - len(ranks)) / 8)]."""
    fewer = np.empty((len(masks), -(-(n - len(ranks)) // 8)), np.uint8)
    for old, new in zip(masks, fewer, strict=True):
        new[:] = np.packbits(np.delete(np.unpackbits(old, count=n), ranks))
    return fewer
