"""Augmentation, slow and obvious. Imports only NumPy."""

import math

import numpy as np

MASK = (1 << 64) - 1


def uniform(key, counter):
    """SplitMix64 in Python integers: the `counter`-th number in [0, 1) of the stream `key`."""
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) / 2**53


def draw_map(key, sample, limits, height, width):
    """(float64[2, 2], float64[2]): the matrix and offset that take an output pixel to the input pixel shown there."""
    rotation, shift, flip = limits
    u = [uniform(key, 4 * sample + d) for d in range(4)]
    angle = (2 * u[0] - 1) * rotation
    shifts = np.array([(2 * u[1] - 1) * shift * height, (2 * u[2] - 1) * shift * width])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    offset = turn @ (shifts - middle) + middle
    if u[3] < flip:
        mirror = np.array([[1.0, 0.0], [0.0, -1.0]])  # column j -> width - 1 - j
        return turn @ mirror, turn @ [0, width - 1] + offset
    return turn, offset


def warp(image, matrix, offset):
    """Bilinear, one pixel at a time; beyond the edge the nearest pixel. image : float[height, width]."""
    height, width = image.shape
    out = np.empty_like(image)
    for i in range(height):
        for j in range(width):
            row, col = matrix @ [i, j] + offset
            row, col = min(max(row, 0), height - 1), min(max(col, 0), width - 1)
            r, k = math.floor(row), math.floor(col)
            below, beside = min(r + 1, height - 1), min(k + 1, width - 1)
            down, right = row - r, col - k
            upper = (1 - right) * image[r, k] + right * image[r, beside]
            lower = (1 - right) * image[below, k] + right * image[below, beside]
            out[i, j] = (1 - down) * upper + down * lower
    return out


def augment_rows(X, samples, key, limits, shape, mean, scale):
    """float64[len(samples), n_features]: rows of X, standardised, then mapped."""
    channels, height, width = shape
    out = []
    for sample in samples:
        images = ((X[sample].astype(np.float64) - mean) * scale).reshape(shape)
        matrix, offset = draw_map(key, int(sample), limits, height, width)
        out.append(np.stack([warp(images[c], matrix, offset) for c in range(channels)]).ravel())
    return np.array(out)
