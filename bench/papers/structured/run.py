"""Pruning against structurally sparse nets: one-time and iterative pruning, retraining, RadiX-Nets and random expanders on MNIST.

Alford, "Training sparse neural networks", slides of 2018: LeNet-300-100 at 0 to 99 % sparsity. The slides give no optimizer, batch,
initialization or length of training: here it is SGD with momentum 0.9, batches of 100, pixels / 255, He's initialization, and the
smallest learning rate of a scan whose held-out accuracy of the dense net is within 0.1 points of the best. The output layer stays
dense in every net, as in the slides' RadiX-Nets, so that nets of one sparsity have equally many connections; sparsity is that of the
two hidden layers.
"""

import pathlib
import time
from dataclasses import asdict

import numpy as np

from sparsemlp import (
    MLP,
    SGD,
    Callback,
    Dense,
    NonFiniteError,
    Trainer,
    datasets,
    load,
    prune,
    restart,
    save,
)
from sparsemlp.environment import machine
from sparsemlp.randomness import stream

from .settings import BATCH, CHANCE, DIGITS, EVERY, HELD_OUT, HIDDEN, LR, MOMENTUM, SIZES, SPLIT_SEED, Setting, policy, topology


def load_data():
    """MNIST / 255: (X, y) to train on, (X, y) held out, (X, y) to test."""
    X, y, X_test, y_test = datasets.load("mnist")
    order = stream(SPLIT_SEED, "split").permutation(len(X))
    held_out, kept = np.sort(order[:HELD_OUT]), np.sort(order[HELD_OUT:])
    scaled = [np.asarray(part / 255, np.float32) for part in (X[kept], X[held_out], X_test)]
    return tuple(zip(scaled, (y[kept], y[held_out], y_test), strict=True))


def shared():
    """What all runs of a process need."""
    return {"data": load_data()}


class Watch(Callback):
    """Test accuracy after each epoch, for the figures, and the threshold of the pruning before it; nothing is chosen by them."""

    def __init__(self, X, y):
        self.data, self.accuracies, self.thresholds = (X, y), [], []

    def on_epoch_end(self, trainer, record):
        self.accuracies.append(trainer.network.evaluate(*self.data)["accuracy"])
        self.thresholds.append([(state or {}).get("threshold", 0.0) for state in trainer.policy_states])


def network(setting, work, data):
    """The net that the run starts from."""
    if "/" not in setting.arm:
        sizes, shape = topology(setting)
        return MLP(sizes, topology=shape, seed=setting.seed)
    found, weights = setting.arm.split("/")
    initial = MLP(SIZES, topology=Dense(), seed=setting.seed)
    source = found_network(found, setting, work, data)
    return restart(source, initial if weights == "original" else None)


def found_network(found, setting, work, data):
    """The pruned net whose topology is tried again; trained now unless an earlier run left it in the folder `work`."""
    if found == "one-time":
        net = parent(Setting("dense", "dense", 0.0, LR, None, setting.seed, setting.epochs), work, data)
        prune(net, setting.sparsity, HIDDEN)
        return net
    return parent(Setting("iterative", "iterative", setting.sparsity, LR, EVERY, setting.seed, setting.epochs), work, data)


def parent(setting, work, data):
    """The net at the end of another run."""
    path = pathlib.Path(work) / f"{setting.name}.sm"
    if not path.exists():
        train(setting, work, data)
    return load(path)


def train(setting, work, data, checkpoint=None):
    """One run.

    Parameters
    ----------
    setting : Setting
    work : path
        Folder where trained nets that other runs start from are kept.
    data : what `load_data` returns
    checkpoint : path, optional
        Not used: a run takes seconds, and one that was interrupted starts again.

    Returns
    -------
    dict
        Settings, machine, counts, accuracies of the last epoch, and lists by epoch. Seconds are those of the training steps and
        topology changes between epochs, without evaluation.
    """
    start = time.perf_counter()
    if setting.arm == "one-time":
        return {**_prune_once(setting, work, data), "wall_seconds": round(time.perf_counter() - start, 2)}
    training, held_out, test = data
    net = network(setting, work, data)
    watch = Watch(*test)
    trainer = Trainer(net, optimizer=SGD(lr=setting.lr, momentum=MOMENTUM), policy=policy(setting), callbacks=[watch], lr_scale=None)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            trainer.fit(*training, epochs=setting.epochs, batch_size=BATCH, validation_data=held_out)
        diverged = None
    except NonFiniteError as error:
        diverged = str(error)
    history = trainer.history
    if (setting.part, setting.arm) in (("dense", "dense"), ("iterative", "iterative")):
        pathlib.Path(work).mkdir(parents=True, exist_ok=True)
        save(pathlib.Path(work) / f"{setting.name}.sm", net)
    names = {"held_out_accuracy": "val_accuracy", "training_loss": "loss"}
    names |= {name: name for name in ("seconds", "evolution_seconds", "connections")}
    by_epoch = {"test_accuracy": watch.accuracies, "threshold": watch.thresholds}
    by_epoch |= {name: history[entry] for name, entry in names.items()}
    last = CHANCE if diverged else watch.accuracies[-1]
    result = {**_head(setting, net), "diverged": diverged, "test_accuracy_last": last}
    result["wall_seconds"] = round(time.perf_counter() - start, 2)
    return {**result, "by_epoch": {name: [_rounded(v) for v in values] for name, values in by_epoch.items()}}


def _prune_once(setting, work, data):
    """Remove connections of the dense net's last epoch, and train no more."""
    net = found_network("one-time", setting, work, data)
    (_, _), held_out, test = data
    accuracy = {name: net.evaluate(*part)["accuracy"] for name, part in (("held_out", held_out), ("test", test))}
    return {**_head(setting, net), "held_out_accuracy_last": accuracy["held_out"], "test_accuracy_last": accuracy["test"]}


def _head(setting, net):
    hidden = [layer.weights for layer in net.layers[:-1]]
    connections = [w.n_connections for w in hidden]
    return {
        "experiment": "structured",
        **asdict(setting),
        "sizes": net.sizes,
        "batch_size": BATCH,
        "momentum": MOMENTUM,
        "machine": machine(),
        "connections": [*connections, net.layers[-1].weights.n_connections],
        "sparsity_reached": 1 - sum(connections) / sum(w.shape[0] * w.shape[1] for w in hidden),
        "n_parameters": net.n_parameters,
    }


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
