"""What follows a dense product, unit by unit: bias, activation and dropout, and the way back; dropout of the inputs."""

import numpy as np
from numba import njit, prange

from .common import ACTIVATION, FIRST, KEEP, KEY, SCALE, SLOPE, THRESHOLD, activate, activate_back, unit_key
from .compile import apart, kernel
from .simd import INNER, lanes, vadd, vload, vscale, vsplat, vstore, vsum
from .simd_math import vdropout


@njit(**INNER)
def _forward_units(w, j0, j1, y, bias, ints, reals):
    apart()
    T = lanes(w)
    n = y.shape[1]
    for tile in range(y.shape[0]):
        for j in range(j0, j1):
            o = (tile * n + j) * T
            v = activate(vadd(vload(y, o, w), vsplat(bias[j], w)), ints[ACTIVATION], reals[SLOPE])
            if ints[THRESHOLD] > 0:
                v = vdropout(v, unit_key(ints[KEY], j), ints[FIRST] + tile * T, np.uint32(ints[THRESHOLD]), reals[SCALE])
            vstore(y, o, v)


@njit(**INNER)
def _backward_units(w, i0, i1, x, dx, dbias_in, ints, reals):
    apart()
    T = lanes(w)
    n = x.shape[1]
    for i in range(i0, i1):
        s = x.dtype.type(0)
        for tile in range(x.shape[0]):
            o = (tile * n + i) * T
            g, y = vload(dx, o, w), vload(x, o, w)
            if ints[THRESHOLD] > 0:
                g = vdropout(g, unit_key(ints[KEY], i), ints[FIRST] + tile * T, np.uint32(ints[THRESHOLD]), reals[SCALE])
                y = vscale(reals[KEEP], y)
            g = activate_back(y, g, ints[ACTIVATION], reals[SLOPE])
            s += vsum(g)
            vstore(dx, o, g)
        dbias_in[i] = s


@njit(**INNER)
def _dropout_units(w, i0, i1, x, ints, reals):
    apart()
    T = lanes(w)
    n = x.shape[1]
    for tile in range(x.shape[0]):
        for i in range(i0, i1):
            o = (tile * n + i) * T
            v = vload(x, o, w)
            vstore(x, o, vdropout(v, unit_key(ints[KEY], i), ints[FIRST] + tile * T, np.uint32(ints[THRESHOLD]), reals[SCALE]))


@kernel
def dense_forward_epilogue(w, n_threads, y, bias, ints, reals):
    """y = dropout(activation(y + bias)), in place; y : float[tiles, n_out, lanes], ints and reals as in `forward`."""
    n = y.shape[1]
    for t in prange(n_threads):
        _forward_units(w, n * t // n_threads, n * (t + 1) // n_threads, y, bias, ints, reals)


@kernel
def dense_backward_epilogue(w, n_threads, x, dx, dbias_in, ints, reals):
    """dx, the gradient at the activations x of the layer below, becomes that at its pre-activation; dbias_in its sums."""
    n = x.shape[1]
    for t in prange(n_threads):
        _backward_units(w, n * t // n_threads, n * (t + 1) // n_threads, x, dx, dbias_in, ints, reals)


@kernel
def dropout_inputs(w, n_threads, x, ints, reals):
    """x = dropout(x), in place; x : float[tiles, n_in, lanes]; ints and reals as in `forward`."""
    n = x.shape[1]
    for t in prange(n_threads):
        _dropout_units(w, n * t // n_threads, n * (t + 1) // n_threads, x, ints, reals)
