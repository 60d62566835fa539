"""Fractions that fall, swing or rise: how much policies prune, and how sparse a net shall be."""

from dataclasses import dataclass
from math import cos, inf, pi
from typing import Any

from .. import checks
from .base import Schedule


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """start * (1 - interest)**epoch: compound interest, whatever the length of the run (EXD).

    Parameters
    ----------
    start : float, >= 0
    interest : float in [0, 1)
        Share lost per epoch.

    References
    ----------
    Chouliaras, Fragkou, Katsaros, PCI 2021. The pseudo-code counts epochs from 1, the released code from 0, as here.

    Examples
    --------
    >>> [round(ExponentialDecay(0.3, interest=0.01)(i, 100), 6) for i in (0, 50, 100)]
    [0.3, 0.181502, 0.10981]
    """

    start: float
    interest: float

    def __post_init__(self) -> None:
        checks.real("ExponentialDecay.start", self.start, 0, inf)
        checks.fraction("ExponentialDecay.interest", self.interest, open_high=True)

    def at(self, epoch: float, n_epochs: float) -> float:
        return self.start * (1 - self.interest) ** epoch

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, self.start


@dataclass(frozen=True)
class LinearDecrease(Schedule):
    """low + (high - low) * (n_epochs - epoch) / n_epochs (LDV).

    Parameters
    ----------
    high, low : float, high >= low >= 0
        At the beginning and at the end.

    References
    ----------
    Chouliaras, Fragkou, Katsaros, PCI 2021.

    Examples
    --------
    >>> [round(LinearDecrease(0.3, 0.01)(i, 100), 6) for i in (0, 50, 100)]
    [0.3, 0.155, 0.01]
    """

    high: float
    low: float

    def __post_init__(self) -> None:
        _check_high_low(self)

    def at(self, epoch: float, n_epochs: float) -> float:
        return self.low + (self.high - self.low) * (n_epochs - epoch) / n_epochs

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class Oscillating(Schedule):
    """(high + low) / 2 + (high - low) / 2 * cos(2 pi epoch / T), T = 2 n_epochs / (3 + 2 k) (OSV).

    From high at the beginning to low at the end, over k + 1.5 periods.

    Parameters
    ----------
    high, low : float, high >= low >= 0
    k : int, >= 0

    References
    ----------
    Chouliaras, Fragkou, Katsaros, PCI 2021.

    Examples
    --------
    >>> [round(Oscillating(0.3, 0.01, k=1)(i, 100), 6) for i in (0, 20, 40, 50, 100)]
    [0.3, 0.01, 0.3, 0.155, 0.01]
    """

    high: float
    low: float
    k: int = 1

    def __post_init__(self) -> None:
        _check_high_low(self)
        checks.integer("Oscillating.k", self.k, 0)

    def at(self, epoch: float, n_epochs: float) -> float:
        period = 2 * n_epochs / (3 + 2 * self.k)
        up = (1 + cos(2 * pi * epoch / period)) / 2  # in [0, 1], so that rounding cannot leave low ... high
        return self.low + (self.high - self.low) * up

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class CubicSparsity(Schedule):
    """A sparsity that rises fast and then ever slower: final + (initial - final) * (1 - (epoch - begin) / (end - begin))**3.

    initial before `begin`, final after `end`.

    Parameters
    ----------
    initial, final : float, 0 <= initial <= final < 1
        Sparsity = 1 - density.
    begin, end : float
        Epochs; end None is the end of the run. A run that is over before `end` is an error: it would never be as sparse as asked.

    References
    ----------
    Zhu, Gupta, "To prune, or not to prune", 2017, equation 1, with the steps between two prunings left to the policy.

    Examples
    --------
    >>> [round(CubicSparsity(0.0, 0.9)(i, 100), 6) for i in (0, 50, 100)]
    [0.0, 0.7875, 0.9]
    >>> [round(CubicSparsity(0.5, 0.9, begin=10, end=20)(i, 100), 6) for i in (0, 10, 15, 20, 100)]
    [0.5, 0.5, 0.85, 0.9, 0.9]
    """

    initial: float
    final: float
    begin: float = 0
    end: float | None = None

    def __post_init__(self) -> None:
        checks.fraction("CubicSparsity.final", self.final, open_high=True)
        checks.real("CubicSparsity.initial", self.initial, 0, self.final, fix="Sparsity only grows: final >= initial.")
        checks.real("CubicSparsity.begin", self.begin, 0, inf)
        if self.end is not None:
            checks.real("CubicSparsity.end", self.end, self.begin, inf, open_low=True, fix="end comes after begin.")

    def at(self, epoch: float, n_epochs: float) -> float:
        end = n_epochs if self.end is None else self.end
        if not self.begin < end <= n_epochs:
            raise ValueError(
                f"{self} must begin and end within the run, begin < end <= n_epochs; got n_epochs={n_epochs}. "
                "Train longer, or lower begin and end."
            )
        to_go = 1 - (min(max(epoch, self.begin), end) - self.begin) / (end - self.begin)
        return self.final + (self.initial - self.final) * to_go**3

    @property
    def bounds(self) -> tuple[float, float]:
        return self.initial, self.final


@dataclass(frozen=True)
class Annealed(Schedule):
    """The fraction to keep, keep + (1 - keep) * max(0, (1 - x / until) / (2 x mu + 1)), x = epoch / n_epochs.

    From 1 to `keep`; a larger mu removes more at the beginning. In the papers' letters, with M weights of which k remain,
    M_e = M times this:

    - until=1, AP: k + (M - k) * max(0, (n - i) / (2 i mu + n)), called as ``schedule(i, n)`` with i = 1 ... n pruning epochs;
    - until=0.5, FSA: k + (M - k) * max(0, (N - 2 e) / (2 e mu + N)), called as ``schedule(e, N)`` with e = 1 ... N steps.

    Parameters
    ----------
    keep : float in (0, 1]
        Fraction kept in the end.
    mu : float, >= 0
    until : float in (0, 1]
        Fraction of the run after which only `keep` is left.

    References
    ----------
    Bartoldson, Barbu, Erlebacher, "Enhancing the regularization effect of weight pruning in artificial neural networks",
    algorithms 2 and 3; Barbu et al., "Feature selection with annealing", 2017.

    Examples
    --------
    >>> [round(Annealed(0.1)(i, 10), 6) for i in (0, 5, 10)]
    [1.0, 0.325, 0.1]
    >>> [round(Annealed(0.1, until=0.5)(e, 10), 6) for e in (0, 2.5, 5, 10)]
    [1.0, 0.4, 0.1, 0.1]
    """

    keep: float
    mu: float = 1.0
    until: float = 1.0

    def __post_init__(self) -> None:
        checks.fraction("Annealed.keep", self.keep, open_low=True)
        checks.real("Annealed.mu", self.mu, 0, inf)
        checks.fraction("Annealed.until", self.until, open_low=True)

    def at(self, epoch: float, n_epochs: float) -> float:
        x = epoch / n_epochs
        return self.keep + (1 - self.keep) * max(0.0, (1 - x / self.until) / (2 * x * self.mu + 1))

    @property
    def bounds(self) -> tuple[float, float]:
        return self.keep, 1.0


def _check_high_low(schedule: Any) -> None:
    """Check the `high` and `low` of a schedule."""
    name = type(schedule).__name__
    checks.real(f"{name}.low", schedule.low, 0, inf)
    checks.real(f"{name}.high", schedule.high, schedule.low, inf, fix="The order is (high, low).")
