"""Pruning at initialization: random masks, K-starts, dissipating gradients and their combination against dense nets.

"What to prune and what not to prune at initialization", anonymous, under review. Table 1, figures 2 and 3. The paper gives no
learning rate, batch size, initialization or scaling of inputs, and of outputs and loss only "sigmoid activation": here inputs are pixels /
255, batches 100 images, and for the net 784-10 output, loss, deviation of the initial weights and learning rate are those of a scan whose
dense net comes closest to the paper's on held-out training images.
"""

import json
import statistics
import time

import numpy as np

from sparsemlp import (
    MLP,
    Adam,
    Callback,
    Normal,
    Trainer,
    datasets,
)
from sparsemlp.environment import machine
from sparsemlp.files import write_text
from sparsemlp.randomness import stream

from .settings import BATCH, DATASETS, DENSE_ABOVE, DIGITS, HELD_OUT, NETS, SPLIT_SEED, STRUCTURES


class _Watch(Callback):
    """Performance after given steps, and what K-starts chose at each step of layer 0, until one mask is left."""

    def __init__(self, steps, X, y):
        self.steps, self.data, self.found, self.choices = set(steps), (X, y), [], []

    def on_step_end(self, trainer):
        state = trainer.policy_states[0]
        if isinstance(state, dict) and "best" in state and (len(state["masks"]) or len(self.choices) < state["steps"]):
            self.choices.append(state["best"])
        if trainer.step in self.steps:
            self.found.append(_performance(trainer.network, *self.data))


def _performance(network, X, y):
    """Accuracy, the largest output being the answer; the squared error of an autoencoder."""
    if y is X:
        return network.evaluate(X, X, loss="mse")["loss"]
    if network.output == "softmax":
        return network.evaluate(X, y)["accuracy"]
    return float(np.mean(network.predict_proba(X).argmax(axis=1) == y))


def load_data():
    """{dataset: (X, y, X_test, y_test)}, pixels as float32 / 255."""
    data = {}
    for name in DATASETS:
        X, y, X_test, y_test = datasets.load(name)
        data[name] = np.float32(X) / 255, y, np.float32(X_test) / 255, y_test
    return data


def shared():
    """What all runs of a process need."""
    return {"data": load_data()}


def trial(setting, seed, data):
    """One trained net.

    Parameters
    ----------
    setting : Setting
    seed : int
        The dense net's weights are the same for all policies of a seed.
    data : what `load_data` returns

    Returns
    -------
    dict
        performance : list of float, test accuracy (of an autoencoder the mean squared error; of the part "structure" the accuracy on
        held-out training images) after each of the setting's steps;
        sparsity at the end; the number of K-starts steps, how often the fittest mask changed and the last step at which it did;
        seconds per epoch of the first epoch and the median of the last half.
    """
    X, y, X_test, y_test = data[setting.dataset]
    if setting.part == "structure":
        order = stream(SPLIT_SEED, "split").permutation(len(X))
        held_out, kept = np.sort(order[:HELD_OUT]), np.sort(order[HELD_OUT:])
        X, y, X_test, y_test = X[kept], y[kept], X[held_out], y[held_out]
    if setting.samples is not None and setting.samples < len(X):
        chosen = np.sort(stream(seed, "split").permutation(len(X))[: setting.samples])
        X, y = X[chosen], y[chosen]
    coder = setting.net == "autoencoder"
    sizes = [784, *NETS[setting.net]] + ([] if coder else [10])
    initializer = None if setting.std is None else Normal(setting.std)
    output, loss = ("sigmoid", "mse") if coder else STRUCTURES[setting.structure]
    targets = X if coder else y if loss is None else np.eye(10, dtype=np.float32)[y]
    network = MLP(sizes, activation="sigmoid", output=output, initializer=initializer, seed=seed)
    watch = _Watch(setting.steps, X_test, X_test if coder else y_test)
    more = {"callbacks": [watch], "dense_above": DENSE_ABOVE, "lr_scale": None}
    trainer = Trainer(network, Adam(lr=setting.lr), loss, setting.policy, **more)
    n_steps = -(-len(X) // BATCH)
    history = trainer.fit(X, targets, epochs=-(-max(setting.steps) // n_steps), batch_size=BATCH)
    possible = sum(layer.n_in * layer.n_out for layer in network.layers)
    changes = [step for step, (a, b) in enumerate(zip(watch.choices, watch.choices[1:], strict=False), 2) if a != b]
    seconds = history["seconds"]
    return {
        "seed": seed,
        "performance": [_rounded(v) for v in watch.found],
        "sparsity": _rounded(1 - sum(layer.weights.n_connections for layer in network.layers) / possible),
        "choices": len(watch.choices),
        "changes": len(changes),
        "last_change": changes[-1] if changes else 1 if watch.choices else None,
        "seconds": [_rounded(seconds[0]), _rounded(statistics.median(seconds[len(seconds) // 2 :]))],
    }


def _rounded(value):
    return float(f"{value:.{DIGITS}g}")


def run(setting, trials, data, checkpoint):
    """All trials of a setting, as a dict for its line; those that have ended are kept at `checkpoint` meanwhile."""
    found, start = [], time.perf_counter()
    if checkpoint.exists():
        found = json.loads(checkpoint.read_text(encoding="utf-8"))
    for seed in range(len(found), trials):
        found.append(trial(setting, seed, data))
        found[-1]["wall_seconds"], start = round(time.perf_counter() - start, 2), time.perf_counter()
        write_text(checkpoint, json.dumps(found))
    measure = "squared error" if setting.net == "autoencoder" else "test accuracy"
    return {
        "experiment": "at-initialization",
        "part": setting.part,
        "arm": setting.arm,
        "policy": repr(setting.policy),
        "net": setting.net,
        "structure": setting.structure,
        "dataset": setting.dataset,
        "std": setting.std,
        "lr": setting.lr,
        "samples": setting.samples,
        "steps": list(setting.steps),
        "batch": BATCH,
        "dense_above": DENSE_ABOVE,
        "machine": machine(),
        "trials": found,
        "wall_seconds": round(sum(t["wall_seconds"] for t in found), 2),
        "outcome": f"{measure} {statistics.mean(t['performance'][-1] for t in found):.4f}",
    }


def mean_images(data):
    """What an autoencoder must beat: 1,000 times the squared error of answering with the mean training image, by data set."""
    errors = {name: _rounded(1000 * float(np.mean((X_test - X.mean(axis=0)) ** 2))) for name, (X, _, X_test, _) in data.items()}
    return {"experiment": "at-initialization", "part": "mean-image", "errors": errors, "machine": machine(), "trials": []}
