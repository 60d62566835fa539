"""Random affine maps of images, standardised on the way: a batch of rows in, a batch of rows out."""

import math

import numpy as np
from numba import njit, prange

from .common import U
from .compile import kernel
from .simd import INNER

DRAWS = 4  # a sample's random numbers: angle, shift down, shift right, flip


@njit(**INNER)
def uniform(key, counter):
    """The `counter`-th number in [0, 1) of a stream: SplitMix64's output function (Steele, Lea, Flood 2014), 53 bits of it."""
    z = U(key) + (U(counter) + U(1)) * U(0x9E3779B97F4A7C15)
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    z ^= z >> U(31)
    return np.float64(z >> U(11)) * 2.0**-53


@njit(**INNER)
def draw_map(key, sample, limits, height, width, m):
    """The map of one sample, from output to input pixels: row' = m0 row + m1 col + m2, col' = m3 row + m4 col + m5.

    A rotation about the image's centre by up to limits[0] radians, after a shift by up to limits[1] of the height and width; then
    a flip of the columns with probability limits[2].
    """
    first = U(sample) * U(DRAWS)
    angle = (2 * uniform(key, first) - 1) * limits[0]
    down = (2 * uniform(key, first + U(1)) - 1) * limits[1] * height
    right = (2 * uniform(key, first + U(2)) - 1) * limits[1] * width
    flip = uniform(key, first + U(3)) < limits[2]
    c, s = math.cos(angle), math.sin(angle)
    middle_row, middle_col = (height - 1) / 2, (width - 1) / 2
    m[0], m[1], m[2] = c, -s, c * (down - middle_row) - s * (right - middle_col) + middle_row
    m[3], m[4], m[5] = s, c, s * (down - middle_row) + c * (right - middle_col) + middle_col
    if flip:  # the output's column j shows what column width - 1 - j would
        m[2] += m[1] * (width - 1)
        m[5] += m[4] * (width - 1)
        m[1], m[4] = -m[1], -m[4]


@njit(**INNER)
def _warp_channel(image, m, height, width, out):
    real = image.dtype.type
    zero, last_row, last_col = real(0), real(height - 1), real(width - 1)
    across, along, w = real(m[1]), real(m[4]), np.int32(width)
    for i in range(height):
        row0, col0 = real(m[0] * i + m[2]), real(m[3] * i + m[5])
        o = U(i * width)
        for j in range(width):
            row = min(max(row0 + across * real(j), zero), last_row)
            col = min(max(col0 + along * real(j), zero), last_col)
            r, k = np.int32(row), np.int32(col)
            down, right = row - real(r), col - real(k)
            p = U(r * w + k)
            q = p + U(w) * U(row < last_row)
            beside = U(col < last_col)
            upper = image[p] + right * (image[p + beside] - image[p])  # a pixel hit exactly comes out exactly
            lower = image[q] + right * (image[q + beside] - image[q])
            out[o + U(j)] = upper + down * (lower - upper)


@njit(**INNER)
def warp(image, m, channels, height, width, out):
    """out[c, i, j] = image[c] at the map of (i, j): bilinear, the nearest pixel beyond the edge."""
    size = height * width
    for c in range(channels):  # outermost: a loop over one channel in each pixel would double the time
        _warp_channel(image[c * size : (c + 1) * size], m, height, width, out[c * size : (c + 1) * size])


@njit(**INNER)
def _some(X, rows, samples, first, last, key, limits, shape, mean, scale, out, maps, scratch):
    channels, height, width = shape
    n_features = channels * height * width
    for k in range(first, last):
        r = rows[k]
        for f in range(n_features):
            scratch[f] = (X[r, f] - mean[f]) * scale[f]
        draw_map(key, samples[k], limits, height, width, maps)
        warp(scratch, maps, channels, height, width, out[k])


@kernel
def augment_rows(w, n_threads, X, rows, samples, key, limits, shape, mean, scale, out, maps, scratch):
    """out[k] = the sample X[rows[k]], standardised, then mapped at random; each thread takes its share of the rows.

    Parameters
    ----------
    w : width tag, for the cache only
    X : any real or integer dtype [n_samples, n_features], C order; rows : int64[n_batch], unchecked
    samples : int64[n_batch]
        What the draws are keyed by, with `key`: a sample's number in the data set, wherever it stands in X or the batch.
    key : int64, of (seed, fit, epoch)
    limits : (float64, float64, float64)
        Radians, fraction of height and width, probability of a flip.
    shape : (int64, int64, int64)
        Channels, height, width; n_features is their product.
    mean, scale : float64[n_features]
        What is subtracted, then multiplied by.
    out : float[at least n_batch, n_features], overwritten
    maps : float64[n_threads, 6]; scratch : float[n_threads, n_features], rounded to its dtype as `Standardizer` rounds
    """
    n = rows.size
    for t in prange(n_threads):
        _some(X, rows, samples, n * t // n_threads, n * (t + 1) // n_threads, key, limits, shape, mean, scale, out, maps[t], scratch[t])
