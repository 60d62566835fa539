"""`AdaptivePruneRetrain`: each round finds by trial how much can be removed, removes it, and retrains."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import checks
from .magnitude import slots_below, thresholds_of
from .prune_retrain import check_rounds
from .prune_rounds import Rounds

if TYPE_CHECKING:
    from ..models.network import Network


@dataclass(frozen=True)
class AdaptivePruneRetrain(Rounds):
    """Prune at the largest rate that a copy of the network bears, retrain, and again, while the accuracy holds.

    A round raises the rate by `step`, from `start`, and prunes a copy at each, until the copy's accuracy falls by more than `trial_drop`
    below that of the round's start; the rate one step back is the round's.

    Parameters
    ----------
    allowed_drop : float in [0, 1]
        Of the retrained accuracy below the base, on the validation data, as a fraction; the last network that keeps to it is kept.
    retrain_epochs : int, >= 1
        Of each round.
    trial_drop : float in [0, 1]
        Of the copy's accuracy, before any retraining, below the round's start. Retraining wins most of it back, so it must be larger than
        `allowed_drop` if a round is to remove much: the paper's first rate, 0.19 of weights with a deviation of 0.396, costs nets like its
        own 1.9 to 6.5 points before retraining, with an allowed drop of 0.46. The default is 3 points.
    start, step : float
        start >= 0, step > 0. The first rate that is tried is start + step; if it is too much the round prunes at `start`, untried.
    max_rounds : int, >= 1
    threshold : {"absolute", "std"}
        "std": the rate times the standard deviation of the layer's connections at the start of the round.
    train_epochs : int, >= 0
        Train the network so long before the first round; 0: it has been trained.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    Departures from algorithm 1: its loop goes on while accuracy > base accuracy, which would end the paper's own run in its first
    round if that were the accuracy of the trained net (it calls it "the acceptable accuracy"), and it tries on the test set. Here the
    bound is base - allowed_drop, the last network within it is kept, and all decisions use validation data. A round costs one evaluation
    per trial, and no training.

    References
    ----------
    Esfandiarpoor, Hajabdollahi, Karimi, "Simplified neural network based on auxiliary layer and adaptive pruning rate", algorithm 1
    and table II.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_val, y_val = sm.datasets.load("digits")
    >>> trainer = sm.Trainer(sm.MLP([64, 60, 40, 10], activation="tanh", seed=0), optimizer=sm.Adam(lr=0.003))
    >>> pruning = sm.AdaptivePruneRetrain(allowed_drop=0.02, retrain_epochs=3, max_rounds=4, train_epochs=10)
    >>> outcome = pruning.run(trainer, X / 16, y, validation_data=(X_val / 16, y_val))
    >>> outcome.network.density < 0.6, outcome.accuracy >= outcome.base["accuracy"] - 0.02
    (True, True)
    """

    allowed_drop: float
    retrain_epochs: int
    trial_drop: float = 0.03
    start: float = 0.1
    step: float = 0.05
    max_rounds: int = 100
    threshold: str = "absolute"
    train_epochs: int = 0

    def __post_init__(self) -> None:
        checks.fraction("AdaptivePruneRetrain.trial_drop", self.trial_drop)
        checks.real("AdaptivePruneRetrain.start", self.start, 0)
        checks.real("AdaptivePruneRetrain.step", self.step, 0, open_low=True)
        check_rounds(self)

    def _choose(self, network: Network, validation_data: tuple, accuracy: float) -> Any:
        trial, trials = copy.deepcopy(network), 0
        while True:
            trials += 1
            rate = self._rate(trials)
            limits = thresholds_of(network, rate, self.threshold)
            left = 0
            for (_, layer), (_, copied), limit in zip(network.weighted, trial.weighted, limits, strict=True):
                slots = slots_below(layer.weights, limit)
                copied.weights.data[slots] = 0  # the function of the pruned network, without a new topology for each trial
                left += layer.weights.n_connections - slots.size
            found = trial.evaluate(*validation_data)["accuracy"]
            if found < accuracy - self.trial_drop - 1e-9:
                return {"rate": self._rate(trials - 1), "trials": trials}
            if left <= len(limits):  # nothing more can go
                return {"rate": rate, "trials": trials}

    def _rate(self, steps: Any) -> float:
        return round(self.start + steps * self.step, 12)
