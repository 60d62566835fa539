"""Static and adaptive pruning rates, auxiliary layers and energy: MNIST in 10 x 10 pixels, an MLP 100-80-60-40-10, ten folds.

Esfandiarpoor, Hajabdollahi, Karimi, "Simplified neural network based on auxiliary layer and adaptive pruning rate". Net, data,
folds, rates, allowed drops and widths of the auxiliary layer are the paper's. It names no units, optimizer or epochs: tanh, Adam and 60
epochs gave the deviation of weights that its counts imply. Departures: decisions are made by validation data, a tenth of the nine parts
to train on; how much a trial pruning may cost is not given: 1, 2, 3 and 5 points are tried; a run ends after 40 rounds, more than the
paper's longest; its epochs of retraining are not given: 5 a round here, and 60 after the insertion of a layer (after 5 the larger net
was below the bound, and so was never pruned).
"""

import copy
import shutil
import time

import numpy as np

from sparsemlp import (
    MLP,
    Adam,
    AdaptivePruneRetrain,
    AuxiliaryLayer,
    Dense,
    PruneRetrain,
    Trainer,
    datasets,
    energy_report,
    load,
    save,
)
from sparsemlp.environment import machine
from sparsemlp.procedures import Stages
from sparsemlp.procedures.prune_rounds import fit_pruned
from sparsemlp.randomness import stream

from .settings import ARMS, DIGITS, SETTINGS, SPLIT_SEED


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


def shared():
    """What all runs of a process need."""
    return {"data": load_data(), "starts": Starts()}


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
        Its name with another suffix: where the stages of an unfinished run are kept; in its folder the trained nets that all arms of a
        fold start from. A run that was interrupted goes on, with the bits of an uninterrupted one.

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

    work = None if checkpoint is None else checkpoint.parent
    kept = None if work is None else work / f"base_fold{fold}.sm"
    stages = None if work is None else checkpoint.with_suffix(".stages")

    def base():
        if kept is not None and kept.exists():
            return load(kept)
        sizes = [SETTINGS["side"] ** 2, *SETTINGS["hidden"], 10]
        network = MLP(sizes, topology=Dense(), activation=SETTINGS["activation"], seed=fold)
        trainer = Trainer(network, optimizer=Adam(lr=SETTINGS["lr"]), lr_scale=None)
        trainer.fit(*training, epochs=SETTINGS["train_epochs"], **options)
        if kept is not None:
            save(kept, trainer)
        return trainer

    def tested(network, record):
        record["test_accuracy"] = network.evaluate(*test)["accuracy"]

    def pruned(arm, folder):
        return _procedure(arm).run(starts.get(fold, "base", base), *training, on_round=tested, folder=folder, **options)

    if chosen.auxiliary:
        before = starts.get(fold, chosen.before, lambda: pruned(ARMS[chosen.before], work and work / f"{chosen.before}_fold{fold}.before"))
        base_accuracy = before.base["accuracy"]
        if chosen.auxiliary < 0:
            further = Stages(_procedure(chosen), stages and stages / "further")
            before.trainer = fit_pruned(further, "again", before.trainer, *training, SETTINGS["inserted_epochs"], **options)
            procedure = _procedure(chosen)
        else:
            procedure = AuxiliaryLayer(chosen.auxiliary, _procedure(chosen), SETTINGS["inserted_epochs"], chosen.init)
        options |= {"base_accuracy": base_accuracy, "folder": stages and stages / "pruning"}
        outcome = procedure.run(before.trainer, *training, on_round=tested, **options)
    else:
        outcome = pruned(chosen, stages)
        base_accuracy = outcome.base["accuracy"]
    if stages is not None:
        shutil.rmtree(stages, ignore_errors=True)
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
    if arm.rate is not None:
        return PruneRetrain(arm.rate, **settings)
    return AdaptivePruneRetrain(**settings, trial_drop=SETTINGS[arm.drop] if arm.trial is None else arm.trial)


def _rounded(record):
    return {name: float(f"{v:.{DIGITS}g}") if isinstance(v, float) else v for name, v in record.items()}
