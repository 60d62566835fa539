"""`PruneRetrain`: remove what is below a fixed magnitude, retrain, and again, while the accuracy holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import checks
from .magnitude import THRESHOLDS
from .prune_rounds import Rounds

if TYPE_CHECKING:
    from ..models.network import Network


@dataclass(frozen=True)
class PruneRetrain(Rounds):
    """Remove the connections with |w| < rate, retrain, and again, while the retrained accuracy is at least base - allowed_drop.

    Parameters
    ----------
    rate : float > 0
        The magnitude below which connections go, in every round and every layer.
    allowed_drop : float in [0, 1]
        Of the accuracy on the validation data, as a fraction; the last network that keeps to it is kept.
    retrain_epochs : int, >= 1
        Of each round.
    max_rounds : int, >= 1
    threshold : {"absolute", "std"}
        "std": rate times the standard deviation of the layer's connections, as they are in that round.
    train_epochs : int, >= 0
        Train the network so long before the first round; 0: it has been trained.

    Raises
    ------
    ValueError, TypeError
        A setting out of its range.

    Notes
    -----
    Biases are not pruned, and the largest connection of a layer is never removed. Ends also when no connection is below the rate.
    The text does not say whether the rate is a magnitude or a number of deviations; its counts fit a magnitude.

    References
    ----------
    Han, Pool, Tran, Dally, "Learning both weights and connections for efficient neural networks", NIPS 2015; the static rates of
    Esfandiarpoor, Hajabdollahi, Karimi, "Simplified neural network based on auxiliary layer and adaptive pruning rate", table I.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> X, y, X_val, y_val = sm.datasets.load("digits")
    >>> trainer = sm.Trainer(sm.MLP([64, 60, 40, 10], activation="tanh", seed=0), optimizer=sm.Adam(lr=0.003))
    >>> pruning = sm.PruneRetrain(rate=0.1, allowed_drop=0.02, retrain_epochs=3, max_rounds=4, train_epochs=10)
    >>> outcome = pruning.run(trainer, X / 16, y, validation_data=(X_val / 16, y_val))
    >>> outcome.network.density < 0.6, outcome.accuracy >= outcome.base["accuracy"] - 0.02
    (True, True)
    """

    rate: float
    allowed_drop: float
    retrain_epochs: int
    max_rounds: int = 100
    threshold: str = "absolute"
    train_epochs: int = 0

    def __post_init__(self) -> None:
        checks.real("PruneRetrain.rate", self.rate, 0, open_low=True)
        check_rounds(self)

    def _choose(self, network: Network, validation_data: tuple, accuracy: float) -> Any:
        return {"rate": self.rate}


def check_rounds(procedure: Any) -> None:
    """Check the settings that all rounds share."""
    name = type(procedure).__name__
    checks.fraction(f"{name}.allowed_drop", procedure.allowed_drop)
    checks.integer(f"{name}.retrain_epochs", procedure.retrain_epochs, 1)
    checks.integer(f"{name}.max_rounds", procedure.max_rounds, 1)
    checks.choice(f"{name}.threshold", procedure.threshold, THRESHOLDS)
    checks.integer(f"{name}.train_epochs", procedure.train_epochs, 0)
