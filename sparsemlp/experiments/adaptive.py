"""Static and adaptive pruning rates, auxiliary layers and energy: MNIST in 10 x 10 pixels, an MLP 100-80-60-40-10, ten folds.

Esfandiarpoor, Hajabdollahi, Karimi, "Simplified neural network based on auxiliary layer and adaptive pruning rate". Net, data,
folds, rates, allowed drops and widths of the auxiliary layer are the paper's. It names no units, optimizer or epochs: tanh, Adam and 60
epochs gave the deviation of weights that its counts imply. Departures: decisions are made by validation data, a tenth of the nine parts
to train on; a run ends after 40 rounds, more than the paper's longest; its epochs of retraining are not given: 5 a round here, and
60 after the insertion of a layer (after 5 the larger net was below the bound, and so was never pruned).
"""

import copy
import time
from dataclasses import dataclass

import numpy as np

from .. import datasets
from ..engine.threads import set_num_threads
from ..environment import machine
from ..models.mlp import MLP
from ..optimizers import Adam
from ..procedures import AdaptivePruneRetrain, AuxiliaryLayer, PruneRetrain, Stages
from ..procedures.prune_rounds import fit_pruned
from ..randomness import stream
from ..reports.energy import energy_report
from ..topology import Dense
from ..training.trainer import Trainer
from . import runs

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
    auxiliary : int
        Units of an auxiliary layer; 0: none. -1: no layer either, but the same further retraining and pruning, as a control.
    init : {"random", "lowrank"}
    """

    rate: float | None = None
    drop: str = "small_drop"
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


def load_data():
    """MNIST's 60,000 training images averaged over areas to 10 x 10 pixels in [0, 1], in a random order that is always the same: (X, y)."""
    X, y, _, _ = datasets.load(SETTINGS["dataset"])
    side = SETTINGS["side"]
    X = datasets.area_average(X, SETTINGS["image"], (side, side)) / np.float32(255)
    order = stream(SPLIT_SEED, "split").permutation(len(X))
    return X[order], y[order]


def split(data, fold):
    """The parts of a fold: (X, y) to train on, to decide by, and to test; a tenth is tested, and a tenth of the rest decides."""
    X, y = data
    places = np.arange(len(X))
    bounds = len(X) * np.arange(SETTINGS["folds"] + 1) // SETTINGS["folds"]
    tested = (places >= bounds[fold]) & (places < bounds[fold + 1])
    rest = np.flatnonzero(~tested)
    n_deciding = len(rest) // 10
    return tuple((X[rows], y[rows]) for rows in (rest[n_deciding:], rest[:n_deciding], np.flatnonzero(tested)))


class Starts:
    """What several arms of a fold start from, trained once: the dense net, and that net pruned adaptively."""

    def __init__(self):
        self.fold, self.kept = None, {}

    def get(self, fold, name, make):
        """A copy of `make()`, made once per fold and name."""
        if fold != self.fold:
            self.fold, self.kept = fold, {}
        if name not in self.kept:
            self.kept[name] = make()
        return copy.deepcopy(self.kept[name])


def train(arm, fold, data, starts, checkpoint=None):
    """One run.

    Parameters
    ----------
    arm : a name in ARMS
    fold : int
        Which tenth is tested, and the seed.
    data : what `load_data` returns
    starts : Starts
    checkpoint : path, optional
        Not used: a run is short, and an interrupted one starts again.

    Returns
    -------
    dict
        Settings, machine, "base" and "rounds" as in `procedures.rounds.Pruned`, each with "test_accuracy"; "stopped";
        "wall_seconds", with what it starts from if no run before had made it; "test_accuracy_last" and "energy" of the network that
        is kept. Nothing is decided by a test accuracy.
    """
    began = time.perf_counter()
    training, deciding, test = split(data, fold)
    options = {"validation_data": deciding, "batch_size": SETTINGS["batch_size"]}
    chosen = ARMS[arm]

    def base():
        sizes = [SETTINGS["side"] ** 2, *SETTINGS["hidden"], 10]
        network = MLP(sizes, topology=Dense(), activation=SETTINGS["activation"], seed=fold)
        trainer = Trainer(network, optimizer=Adam(lr=SETTINGS["lr"]))
        trainer.fit(*training, epochs=SETTINGS["train_epochs"], **options)
        return trainer

    def tested(network, record):
        record["test_accuracy"] = network.evaluate(*test)["accuracy"]

    def pruned(arm):
        return _procedure(arm).run(starts.get(fold, "base", base), *training, on_round=tested, **options)

    if chosen.auxiliary:
        before = starts.get(fold, BEFORE, lambda: pruned(ARMS[BEFORE]))
        base_accuracy = before.base["accuracy"]
        if chosen.auxiliary < 0:
            fit_pruned(Stages(_procedure(chosen)), "again", before.trainer, *training, SETTINGS["inserted_epochs"], **options)
            procedure = _procedure(chosen)
        else:
            procedure = AuxiliaryLayer(chosen.auxiliary, _procedure(chosen), SETTINGS["inserted_epochs"], chosen.init)
        outcome = procedure.run(before.trainer, *training, base_accuracy=base_accuracy, on_round=tested, **options)
    else:
        outcome = starts.get(fold, arm, lambda: pruned(chosen)) if arm == BEFORE else pruned(chosen)
        base_accuracy = outcome.base["accuracy"]
    held = [outcome.base, *(r for r in outcome.rounds if r["held"])]
    return {
        "experiment": "adaptive",
        "arm": arm,
        "fold": fold,
        "settings": SETTINGS,
        "machine": machine(),
        "base_accuracy": base_accuracy,
        "base": _rounded(outcome.base),
        "rounds": [_rounded(r) for r in outcome.rounds],
        "stopped": outcome.stopped,
        "wall_seconds": round(time.perf_counter() - began, 2),
        "test_accuracy_last": held[-1]["test_accuracy"],
        "sizes": outcome.network.sizes,
        "connections_by_layer": [layer.weights.n_connections for layer in outcome.network.layers],
        "energy": energy_report(outcome.network).to_dict()["total"],
    }


def _procedure(arm):
    settings = {"allowed_drop": SETTINGS[arm.drop], "retrain_epochs": SETTINGS["retrain_epochs"], "max_rounds": SETTINGS["max_rounds"]}
    return AdaptivePruneRetrain(**settings) if arm.rate is None else PruneRetrain(arm.rate, **settings)


def _rounded(record):
    return {name: float(f"{v:.{DIGITS}g}") if isinstance(v, float) else v for name, v in record.items()}


def run_name(arm, fold):
    return f"{arm}_fold{fold}"


def add_arguments(parser):
    """The command's arguments."""
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    parser.add_argument(
        "--folds", nargs="+", type=int, default=list(range(SETTINGS["folds"])), help="which tenths to test on; also the seeds"
    )
    parser.add_argument("--threads", type=int, default=1, help="more do not help nets of this size (default: %(default)s)")
    parser.add_argument("--out", default="results/adaptive", help="folder of the runs' JSON files, figures and summary")
    parser.add_argument("--report", action="store_true", help="train nothing; draw figures and summary of the runs that are there")


def main(args):
    """Run what is missing, then report. Folds come before arms: a sweep cut short has whole comparisons."""
    if not args.report:
        wrong = [fold for fold in args.folds if not 0 <= fold < SETTINGS["folds"]]
        if wrong:
            raise ValueError(f"--folds must be from 0 to {SETTINGS['folds'] - 1}; got {wrong[0]}.")
        set_num_threads(args.threads)
        shared = {"data": load_data(), "starts": Starts()}
        wanted = [(arm, fold) for fold in args.folds for arm in args.arms]
        runs.sweep(args.out, [(run_name(*w), {"arm": w[0], "fold": w[1], **shared}) for w in wanted], train)
    from .adaptive_report import report

    report(args.out)
