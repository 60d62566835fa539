"""The dense net by hand in NumPy: every product a `matmul` into memory that is there already, every update in place."""

import itertools

import numpy as np

from .problem import MOMENTUM, Problem


def _activate(z, name):
    if name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    else:
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)


def _slope(a, name):
    """The activation's derivative from its output."""
    return a > 0 if name == "relu" else 1 - a * a if name == "tanh" else a * (1 - a)


class _Parameter:
    """An array with its gradient and the optimizer's state."""

    def __init__(self, value, problem):
        self.value, self.gradient, self.spare = value, np.empty_like(value), np.empty_like(value)
        self.m, self.v = np.zeros_like(value), np.zeros_like(value)
        self.lr, self.adam, self.step = np.float32(problem.lr), problem.optimizer == "adam", 0
        self.momentum = MOMENTUM if problem.optimizer == "momentum" else 0.0

    def update(self):
        g, s, self.step = self.gradient, self.spare, self.step + 1
        if not self.adam:
            self.m *= self.momentum
            self.m += g
            np.multiply(self.m, self.lr, out=s)
            self.value -= s
            return
        self.m *= 0.9
        self.m += np.multiply(g, 0.1, out=s)
        self.v *= 0.999
        np.multiply(g, g, out=s)
        s *= 0.001
        self.v += s
        np.sqrt(self.v, out=s)
        s *= (1 - 0.999**self.step) ** -0.5
        s += 1e-8
        np.divide(self.m, s, out=s)
        s *= self.lr / (1 - 0.9**self.step)
        self.value -= s


def dense(problem):
    """See `systems`; without dropout."""
    if problem.dropout:
        raise ValueError("The NumPy net has no dropout.")
    plain = Problem(problem.sizes, seed=problem.seed)
    weights = [_Parameter(w, problem) for w in plain.matrices()]
    biases = [_Parameter(np.zeros(n, np.float32), problem) for n in problem.sizes[1:]]
    outputs = [np.empty((problem.batch_size, n), np.float32) for n in problem.sizes[1:]]
    errors = [np.empty_like(a) for a in outputs]
    turns, samples = itertools.cycle(problem.batches()), np.arange(problem.batch_size)
    last = len(weights) - 1

    def forward(X):
        a = X
        for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
            a = np.matmul(a, w.value, out=outputs[k])
            a += b.value
            if k < last:
                _activate(a, problem.activation)
        return a

    def step():
        X, y = next(turns)
        z = forward(X)
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z, out=errors[last])
        p /= p.sum(axis=1, keepdims=True)
        loss = -float(np.log(p[samples, y]).mean())
        p[samples, y] -= 1
        p /= len(y)
        for k in range(last, -1, -1):
            np.matmul((outputs[k - 1] if k else X).T, errors[k], out=weights[k].gradient)
            errors[k].sum(axis=0, out=biases[k].gradient)
            if k:
                np.matmul(errors[k], weights[k].value.T, out=errors[k - 1])
                errors[k - 1] *= _slope(outputs[k - 1], problem.activation)
            weights[k].update()
            biases[k].update()
        return loss

    run = step if problem.task == "train" else lambda: forward(next(turns)[0]).argmax(axis=1)
    return run, {"connections": sum(w.value.size for w in weights)}
