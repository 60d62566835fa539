"""SGD, Adam, AdamW, RMSprop: settings of the update rules in `kernels/update.py`; and what an optimizer of one's own must be.

Weight decay applies to connections, never to biases. Gradients are means over the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from . import checks
from .kernels.codes import N_HYPER, STATE_ROWS, Rule
from .schedules import as_learning_rate


def _check_lr(optimizer: Optimizer) -> None:
    object.__setattr__(optimizer, "lr", as_learning_rate(optimizer.lr, f"{type(optimizer).__name__}.lr"))


def _check_fraction(optimizer: Optimizer, *fields: str) -> None:
    for field in fields:
        checks.fraction(f"{type(optimizer).__name__}.{field}", getattr(optimizer, field), open_high=True)


class StepInfo(NamedTuple):
    """What an optimizer of one's own is told of a step.

    Attributes
    ----------
    lr : float
        The learning rate for this parameter, the factor of `Trainer(lr_scale=)` included.
    step : int
        1 for the first step of the run.
    decays : bool
        Whether weight decay applies to this parameter: to connections, not to biases.
    base_lr : float
        The learning rate without the factor.
    """

    lr: float
    step: int
    decays: bool
    base_lr: float


class Optimizer:
    """What the trainer asks of an optimizer; subclasses are frozen dataclasses with a field `lr`.

    An optimizer of your own defines `n_state`, how many arrays of state it keeps for each parameter, and `update(p, g, state, hyper)` in
    NumPy. It is slower than the rules of the kernels: gradients are stored, and updated one parameter after another.

    Attributes
    ----------
    lr : float or schedule
    n_state : int
        Rows of state beside the values.
    rule : int or None
        Of `kernels.codes.Rule`, for the library's own rules; None for an optimizer with its own `update`.

    Examples
    --------
    >>> import numpy as np, sparsemlp as sm
    >>> @dataclass(frozen=True)
    ... class SignSGD(sm.Optimizer):
    ...     lr: object = 0.001
    ...     n_state = 0
    ...     def update(self, p, g, state, hyper):
    ...         p -= hyper.lr * np.sign(g)
    >>> X, y, X_test, y_test = sm.datasets.load("digits")
    >>> net = sm.MLP([64, 100, 10], density=0.2, seed=0)
    >>> history = sm.Trainer(net, optimizer=SignSGD()).fit(X / 16, y, epochs=15, batch_size=32)
    >>> net.score(X_test / 16, y_test) > 0.8
    True
    """

    lr: Any
    n_state: Any
    rule: Any = None

    def hyper(self, lr: float, step: int) -> tuple:
        """The numbers of `kernels.codes.Hyper` for step 1, 2, ... of the run, for connections; of an optimizer with a rule."""
        raise TypeError(f"{type(self).__name__} must define hyper(lr, step).")

    def update(self, p: np.ndarray, g: np.ndarray, state: np.ndarray, hyper: StepInfo) -> None:
        """Change a parameter in place; of an optimizer without a rule.

        Parameters
        ----------
        p : float[n]
            The values. Masked weights of dense layers are set back to 0 afterwards.
        g : float[n]
            The gradient, the mean over the batch. May be overwritten.
        state : float[n_state, n]
            What the optimizer keeps, zeros before the first step.
        hyper : StepInfo
        """
        raise TypeError(f"{type(self).__name__} must define update(p, g, state, hyper).")

    @property
    def fused(self) -> bool:
        """Whether the kernels know its rule."""
        return type(self).update is Optimizer.update

    @property
    def identity(self) -> Any:
        """What its state means: that of another optimizer with the same identity can be taken over."""
        return int(self.rule) if self.fused else type(self).__name__


def check_optimizer(optimizer: Optimizer) -> Optimizer:
    """Return an optimizer that can train, or raise TypeError: an unknown rule would lead kernels out of their arrays."""
    checks.instance("optimizer", optimizer, Optimizer, "sm.SGD(lr=0.01)")
    name = type(optimizer).__name__
    n_state = checks.integer(f"{name}.n_state", getattr(optimizer, "n_state", None), 0, 16, fix="How many arrays of state it keeps.")
    if not hasattr(optimizer, "lr"):
        raise TypeError(f"{name} must have a field lr, a number or a schedule.")
    if not optimizer.fused:
        return optimizer
    own = "An optimizer of your own defines update(p, g, state, hyper) and no rule."
    if optimizer.rule not in STATE_ROWS:
        known = ", ".join(f"{r.value} ({r.name})" for r in STATE_ROWS)
        raise TypeError(f"{name}.rule must be one of the kernels': {known}; got {optimizer.rule!r}. {own}")
    rows = STATE_ROWS[optimizer.rule]
    if n_state != rows:
        raise TypeError(f"{name}.n_state must be {rows}, what the rule {Rule(optimizer.rule).name} reads and writes; got {n_state}. {own}")
    numbers = optimizer.hyper(0.01, 1)
    if len(numbers) != N_HYPER or not np.isfinite(np.asarray(numbers, float)).all():
        raise TypeError(f"{name}.hyper must return {N_HYPER} finite numbers, by the places of kernels.codes.Hyper; got {numbers!r:.100}.")
    return optimizer


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

    lr: float | Callable[[float, float], float] = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_lr(self)
        _check_fraction(self, "momentum")
        checks.real("SGD.weight_decay", self.weight_decay, 0)
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD.nesterov must come with momentum > 0; got momentum=0.")

    @property
    def rule(self) -> Any:
        return Rule.MOMENTUM if self.momentum else Rule.SGD

    @property
    def n_state(self) -> Any:
        return 1 if self.momentum else 0

    def hyper(self, lr: float, step: int) -> tuple:
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

    lr: float | Callable[[float, float], float] = 0.001
    betas: tuple = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    rule: ClassVar[Any] = Rule.ADAM
    n_state: ClassVar[Any] = 2

    def __post_init__(self) -> None:
        name = type(self).__name__
        _check_lr(self)
        if not isinstance(self.betas, (tuple, list)) or len(self.betas) != 2:
            raise ValueError(f"{name}.betas must be two numbers; got {self.betas!r}.")
        for k, beta in enumerate(self.betas):
            checks.fraction(f"{name}.betas[{k}]", beta, open_high=True)
        checks.real(f"{name}.eps", self.eps, 0, open_low=True)
        checks.real(f"{name}.weight_decay", self.weight_decay, 0)

    def hyper(self, lr: float, step: int) -> tuple:
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

    def hyper(self, lr: float, step: int) -> tuple:
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

    lr: float | Callable[[float, float], float] = 0.001
    rho: float = 0.9
    eps: float = 1e-8
    weight_decay: float = 0.0
    rule: ClassVar[Any] = Rule.RMSPROP
    n_state: ClassVar[Any] = 1

    def __post_init__(self) -> None:
        _check_lr(self)
        _check_fraction(self, "rho")
        checks.real("RMSprop.eps", self.eps, 0, open_low=True)
        checks.real("RMSprop.weight_decay", self.weight_decay, 0)

    def hyper(self, lr: float, step: int) -> tuple:
        return lr, 0, self.rho, self.eps, self.weight_decay, 1, 1, 1, 0
