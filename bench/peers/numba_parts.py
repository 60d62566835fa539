"""What the NumPy-side peers need beside a library's sparse product: dW, activations and updates, in plain parallel numba loops."""

import numpy as np
from numba import njit, prange

OPTIONS = {"parallel": True, "fastmath": True, "cache": True}


@njit(**OPTIONS)
def weight_gradient(indptr, indices, error, x, dw):
    """dw[p] = <error[j], x[i]> of each connection p from i to j, by output unit; the inner loop over the batch is contiguous."""
    for j in prange(indptr.size - 1):
        for p in range(indptr[j], indptr[j + 1]):
            i = indices[p]
            s = np.float32(0)
            for b in range(x.shape[1]):
                s += error[j, b] * x[i, b]
            dw[p] = s


@njit(**OPTIONS)
def bias_relu(z, bias, relu):
    """z += bias, then max(z, 0) if relu, in place."""
    for j in prange(z.shape[0]):
        for b in range(z.shape[1]):
            v = z[j, b] + bias[j]
            z[j, b] = max(v, np.float32(0)) if relu else v


@njit(**OPTIONS)
def relu_back(error, x):
    """error *= x > 0, in place."""
    for j in prange(x.shape[0]):
        for b in range(x.shape[1]):
            if not x[j, b] > 0:
                error[j, b] = 0


@njit(**OPTIONS)
def gather(values, perm, out):
    """out = values[perm]"""
    for p in prange(perm.size):
        out[p] = values[perm[p]]


@njit(**OPTIONS)
def momentum_update(p, g, m, lr, mu):
    for k in prange(p.size):
        m[k] = mu * m[k] + g[k]
        p[k] -= lr * m[k]


@njit(**OPTIONS)
def adam_update(p, g, m, v, lr, c1, c2):
    for k in prange(p.size):
        m[k] = np.float32(0.9) * m[k] + np.float32(0.1) * g[k]
        v[k] = np.float32(0.999) * v[k] + np.float32(0.001) * g[k] * g[k]
        p[k] -= lr * m[k] * c1 / (np.sqrt(v[k] * c2) + np.float32(1e-8))
