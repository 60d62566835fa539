"""What forward and backward share: claiming work, activations, dropout keys."""

import numpy as np
from numba import njit

from .atomics import atomic_add, atomic_load
from .codes import Activation, Ints, Reals
from .simd import INNER, lanes, prefetch
from .simd_math import vleaky, vrelu, vrelu_back, vsigmoid, vsigmoid_back, vtanh, vtanh_back

IDENTITY, RELU, LEAKY_RELU, SIGMOID, TANH = map(int, Activation)
ACTIVATION, THRESHOLD, KEY, FIRST = map(int, Ints)
SLOPE, SCALE, KEEP = map(int, Reals)
U = np.uint64
CACHE_LINE = 64


@njit(**INNER)
def begin(ticket):
    """Before a parallel region: nothing claimed, nothing done. Counters stand a cache line apart."""
    for c in range(ticket.size // 8):
        ticket[8 * c] = 0


@njit(**INNER)
def claim(ticket, queue):
    """The next unclaimed piece of work of a queue; each is handed out once."""
    return atomic_add(ticket, 8 * queue, 1)


@njit(**INNER)
def wait(ticket, first, item, n):
    """Until `n` earlier passes over this item are done.

    They were claimed before this one, by threads that are running: no deadlock, whatever the number of threads or the scheduling.
    """
    while atomic_load(ticket, 8 * (first + item)) < n:
        pass


@njit(**INNER)
def done(ticket, first, item):
    atomic_add(ticket, 8 * (first + item), 1)


@njit(**INNER)
def fetch(w, a, first, n):
    """Prefetch `n` rows of a tile from the flat offset `first`: in order, they arrive several times faster than at random."""
    step = CACHE_LINE // a.itemsize
    for o in range(first, first + n * lanes(w), step):
        prefetch(a, o)


@njit(**INNER)
def unit_key(key, unit):
    """32 bits from (seed, step, layer) and the unit."""
    h = (U(key) + U(unit)) * U(0x9E3779B97F4A7C15)
    h ^= h >> U(29)
    h *= U(0xBF58476D1CE4E5B9)
    return np.uint32(h >> U(32))


@njit(**INNER)
def activate(z, activation, slope):
    if activation == RELU:
        z = vrelu(z)
    elif activation == LEAKY_RELU:
        z = vleaky(z, z, slope)
    elif activation == SIGMOID:
        z = vsigmoid(z)
    elif activation == TANH:
        z = vtanh(z)
    return z


@njit(**INNER)
def activate_back(y, g, activation, slope):
    """g times the activation's derivative, from its output y."""
    if activation == RELU:
        g = vrelu_back(y, g)
    elif activation == LEAKY_RELU:
        g = vleaky(y, g, slope)
    elif activation == SIGMOID:
        g = vsigmoid_back(y, g)
    elif activation == TANH:
        g = vtanh_back(y, g)
    return g
