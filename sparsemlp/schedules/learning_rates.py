"""Schedules of learning rates."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, floor, inf, pi, sin

from .. import checks
from .base import Schedule, as_schedule

FIRST = 0.04  # of the highest rate, where a warm-up begins
FOR_POLICIES = 0.75  # of a run: RigL's topology stays as it is for the last quarter


@dataclass(frozen=True)
class WarmupCosine(Schedule):
    """A learning rate that rises to lr over the first `warmup` of the run, then falls to 0 at its very end by half a cosine.

    It begins at lr / 25, rises in a straight line, and is 0 nowhere before the end. A trainer asks for it at every step, with
    fractional epochs. It needs the length of the run: a run that is stopped early never sees its small rates.

    Parameters
    ----------
    lr : float, > 0
        The highest rate.
    warmup : float in [0, 1)
        Fraction of the run; 0 begins with lr.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine, without restarts); Goyal et al.,
    "Accurate, large minibatch SGD", 2017, section 2.2 (the gradual warm-up).

    Examples
    --------
    >>> [round(WarmupCosine(0.1, warmup=0.2)(i, 100), 6) for i in (0, 10, 20, 60, 100)]
    [0.004, 0.052, 0.1, 0.05, 0.0]
    """

    lr: float
    warmup: float = 0.05

    def __post_init__(self) -> None:
        checks.real("WarmupCosine.lr", self.lr, 0, inf, open_low=True)
        checks.fraction("WarmupCosine.warmup", self.warmup, open_high=True)

    def at(self, epoch: float, n_epochs: float) -> float:
        x = epoch / n_epochs
        if x < self.warmup:
            return self.lr * (FIRST + (1 - FIRST) * x / self.warmup)
        left = (n_epochs - epoch) / (n_epochs * (1 - self.warmup))
        return self.lr * sin(pi / 2 * left) ** 2  # (1 + cos) / 2 would round to 0 shortly before the end

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, self.lr


@dataclass(frozen=True)
class Cosine(Schedule):
    """start / 2 * (1 + cos(pi * epoch / (until * n_epochs))), then 0: RigL's fraction, or a learning rate without warm-up.

    Parameters
    ----------
    start : float, >= 0
    until : float in (0, 1], optional
        Fraction of the run after which it is 0. Default: 0.75, RigL's; given to an optimizer or to `LearningRateSchedule` without
        `until`, it falls over the whole run, as a net learns nothing at the rate 0.

    References
    ----------
    Evci et al., "Rigging the lottery", ICML 2020, section 3, item 2 (update schedule).

    Examples
    --------
    >>> [round(Cosine(0.3)(i, 100), 6) for i in (0, 37.5, 75, 100)]
    [0.3, 0.15, 0.0, 0.0]
    >>> import sparsemlp as sm
    >>> sm.SGD(lr=Cosine(0.3)).lr
    Cosine(start=0.3, until=1.0)
    """

    start: float
    until: float | None = None

    def __post_init__(self) -> None:
        checks.real("Cosine.start", self.start, 0, inf)
        if self.until is not None:
            checks.fraction("Cosine.until", self.until, open_low=True)

    def at(self, epoch: float, n_epochs: float) -> float:
        until = FOR_POLICIES if self.until is None else self.until
        x = epoch / (until * n_epochs)
        return self.start / 2 * (1 + cos(pi * x)) if x < 1 else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, self.start


@dataclass(frozen=True)
class StepDecay(Schedule):
    """start * factor**floor(epoch / every): a learning rate that falls in steps.

    Parameters
    ----------
    start : float, >= 0
    factor : float in (0, 1]
    every : float, > 0
        Epochs between two steps.

    Examples
    --------
    >>> [round(StepDecay(0.1, factor=0.5, every=10)(i, 30), 6) for i in (0, 9.9, 10, 30)]
    [0.1, 0.1, 0.05, 0.0125]
    """

    start: float
    factor: float
    every: float

    def __post_init__(self) -> None:
        checks.real("StepDecay.start", self.start, 0, inf)
        checks.fraction("StepDecay.factor", self.factor, open_low=True)
        checks.real("StepDecay.every", self.every, 0, inf, open_low=True)

    def at(self, epoch: float, n_epochs: float) -> float:
        return self.start * self.factor ** floor(epoch / self.every)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, self.start


def as_learning_rate(value: float | Callable[[float, float], float], name: str = "lr") -> float | Callable[[float, float], float]:
    """Return a learning rate that trains: a `Cosine` without `until` lasts the whole run, everything else is as it was.

    Raises
    ------
    ValueError
        A number that is not positive, a schedule that goes below 0, or that is 0 throughout.
    TypeError
        Neither a number nor callable.

    Examples
    --------
    >>> as_learning_rate(Cosine(0.1)), as_learning_rate(Cosine(0.1, until=0.5))
    (Cosine(start=0.1, until=1.0), Cosine(start=0.1, until=0.5))
    """
    if not callable(value):
        checks.real(name, value, 0, fix="A learning rate is positive, such as 0.01.", open_low=True)
        return value
    value = as_schedule(value, name)
    if isinstance(value, Schedule) and value.bounds[1] == 0:
        raise ValueError(f"{name} must be positive at some time of the run; got {value}.")
    return replace(value, until=1.0) if isinstance(value, Cosine) and value.until is None else value
