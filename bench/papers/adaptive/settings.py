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
TRIALS = (0.01, 0.02, 0.03, 0.05)  # fixed before any of them was run
DIGITS = 6  # of what a run's file keeps of each number


@dataclass(frozen=True)
class Arm:
    """How an arm prunes the trained net.

    Parameters
    ----------
    rate : float, optional
        Of static pruning; None: adaptive.
    drop : {"small_drop", "large_drop"}
    trial : float, optional
        Of adaptive pruning: how much a trial pruning may cost before retraining. None: as much as the drop, as in this experiment's first
        edition.
    before : str, optional
        The arm whose outcome an auxiliary arm goes on from.
    auxiliary : int
        Units of an auxiliary layer; 0: none. -1: no layer either, but the same further retraining and pruning, as a control.
    init : {"random", "lowrank"}
    """

    rate: float | None = None
    drop: str = "small_drop"
    trial: float | None = None
    before: str | None = None
    auxiliary: int = 0
    init: str = "random"


def named(arm, trial):
    """An adaptive or auxiliary arm's name with its trial drop; None: that of the first edition."""
    return arm if trial is None else f"{arm}-trial-{100 * trial:g}"


def auxiliary_arms(trial):
    """The arms that go on from the adaptive one of a trial drop."""
    common = {"trial": trial, "before": named("adaptive-0.46", trial)}
    found = {f"auxiliary-{units}": Arm(auxiliary=units, **common) for units in (20, 40, 60)}
    found |= {"auxiliary-40-lowrank": Arm(auxiliary=40, init="lowrank", **common), "again": Arm(auxiliary=-1, **common)}
    return {named(name, trial): arm for name, arm in found.items()}


STATIC = {f"static-{rate}": Arm(rate=rate, drop="large_drop") for rate in (0.2, 0.3, 0.4)}  # rounds do not depend on the drop
ADAPTIVE = {
    named(name, trial): Arm(drop=drop, trial=trial)
    for trial in (*TRIALS, None)
    for name, drop in (("adaptive-0.46", "small_drop"), ("adaptive-1.0", "large_drop"))
}
ARMS = STATIC | ADAPTIVE | {name: arm for trial in (*TRIALS, None) for name, arm in auxiliary_arms(trial).items()}


def run_name(arm, fold):
    return f"{arm}_fold{fold}"
