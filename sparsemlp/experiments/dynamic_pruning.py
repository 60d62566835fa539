"""Dynamic pruning rates: dense, static, SET, EXD, LDV and OSV nets on Fashion-MNIST, and what each choice is worth.

Chouliaras, Fragkou, Katsaros, "Feed forward neural network sparsification with dynamic pruning", PCI 2021. Epochs, epsilon, zeta and nets
are the paper's; batch size, optimizer, dropout, standardisation and augmentation are its released code's. That code computes the
evolved masks and never applies them; here they are applied, and the arm "discarded" repeats what it did. Departure: 5,000 of the
60,000 training images are held out to choose an epoch by, and nothing else is trained on them.
"""

from dataclasses import dataclass

import numpy as np

from .. import datasets
from ..engine.threads import set_num_threads
from ..environment import machine
from ..models.mlp import MLP
from ..optimizers import SGD
from ..policies import SET, Static
from ..policies.base import Policy
from ..randomness import stream
from ..schedules import ExponentialDecay, LinearDecrease, Oscillating
from ..topology import Dense, ErdosRenyi
from ..training.callbacks import Callback
from ..training.trainer import Trainer
from . import runs
from .exploration import Exploration, Watched

NETS = {"mlp-1k": (1000, 1000, 1000), "mlp-4k": (4000, 1000, 4000), "mlp-4k4l": (4000, 2000, 2000, 1000)}
SMALL = {"mlp-1k": (123, 123, 123), "mlp-4k": (261, 261, 261), "mlp-4k4l": (244, 244, 244, 244)}
PAPER_ARMS = ("dense", "static", "set", "exd", "ldv", "osv")
SETTINGS = {
    "dataset": "fashion-mnist",
    "batch_size": 100,
    "lr": 0.01,
    "momentum": 0.9,
    "dropout": 0.3,
    "epsilon": 20,
    "held_out": 5000,
    "rotation": 10,
    "shift": 0.005,
    "flip": True,
}
SPLIT_SEED = 0  # the held-out images are the same in all runs
DIGITS = 6  # of what a run's file keeps of each number


@dataclass(frozen=True)
class Discarded(Policy):
    """What the paper's released code did: the policy decides, and nothing changes.

    Parameters
    ----------
    policy : Policy

    Examples
    --------
    >>> Discarded(SET()).zeta
    0.3
    """

    policy: Policy

    zeta = property(lambda self: self.policy.zeta)

    def between_epochs(self, view, state, progress, rng):
        self.policy.between_epochs(view, state, progress, rng)
        return None, state


def _exd():
    return ExponentialDecay(0.3, interest=0.01)


ARMS = {  # the paper's, the small dense control, then one changed choice each
    "dense": Static,
    "static": Static,
    "set": lambda: SET(0.3),
    "exd": lambda: SET(_exd()),
    "ldv": lambda: SET(LinearDecrease(0.3, 0.01)),
    "osv": lambda: SET(Oscillating(0.3, 0.01, k=1)),
    "small-dense": Static,
    "set-magnitude": lambda: SET(0.3, by="magnitude"),
    "exd-magnitude": lambda: SET(_exd(), by="magnitude"),
    "set-initializer": lambda: SET(0.3, new="initializer"),
    "exd-initializer": lambda: SET(_exd(), new="initializer"),
    "discarded": lambda: Discarded(SET(_exd())),
}


def load_data():
    """Fashion-MNIST: (X, y) uint8 to train on, (X, y) to choose the epoch by, (X, y) to test, and the augmentation of the first.

    The last two are standardised with the deviations of the first.
    """
    X, y, X_test, y_test = datasets.load(SETTINGS["dataset"])
    order = stream(SPLIT_SEED, "split").permutation(len(X))
    held_out, kept = np.sort(order[: SETTINGS["held_out"]]), np.sort(order[SETTINGS["held_out"] :])
    standardizer = datasets.Standardizer.fit(X[kept])
    augment = datasets.Augmentation(
        (28, 28), SETTINGS["rotation"], shift=SETTINGS["shift"], flip=SETTINGS["flip"], standardizer=standardizer
    )
    return (X[kept], y[kept]), (standardizer(X[held_out]), y[held_out]), (standardizer(X_test), y_test), augment


def build(net, arm, seed):
    """The net of an arm. All sparse arms of one net and seed start from the same connections and weights."""
    hidden = (SMALL if arm == "small-dense" else NETS)[net]
    topology = Dense() if arm in ("dense", "small-dense") else ErdosRenyi(epsilon=SETTINGS["epsilon"])
    return MLP([784, *hidden, 10], topology=topology, activation="relu", dropout=SETTINGS["dropout"], seed=seed)


def n_parameters(net):
    """(sparse, dense): parameters of a net, biases included, counted in one that is built."""
    network = build(net, "static", 0)
    return network.n_parameters, sum(layer.n_in * layer.n_out + layer.n_out for layer in network.layers)


class _Tests(Callback):
    """Adds the test accuracy after each epoch to its record, for the figures; nothing is chosen by it."""

    def __init__(self, X, y):
        self.data = X, y

    def on_epoch_end(self, trainer, record):
        record["test_accuracy"] = trainer.network.evaluate(*self.data)["accuracy"]


def train(net, arm, seed, epochs, data, checkpoint=None):
    """One run.

    Parameters
    ----------
    net : {"mlp-1k", "mlp-4k", "mlp-4k4l"}
    arm : a name in ARMS
    seed, epochs : int
        `epochs` sets the schedules' length too: a run of 100 epochs is not the first fifth of one of 500.
    data : what `load_data` returns
    checkpoint : path, optional
        Where an unfinished run is kept; if there is one, it goes on, with the bits of an uninterrupted run.

    Returns
    -------
    dict
        Settings, machine, counts, accuracies of the last epoch and of the one with the best accuracy on the held-out images, and
        lists by epoch. Seconds are those of the training steps and of the topology changes, without evaluation.
    """
    training, held_out, test, augment = data
    optimizer = SGD(lr=SETTINGS["lr"], momentum=SETTINGS["momentum"])
    trainer = runs.unfinished(checkpoint, custom=(Watched, Discarded))
    resumed_at = trainer and trainer.epoch
    trainer = trainer or Trainer(build(net, arm, seed), optimizer=optimizer, policy=Watched(ARMS[arm]()))
    trainer.callbacks = [_Tests(*test), Exploration(), runs.Keeper(checkpoint)]
    network = trainer.network
    options = {"batch_size": SETTINGS["batch_size"], "validation_data": held_out, "augment": augment}
    history = trainer.fit(*training, epochs=epochs, resume=True, **options)
    by_epoch = {
        "test_accuracy": history["test_accuracy"],
        "held_out_accuracy": history["val_accuracy"],
        "held_out_loss": history["val_loss"],
        "training_loss": history["loss"],
        "training_accuracy": history["accuracy"],
        "seconds": history["seconds"],
        "evolution_seconds": history["evolution_seconds"],
        "zeta": history["zeta"],
        "connections": [sum(c) for c in history["connections"]],
        "bytes": history["bytes"],
        "survived": [r["survived"] for r in history.records if "survived" in r],
        "tried": [r["tried"] for r in history.records if "tried" in r],
    }
    chosen = history.best("val_accuracy")["epoch"]
    possible = sum(layer.n_in * layer.n_out for layer in network.layers)
    return {
        "experiment": "dynamic-pruning",
        "net": net,
        "arm": arm,
        "seed": seed,
        "epochs": epochs,
        "sizes": network.sizes,
        "settings": SETTINGS,
        "machine": machine(),
        "n_parameters": network.n_parameters,
        "n_parameters_dense": possible + sum(network.sizes[1:]),
        "chosen_epoch": chosen,
        "test_accuracy_chosen": by_epoch["test_accuracy"][chosen],
        "test_accuracy_last": by_epoch["test_accuracy"][-1],
        "resumed_at": resumed_at,
        "wall_seconds": round(sum(history["wall_seconds"]), 2),
        "training_seconds": round(sum(history["seconds"]) + sum(history["evolution_seconds"]), 2),
        "by_epoch": {name: [_rounded(v) for v in values] for name, values in by_epoch.items()},
    }


def _rounded(value):
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def run_name(net, arm, seed, epochs):
    return f"{net}_{arm}_seed{seed}_{epochs}epochs"


def add_arguments(parser):
    """The command's arguments."""
    parser.add_argument("--nets", nargs="+", default=["mlp-1k"], choices=NETS, metavar="NET", help=", ".join(NETS))
    parser.add_argument("--arms", nargs="+", default=list(PAPER_ARMS), choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=500, help="length of each run; the zeta schedules stretch over it")
    parser.add_argument("--threads", type=int, help="default: every usable CPU")
    parser.add_argument("--out", default="results/dynamic_pruning", help="folder of the runs' JSON files, figures and summary")
    parser.add_argument("--report", action="store_true", help="train nothing; draw figures and summary of the runs that are there")
    parser.add_argument(
        "--time",
        type=int,
        metavar="ROUNDS",
        help="instead of runs, time this many epochs of each arm, the arms taking turns; for an otherwise idle machine",
    )
    parser.add_argument("--page", metavar="FILE", help="Markdown page whose section on this experiment the report rewrites")


def main(args):
    """Train (or time) what is missing, then report. Seeds come before arms before nets: a sweep cut short has whole comparisons."""
    from . import dynamic_pruning_report, dynamic_pruning_times

    if not args.report:
        set_num_threads(args.threads)
        data = load_data()
        if args.time:
            for net in args.nets:
                dynamic_pruning_times.write(args.out, net, args.arms, args.time, data)
        else:
            wanted = [(net, arm, seed, args.epochs) for net in args.nets for seed in args.seeds for arm in args.arms]
            named = [(run_name(*w), dict(zip(("net", "arm", "seed", "epochs"), w, strict=True), data=data)) for w in wanted]
            runs.sweep(args.out, named, train)
    dynamic_pruning_report.report(args.out, args.page)
