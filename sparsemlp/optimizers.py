"""SGD, Adam, AdamW, RMSprop: settings of the update rules in `kernels/update.py`.

Weight decay applies to connections, never to biases. Gradients are means over the batch.
"""

from dataclasses import dataclass
from typing import ClassVar

from . import checks
from .schedules import as_learning_rate

# rules of kernels/update.py, by name, so that importing this module compiles nothing
RULES = {"gradient": 0, "sgd": 1, "momentum": 2, "adam": 3, "rmsprop": 4}


def _check_lr(optimizer):
    object.__setattr__(optimizer, "lr", as_learning_rate(optimizer.lr, f"{type(optimizer).__name__}.lr"))


def _check_fraction(optimizer, *fields):
    for field in fields:
        checks.fraction(f"{type(optimizer).__name__}.{field}", getattr(optimizer, field), open_high=True)


class Optimizer:
    """What the trainer asks of an optimizer; subclasses are frozen dataclasses with a field `lr`."""

    rule: int  # of kernels/update.py
    n_state: int  # rows of state beside the values

    def hyper(self, lr, step):
        """The nine numbers of kernels/update.py for step 1, 2, ... of the run, for connections."""
        raise TypeError(f"{type(self).__name__} must define hyper(lr, step).")


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: m = momentum·m + g + weight_decay·w; w -= lr·m (Nesterov: lr·(g + weight_decay·w + momentum·m)).

    Parameters
    ----------
    lr : float or schedule
    momentum : float in [0, 1)
    nesterov : bool
    weight_decay : float
        Coefficient of the L2 penalty (weight_decay / 2)·w².

    Examples
    --------
    >>> SGD(lr=0.01, momentum=0.9).n_state
    1
    """

    lr: object = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self):
        _check_lr(self)
        _check_fraction(self, "momentum")
        checks.real("SGD.weight_decay", self.weight_decay, 0)
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD.nesterov must come with momentum > 0; got momentum=0.")

    @property
    def rule(self):
        return RULES["momentum"] if self.momentum else RULES["sgd"]

    @property
    def n_state(self):
        return 1 if self.momentum else 0

    def hyper(self, lr, step):
        return lr, self.momentum, 0, 0, self.weight_decay, 1, 1, 1, float(self.nesterov)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1); weight_decay is an L2 penalty added to the gradient.

    Parameters
    ----------
    lr : float or schedule
    betas : (float, float) in [0, 1)
    eps : float > 0
    weight_decay : float

    Examples
    --------
    >>> Adam().n_state
    2
    """

    lr: object = 0.001
    betas: tuple = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    rule: ClassVar[int] = RULES["adam"]
    n_state: ClassVar[int] = 2

    def __post_init__(self):
        name = type(self).__name__
        _check_lr(self)
        if not isinstance(self.betas, (tuple, list)) or len(self.betas) != 2:
            raise ValueError(f"{name}.betas must be two numbers; got {self.betas!r}.")
        for k, beta in enumerate(self.betas):
            checks.fraction(f"{name}.betas[{k}]", beta, open_high=True)
        checks.real(f"{name}.eps", self.eps, 0, open_low=True)
        checks.real(f"{name}.weight_decay", self.weight_decay, 0)

    def hyper(self, lr, step):
        b1, b2 = self.betas
        return lr, b1, b2, self.eps, self.weight_decay, 1, 1 / (1 - b1**step), 1 / (1 - b2**step), 0


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): w *= 1 - lr·weight_decay before the step.

    Examples
    --------
    >>> AdamW(weight_decay=0.1).hyper(0.5, 1)[4:6]
    (0, 0.95)
    """

    weight_decay: float = 0.01

    def hyper(self, lr, step):
        b1, b2 = self.betas
        return lr, b1, b2, self.eps, 0, 1 - lr * self.weight_decay, 1 / (1 - b1**step), 1 / (1 - b2**step), 0


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012): v = rho·v + (1 - rho)·g²; w -= lr·g / (√v + eps).

    Parameters
    ----------
    lr : float or schedule
    rho : float in [0, 1)
    eps : float > 0
    weight_decay : float
        L2 penalty.

    Examples
    --------
    >>> RMSprop(rho=0.9).n_state
    1
    """

    lr: object = 0.001
    rho: float = 0.9
    eps: float = 1e-8
    weight_decay: float = 0.0
    rule: ClassVar[int] = RULES["rmsprop"]
    n_state: ClassVar[int] = 1

    def __post_init__(self):
        _check_lr(self)
        _check_fraction(self, "rho")
        checks.real("RMSprop.eps", self.eps, 0, open_low=True)
        checks.real("RMSprop.weight_decay", self.weight_decay, 0)

    def hyper(self, lr, step):
        return lr, 0, self.rho, self.eps, self.weight_decay, 1, 1, 1, 0
