"""What a schedule is, the constant one, and numbers taken for schedules."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from .. import checks


class Schedule(ABC):
    """A number as a function of progress. One of your own defines `at` and `bounds`."""

    def __call__(self, epoch: float, n_epochs: float) -> float:
        """Return the value at this epoch, 0 <= epoch <= n_epochs."""
        if not 0 <= epoch <= n_epochs or not 0 < n_epochs < inf:
            raise ValueError(f"A schedule needs 0 <= epoch <= n_epochs and n_epochs > 0; got epoch={epoch!r}, n_epochs={n_epochs!r}.")
        return float(self.at(epoch, n_epochs))

    @abstractmethod
    def at(self, epoch: float, n_epochs: float) -> float:
        """Return the value; epoch is known to be in range."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value it can give, so that who uses it can check them before a run."""


@dataclass(frozen=True)
class Constant(Schedule):
    """The same value throughout (SET: 0.3).

    Examples
    --------
    >>> [Constant(0.3)(i, 100) for i in (0, 50, 100)]
    [0.3, 0.3, 0.3]
    """

    value: float

    def __post_init__(self) -> None:
        checks.real("Constant.value", self.value, 0, inf)

    def at(self, epoch: float, n_epochs: float) -> float:
        return self.value

    @property
    def bounds(self) -> tuple[float, float]:
        return self.value, self.value


def as_schedule(
    value: float | Callable[[float, float], float], name: str = "value", low: float = 0.0, high: float = inf
) -> Callable[[float, float], float]:
    """Return a number as a `Constant`, and a schedule as it is if its bounds are within low ... high.

    Raises
    ------
    ValueError
        If the number, or the lowest or highest value of the schedule, is out of bounds. A callable that is no `Schedule` is
        taken as it is: it has no bounds to check.
    TypeError
        If it is neither a number nor callable.

    Examples
    --------
    >>> as_schedule(0.3)
    Constant(value=0.3)
    >>> as_schedule(Constant(30), "SET.zeta", high=1)
    Traceback (most recent call last):
    ValueError: SET.zeta must be in [0, 1]; got 30. Fractions, not percent.
    """
    if isinstance(value, Schedule):
        for bound in value.bounds:
            checks.real(name, bound, low, high, fix="Fractions, not percent." if high == 1 and bound > 1 else "")
        return value
    if callable(value):
        return value
    return Constant(checks.real(name, value, low, high, fix="Fractions, not percent." if high == 1 else ""))
