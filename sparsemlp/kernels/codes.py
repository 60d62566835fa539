"""Numbers that Python and the kernels share. Importing this module imports no numba."""

from enum import IntEnum


class Activation(IntEnum):
    """What a kernel applies to a unit's sum."""

    IDENTITY = 0
    RELU = 1
    LEAKY_RELU = 2
    SIGMOID = 3
    TANH = 4


class Rule(IntEnum):
    """What a kernel does with a gradient; GRADIENT leaves the parameters alone and stores it."""

    GRADIENT = 0
    SGD = 1
    MOMENTUM = 2
    ADAM = 3
    RMSPROP = 4


STATE_ROWS = {Rule.SGD: 0, Rule.MOMENTUM: 1, Rule.ADAM: 2, Rule.RMSPROP: 1}
"""Rows of optimizer state that each rule reads and writes beside the values."""


class Hyper(IntEnum):
    """The places of the hyperparameters in the array that an update rule takes."""

    LR = 0
    MOMENTUM = 1
    """of SGD, and beta 1 of Adam"""
    BETA2 = 2
    """of Adam, and rho of RMSprop"""
    EPS = 3
    L2 = 4
    """the coefficient of the penalty that is added to the gradient"""
    DECAY = 5
    """what a value is multiplied by before the step: 1 - lr * decoupled decay"""
    SCALE1 = 6
    """1 / (1 - beta1^t)"""
    SCALE2 = 7
    """1 / (1 - beta2^t)"""
    NESTEROV = 8


N_HYPER = len(Hyper)


class Ints(IntEnum):
    """The places of the whole numbers of a layer's epilogue."""

    ACTIVATION = 0
    THRESHOLD = 1
    """a sample's value is kept where its hash is below this; 0: no dropout"""
    KEY = 2
    """of this step's dropout in this layer"""
    FIRST = 3
    """the place of the batch's first sample in the global batch, of which other processes hold the rest"""


class Reals(IntEnum):
    """The places of the real numbers of a layer's epilogue."""

    SLOPE = 0
    SCALE = 1
    """1 / keep"""
    KEEP = 2
