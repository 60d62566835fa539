"""MKL's and SciPy's sparse products, with dW and the updates in numba."""

import glob
import os
import sys

import numpy as np
import scipy.sparse as sp

from . import numba_parts, sparse_steps


class Products:
    """One layer's products and parameters in NumPy; subclasses say how sparse times dense is done."""

    def __init__(self, by_output, by_input, perm, batch):
        self.matrix, self.perm, self.n_connections = by_output, perm, by_output.nnz
        self.values = by_output.data
        self.matrix_t = sp.csr_array((by_output.data[perm], by_input.indices, by_input.indptr), shape=by_input.shape)
        self.matrix.has_sorted_indices = self.matrix_t.has_sorted_indices = True
        self.bias = np.zeros(by_output.shape[0], np.float32)
        self.dw = np.empty_like(self.values)
        self.y, self.dx = (np.zeros((n, batch), np.float32) for n in by_output.shape)

    def forward(self, x, relu):
        z = self.multiply(self.matrix, x, self.y)
        numba_parts.bias_relu(z, self.bias, relu)
        return z

    def weight_gradient(self, error, x):
        numba_parts.weight_gradient(self.matrix.indptr, self.matrix.indices, error, x, self.dw)
        return self.dw, error.sum(axis=1)

    def input_gradient(self, error, x):
        numba_parts.gather(self.values, self.perm, self.matrix_t.data)
        dx = self.multiply(self.matrix_t, error, self.dx)
        numba_parts.relu_back(dx, x)
        return dx

    @staticmethod
    def batch(X, y):
        return X, y

    @staticmethod
    def transposed(X):
        return np.ascontiguousarray(X.T)

    @staticmethod
    def cross_entropy(z, y):
        p = np.exp(z - z.max(axis=0))
        p /= p.sum(axis=0)
        at = np.arange(len(y))
        loss = -float(np.log(p[y, at]).mean())
        p[y, at] -= 1
        p /= len(y)
        return loss, p

    @staticmethod
    def best(z):
        return z.argmax(axis=0)

    @staticmethod
    def optimizer(layer, problem):
        parameters = [(p, np.zeros_like(p), np.zeros_like(p)) for p in (layer.values, layer.bias)]
        lr, steps = np.float32(problem.lr), [0]
        mu = np.float32(sparse_steps.MOMENTUM if problem.optimizer == "momentum" else 0)

        def update(*gradients):
            steps[0] += 1
            for (p, m, v), g in zip(parameters, gradients, strict=True):
                if problem.optimizer == "adam":
                    numba_parts.adam_update(p, g, m, v, lr, np.float32(1 / (1 - 0.9 ** steps[0])), np.float32(1 / (1 - 0.999 ** steps[0])))
                else:
                    numba_parts.momentum_update(p, g, m, lr, mu)

        return update


class SciPy(Products):
    """SciPy's product: one thread, and memory anew each time."""

    @staticmethod
    def multiply(matrix, x, out):
        return matrix @ x


def scipy_csr(problem):
    """The system; see `sparse_steps`."""
    return sparse_steps.build(problem, SciPy)


def mkl_csr(problem):
    """The same with MKL's product, through sparse_dot_mkl."""
    for name in glob.glob(os.path.join(sys.prefix, "lib", "libmkl_rt.so*")):  # pip puts it there, where the loader does not look
        os.environ.setdefault("MKL_RT", name)
    from sparse_dot_mkl import dot_product_mkl

    class MKL(Products):
        @staticmethod
        def multiply(matrix, x, out):
            return dot_product_mkl(matrix, x, out=out, out_scalar=0.0)

    return sparse_steps.build(problem, MKL)
