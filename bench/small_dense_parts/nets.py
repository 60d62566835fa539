"""Nets of a budget of parameters, dense and sparse: widths and topologies."""

import math

import sparsemlp as sm


def dense(budget, depth, n_in, n_out):
    """(sizes, topology) of the dense net with `depth` hidden layers of one width whose parameters come next to the budget.

    >>> dense(128_690, 3, 784, 10)[0]
    [784, 123, 123, 123, 10]
    """
    a, b, c = depth - 1, n_in + n_out + depth, n_out - budget
    width = max(1, round(-c / b if a == 0 else (math.sqrt(b * b - 4 * a * c) - b) / (2 * a)))
    return [n_in, *[width] * depth, n_out], sm.Dense()


def one_layer(budget, width, n_in, n_out, kind, image_shape=None):
    """(sizes, topology) of one sparse hidden layer and a full output layer, every unit with as many inputs as the budget allows.

    kind: "random", "correlated", "weighted" or "local".
    """
    fan_in = min(n_in, max(1, round((budget - n_out * (width + 1) - width) / width)))
    return [n_in, width, n_out], [first_layer(kind, fan_in, image_shape), sm.Dense()]


def three_layers(width, n_in, n_out, kind, image_shape=None, fans=(36, 40, 40)):
    """(sizes, topology) of three sparse layers of one width, of these inputs a unit."""
    sizes = [n_in, width, width, width, n_out]
    if kind == "local":
        return sizes, [*sm.Local(image_shape, fans), sm.Dense()]
    return sizes, [first_layer(kind, fans[0], image_shape), *(sm.RandomExpander(fan_in) for fan_in in fans[1:]), sm.Dense()]


def first_layer(kind, fan_in, image_shape):
    if kind == "local":
        return sm.Local(image_shape, fan_in)[0]
    return {"random": sm.RandomExpander, "correlated": sm.Correlated, "weighted": sm.Weighted}[kind](fan_in)
