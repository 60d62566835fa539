"""Net, folds, rates, drops and arms of the adaptive pruning experiment."""

from dataclasses import dataclass

SETTINGS = {
    "dataset": "mnist",
    "image": (28, 28),
    "side": 10,
    "hidden": (80, 60, 40),
    "activation": "tanh",
    "batch_size": 100,
    "lr": 0.001,
    "train_epochs": 60,
    "retrain_epochs": 5,
    "inserted_epochs": 60,
    "max_rounds": 40,
    "folds": 10,
    "small_drop": 0.0046,
    "large_drop": 0.01,
}
SPLIT_SEED = 0
BEFORE = "adaptive-0.46"  # what every auxiliary arm goes on from
DIGITS = 6  # of what a run's file keeps of each number


@dataclass(frozen=True)
class Arm:
    """How an arm prunes the trained net; every auxiliary arm goes on from what the arm `BEFORE` ends with.

    Parameters
    ----------
    rate : float, optional
        Of static pruning; None: adaptive.
    drop : {"small_drop", "large_drop"}
    trial : float, optional
        Of adaptive pruning: how much a trial pruning may cost before retraining. None: as much as the drop, as in this experiment's first
        edition.
    auxiliary : int
        Units of an auxiliary layer; 0: none. -1: no layer either, but the same further retraining and pruning, as a control.
    init : {"random", "lowrank"}
    """

    rate: float | None = None
    drop: str = "small_drop"
    trial: float | None = None
    auxiliary: int = 0
    init: str = "random"


ARMS = {  # a static rate's rounds do not depend on the drop: one run serves both
    "static-0.2": Arm(rate=0.2, drop="large_drop"),
    "static-0.3": Arm(rate=0.3, drop="large_drop"),
    "static-0.4": Arm(rate=0.4, drop="large_drop"),
    "adaptive-0.46": Arm(),
    "adaptive-1.0": Arm(drop="large_drop"),
    "auxiliary-20": Arm(auxiliary=20),
    "auxiliary-40": Arm(auxiliary=40),
    "auxiliary-60": Arm(auxiliary=60),
    "auxiliary-40-lowrank": Arm(auxiliary=40, init="lowrank"),
    "again": Arm(auxiliary=-1),
}


def run_name(arm, fold):
    return f"{arm}_fold{fold}"
