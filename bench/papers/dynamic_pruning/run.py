"""Dynamic pruning rates: dense, static, SET, EXD, LDV and OSV nets on Fashion-MNIST, and what each choice is worth.

Chouliaras, Fragkou, Katsaros, "Feed forward neural network sparsification with dynamic pruning", PCI 2021. Epochs, epsilon, zeta and nets
are the paper's; batch size, optimizer, dropout, standardisation and augmentation are its released code's. That code computes the
evolved masks and never applies them; here they are applied, and the arm "discarded" repeats what it did. The initial weights are
those of its code, uniform over the fans of a dense matrix; a second start, He's by the connections there are, says nothing of the paper.
Departure: 5,000 of the 60,000 training images are held out to choose an epoch by, and nothing else is trained on them.
"""

import numpy as np

from sparsemlp import SGD, Callback, Trainer, datasets
from sparsemlp.environment import machine
from sparsemlp.randomness import stream

from ..shared import runs
from .exploration import Exploration, Watched
from .settings import ARMS, DIGITS, SETTINGS, SPLIT_SEED, Discarded, build


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


def shared():
    """What all runs of a process need."""
    return {"data": load_data()}


class _Tests(Callback):
    """Adds the test accuracy after each epoch to its record, for the figures; nothing is chosen by it."""

    def __init__(self, X, y):
        self.data = X, y

    def on_epoch_end(self, trainer, record):
        record["test_accuracy"] = trainer.network.evaluate(*self.data)["accuracy"]


def train(net, arm, seed, epochs, data, start="code", checkpoint=None):
    """One run.

    Parameters
    ----------
    net : {"mlp-1k", "mlp-4k", "mlp-4k4l"}
    arm : a name in ARMS
    seed, epochs : int
        `epochs` sets the schedules' length too: a run of 100 epochs is not the first fifth of one of 500.
    data : what `load_data` returns
    start : a name in STARTS
        Where the initial weights come from.
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
    policy = Watched(ARMS[arm]())
    trainer = trainer or Trainer(build(net, arm, seed, start), optimizer=optimizer, policy=policy, lr_scale=None)
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
        "start": start,
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
