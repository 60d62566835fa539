"""Annealed pruning on the first hidden layer of an MLP: largest and smallest targets, dropout and none, on Fashion-MNIST.

Bartoldson, Barbu, Erlebacher, "Enhancing the regularization effect of weight pruning in artificial neural networks". The paper prunes
the first dense layer of a CNN on CIFAR-10; here it is the MLP that follows the convolutions there, 784-512-10, on Fashion-MNIST, with
the paper's settings of the algorithm and its 20 epochs. The paper names no optimizer or batch size: here it is Adam, 0.001, batches of
100, pixels / 255. Beside all training images there is a smaller set, where a net of 400,000 weights overfits, as the paper's does.
"""

import copy
import time
from dataclasses import asdict, dataclass

import numpy as np

from sparsemlp import (
    MLP,
    Adam,
    Callback,
    Dense,
    Network,
    Policy,
    Trainer,
    datasets,
)
from sparsemlp.environment import machine
from sparsemlp.randomness import stream
from sparsemlp.weights.change import apply_change

from .settings import BATCH, DIGITS, DROPOUT, HELD_OUT, LAYER, LR, SAMPLES, SIZES, SPLIT_SEED, policy


def load_data():
    """Fashion-MNIST / 255: {"all": (X, y), "small": (X, y)} to train on, (X, y) held out, (X, y) to test."""
    X, y, X_test, y_test = datasets.load("fashion-mnist")
    order = stream(SPLIT_SEED, "split").permutation(len(X))
    held_out, kept = np.sort(order[:HELD_OUT]), order[HELD_OUT:]
    training = {name: _part(X, y, np.sort(kept[:n])) for name, n in SAMPLES.items()}
    return training, _part(X, y, held_out), _part(X_test, y_test, slice(None))


def shared():
    """What all runs of a process need."""
    return {"data": load_data()}


def _part(X, y, rows):
    return np.asarray(X[rows] / 255, np.float32), y[rows]


@dataclass(frozen=True)
class Tested(Policy):
    """Another policy, and the test accuracy right after each of its changes between epochs, before any step.

    Parameters
    ----------
    policy : Policy
    seen : Seen
        Where the accuracies go.

    Examples
    --------
    >>> from sparsemlp import Static
    >>> Tested(Static(), None).policy
    Static()
    """

    policy: Policy
    seen: object

    def start(self, view, rng):
        return self.policy.start(view, rng)

    def on_step(self, view, state, progress, rng):
        return self.policy.on_step(view, state, progress, rng)

    def between_epochs(self, view, state, progress, rng):
        change, state = self.policy.between_epochs(view, state, progress, rng)
        if change is not None:
            self.seen.after(view.index, change, progress.epoch)
        return change, state

    def may_return(self, index, state, progress):
        return self.policy.may_return(index, state, progress)


class Seen(Callback):
    """Test accuracy and share of non-zero weights of the pruned layer at each epoch's end, after the change that the epoch ends with."""

    def __init__(self, X, y, network):
        self.data, self.network = (X, y), network
        self.before, self.pruned, self.nonzero = [], {}, {}

    def on_epoch_end(self, trainer, record):
        self.before.append(self.network.evaluate(*self.data)["accuracy"])
        self.nonzero.setdefault(record["epoch"], self._nonzero(self.network.layers[LAYER].weights))

    def after(self, index, change, epoch):
        """Evaluate a copy of the net with this change."""
        layers = list(self.network.layers)
        layer = copy.copy(layers[index])
        layer.weights = copy.deepcopy(layer.weights)
        apply_change(layer.weights, change)
        layers[index] = layer
        net = Network(layers, self.network.output, seed=self.network.seed)
        net.classes = self.network.classes
        self.pruned[epoch] = net.evaluate(*self.data)["accuracy"]
        if index == LAYER:
            self.nonzero[epoch] = self._nonzero(layer.weights)

    @staticmethod
    def _nonzero(weights):
        return np.count_nonzero(weights.data) / (weights.shape[0] * weights.shape[1])

    @property
    def accuracies(self):
        """By epoch, after its change."""
        return [self.pruned.get(epoch, accuracy) for epoch, accuracy in enumerate(self.before)]


def train(setting, data, checkpoint=None):
    """One run.

    Parameters
    ----------
    setting : Setting
    data : what `load_data` returns
    checkpoint : path, optional
        Not used: a run takes a minute, and one that was interrupted starts again.

    Returns
    -------
    dict
        Settings, machine, counts, accuracies of the last epoch and of the one with the best held-out accuracy, and lists by epoch.
    """
    start = time.perf_counter()
    training, held_out, test = data
    input_dropout = DROPOUT if "dropout" in setting.arm else 0.0
    net = MLP(SIZES, topology=Dense(), input_dropout=input_dropout, seed=setting.seed)
    seen = Seen(*test, net)
    trainer = Trainer(net, optimizer=Adam(lr=LR), policy=Tested(policy(setting), seen), callbacks=[seen], lr_scale=None)
    history = trainer.fit(*training[setting.samples], epochs=setting.epochs, batch_size=BATCH, validation_data=held_out)
    by_epoch = {
        "test_accuracy": seen.accuracies,
        "test_accuracy_before_change": seen.before,
        "nonzero": [seen.nonzero[epoch] for epoch in range(len(history))],
        "held_out_accuracy": history["val_accuracy"],
        "held_out_loss": history["val_loss"],
        "training_accuracy": history["accuracy"],
        "seconds": history["seconds"],
        "storage": [storage[LAYER] for storage in history["storage"]],
    }
    chosen = history.best("val_accuracy")["epoch"]
    return {
        "experiment": "annealed",
        **asdict(setting),
        "policy": repr(policy(setting)),
        "sizes": SIZES,
        "n_samples": len(training[setting.samples][0]),
        "batch_size": BATCH,
        "lr": LR,
        "input_dropout": input_dropout,
        "machine": machine(),
        "connections": [layer.weights.n_connections for layer in net.layers],
        "n_parameters": net.n_parameters,
        "chosen_epoch": chosen,
        "test_accuracy_chosen": seen.before[chosen],
        "test_accuracy_last": seen.before[-1],
        "wall_seconds": round(time.perf_counter() - start, 2),
        "by_epoch": {name: [_rounded(v) for v in values] for name, values in by_epoch.items()},
    }


def _rounded(value):
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
