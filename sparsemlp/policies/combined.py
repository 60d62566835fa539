"""`Combined`: K-starts, and dissipating gradients on top."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import checks
from ..weights.change import Change
from .base import LayerView, Policy, Progress
from .dissipating_gradients import DissipatingGradients
from .k_starts import KStarts


@dataclass(frozen=True)
class Combined(Policy):
    """K-starts removes its fraction p, the least there will be; dissipating gradients removes further connections.

    Parameters
    ----------
    starts : KStarts
    gradients : DissipatingGradients

    Raises
    ------
    TypeError, ValueError
        If they are not such policies, or dissipating gradients goes by displacement.

    Notes
    -----
    Each acts as it would alone. What dissipating gradients removes while several masks are left is gone from all of them.

    References
    ----------
    "What to prune and what not to prune at initialization", anonymous, under review: section 2.3.

    Examples
    --------
    >>> Combined(KStarts(p=0.8)).starts.p
    0.8
    """

    starts: KStarts = field(default_factory=KStarts)
    gradients: DissipatingGradients = field(default_factory=DissipatingGradients)

    def __post_init__(self) -> None:
        checks.instance("Combined.starts", self.starts, KStarts, "sm.KStarts(k=10, p=0.5)")
        checks.instance("Combined.gradients", self.gradients, DissipatingGradients, "sm.DissipatingGradients()")
        if self.gradients.by != "gradient":
            raise ValueError(
                f"Combined.gradients must go by='gradient'; got {self.gradients}. K-starts sets weights outside of its fittest mask to 0, "
                "so that how far they are from their start says nothing."
            )
        object.__setattr__(self, "needs", self.starts.needs | self.gradients.needs)

    def start(self, view: LayerView, rng: np.random.Generator) -> Any:
        return self.starts.start(view, rng)

    def needs_at(self, index: int, state: Any, progress: Progress) -> frozenset[str]:
        return self.starts.needs_at(index, state, progress) | self.gradients.needs_at(index, None, progress)

    def on_step(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        return self.starts.on_step(view, state, progress, rng)

    def between_epochs(self, view: LayerView, state: Any, progress: Progress, rng: np.random.Generator) -> tuple[Change | None, Any]:
        change, _ = self.gradients.between_epochs(view, None, progress, rng)
        return change, state if change is None else self.starts.without(view, state, change.drop)

    def check_state(self, view: LayerView, state: Any) -> None:
        self.starts.check_state(view, state)
