"""The optimizers' update rules over a range of parameters."""

import numpy as np
from numba import njit, prange

from .codes import Hyper, Rule
from .common import U
from .compile import kernel, single
from .simd import INNER

GRADIENT, PLAIN_SGD, MOMENTUM_SGD, ADAM, RMSPROP = map(int, Rule)
LR, MOMENTUM, BETA2, EPS, L2, DECAY, SCALE1, SCALE2, NESTEROV = map(int, Hyper)


@njit(**INNER)
def update(k0, k1, p, g, g0, state, rule, h):
    """p[k0:k1] and its state from the gradient g[g0:]; the rule GRADIENT leaves p alone and writes the gradient to state[0].

    h: float[N_HYPER], by the places of `codes.Hyper`.
    """
    shift = U(g0) - U(k0)
    one = p.dtype.type(1)
    if rule == PLAIN_SGD:
        for k in range(U(k0), U(k1)):
            p[k] -= h[LR] * (g[k + shift] + h[L2] * p[k])
    elif rule == MOMENTUM_SGD:
        lr, mu, l2, nesterov = h[LR], h[MOMENTUM], h[L2], h[NESTEROV]
        for k in range(U(k0), U(k1)):
            d = g[k + shift] + l2 * p[k]
            m = mu * state[0, k] + d
            state[0, k] = m
            p[k] -= lr * (m + nesterov * (d + mu * m - m))
    elif rule == ADAM:
        lr, b1, b2, eps, l2, decay, c1, c2 = h[LR], h[MOMENTUM], h[BETA2], h[EPS], h[L2], h[DECAY], h[SCALE1], h[SCALE2]
        for k in range(U(k0), U(k1)):
            d = g[k + shift] + l2 * p[k]
            m = b1 * state[0, k] + (one - b1) * d
            v = b2 * state[1, k] + (one - b2) * d * d
            state[0, k] = m
            state[1, k] = v
            p[k] = p[k] * decay - lr * (m * c1) / (np.sqrt(v * c2) + eps)
    elif rule == RMSPROP:
        lr, rho, eps, l2 = h[LR], h[BETA2], h[EPS], h[L2]
        for k in range(U(k0), U(k1)):
            d = g[k + shift] + l2 * p[k]
            v = rho * state[0, k] + (one - rho) * d * d
            state[0, k] = v
            p[k] -= lr * d / (np.sqrt(v) + eps)
    else:
        for k in range(U(k0), U(k1)):
            state[0, k] = g[k + shift]


@kernel
def update_all(w, n_threads, p, g, state, rule, h):
    """`update` of all of a flat parameter array, in parallel (dense layers, and gradients that were kept)."""
    for t in prange(n_threads):
        k0 = p.size * t // n_threads
        update(k0, p.size * (t + 1) // n_threads, p, g, k0, state, rule, h)


@single
def update_part(w, k0, k1, p, g, state, rule, h):
    """`update` of p[k0:k1], by the calling thread alone."""
    update(k0, k1, p, g, k0, state, rule, h)
