"""Numbers that change during a run: fractions to prune, learning rates, densities.

A schedule is called as ``schedule(epoch, n_epochs)``: epochs count from 0 and may be fractional (epoch 2.5 is the middle of
the third), n_epochs is the length of the run. Where a method counts steps, steps and their total serve as well. Each is a
frozen dataclass without state, checked at construction; a call outside 0 ... n_epochs raises ValueError.
"""

from .base import Constant, Schedule, as_schedule
from .fractions import Annealed, CubicSparsity, ExponentialDecay, LinearDecrease, Oscillating
from .learning_rates import Cosine, StepDecay, WarmupCosine, as_learning_rate

__all__ = [
    "Annealed",
    "Constant",
    "Cosine",
    "CubicSparsity",
    "ExponentialDecay",
    "LinearDecrease",
    "Oscillating",
    "Schedule",
    "StepDecay",
    "WarmupCosine",
    "as_learning_rate",
    "as_schedule",
]
