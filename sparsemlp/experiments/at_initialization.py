"""Pruning at initialization: random masks, K-starts, dissipating gradients and their combination against dense nets.

"What to prune and what not to prune at initialization", anonymous, under review. Table 1, figures 2 and 3. The paper gives no
learning rate, batch size, initialization or scaling of inputs: here inputs are pixels / 255, batches 100 images, and for the net
784-10 the deviation of the initial weights and the learning rate are those of a scan whose dense net comes closest to the paper's.
"""

import json
import statistics
import time
from dataclasses import dataclass

import numpy as np

from .. import datasets
from ..engine.threads import set_num_threads
from ..environment import machine
from ..files import write_text
from ..initializers import Normal
from ..models.mlp import MLP
from ..optimizers import Adam
from ..policies import Combined, DissipatingGradients, KStarts, RandomPruning, Static
from ..policies.k_starts import FITNESSES
from ..randomness import stream
from ..training.callbacks import Callback
from ..training.trainer import Trainer
from . import runs

BATCH = 100
STEPS = (10, 100, 1_000, 10_000)  # table 1's rows
PAPER = {  # table 1: mean and deviation of accuracy, per cent, after STEPS
    "dense": ((12.29, 3.79), (28.41, 7.42), (60.71, 8.77), (82.49, 4.3)),
    1: ((13.36, 4.17), (28.96, 3.03), (63.39, 6.94), (88.40, 0.51)),
    10: ((13.94, 3.52), (50.53, 10.7), (82.11, 2.97), (89.07, 0.4)),
    50: ((9.71, 4.04), (46.19, 10.10), (81.77, 4.27), (89.08, 0.38)),
    100: ((10.14, 0.63), (14.83, 6.169), (82.13, 3.63), (89.21, 0.38)),
}
SCAN = [(std, lr) for std in (0.05, 0.5, 1.0) for lr in (1e-4, 3e-4, 1e-3)]
NETS = {"784-10": (), "784-128-100-10": (128, 100), "autoencoder": (128, 64, 128, 784)}
DATASETS = ("mnist", "fashion-mnist")
IMAGES = 60_000
SAMPLES = (100, 1_000, 10_000, IMAGES)  # figure 3
FIGURE3_P = (0.3, 0.5, 0.7, 0.9)
FIGURE3_STEPS = 2_500
FIGURE2_P = (0.3, 0.5, 0.7, 0.9, 0.95)
EPSILONS = {"784-128-100-10": (1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2), "autoencoder": (1e-6, 1e-5, 1e-4, 3e-4, 1e-3)}
COMBINED = {"784-128-100-10": 1e-4, "autoencoder": 1e-6}  # epsilon of the combination: the paper's algorithm 2, its equation 4
DENSE_ABOVE = 0.6  # so that p = 0.5 is stored sparse
DEEP_LR = 1e-3  # of the nets with hidden layers, which start from Glorot's deviation
DIGITS = 6


@dataclass(frozen=True)
class Setting:
    """One file: some trials, each with its own seed, of one policy on one net.

    Attributes
    ----------
    part : {"scan", "table1", "zeros", "fitness", "figure2", "figure3"}
    arm : str
        What the report calls it.
    policy : Policy
    net, dataset : names in NETS, DATASETS
    std, lr : float
        std is None for Glorot's.
    samples : int or None
        Training images, drawn anew for each trial; None for all.
    steps : tuple of int
        When accuracy is measured; training ends with the epoch of the last one.
    """

    part: str
    arm: str
    policy: object
    net: str = "784-10"
    dataset: str = "mnist"
    std: float | None = None
    lr: float = DEEP_LR
    samples: int | None = None
    steps: tuple = ()

    def name(self, trials):
        """The file's, without suffix."""
        size = f"_{self.samples}samples" if self.samples else ""
        scale = f"_std{self.std:g}_lr{self.lr:g}" if self.std is not None else ""
        arm = self.arm.replace(" ", "-")
        return f"{self.part}_{self.net}_{self.dataset}_{arm}{size}{scale}_{max(self.steps)}steps_{trials}trials"


def scan_settings():
    """Dense nets of every initial deviation and learning rate; the one chosen is the dense column of table 1."""
    return [Setting("scan", "dense", Static(), std=std, lr=lr, steps=STEPS) for std, lr in SCAN]


def choose(found):
    """The (deviation, learning rate) whose dense means are nearest the paper's: least mean square over the four rows.

    Parameters
    ----------
    found : dict of (std, lr) to list of float
        Mean accuracies, per cent, after STEPS.
    """
    paper = [mean for mean, _ in PAPER["dense"]]
    return min(found, key=lambda pair: sum((a - b) ** 2 for a, b in zip(found[pair], paper, strict=True)))


def table_settings(std, lr):
    """Table 1's sparse columns, and nets that start from 0, as K-starts' become."""
    at = {"std": std, "lr": lr, "steps": STEPS}
    settings = [Setting("table1", f"k{k}", KStarts(k=k, p=0.5), **at) for k in (1, 10, 50, 100)]
    settings.append(Setting("table1", "random", RandomPruning(p=0.5), **at))
    settings.append(Setting("zeros", "dense from 0", Static(), **at | {"std": 0.0}))
    settings.append(Setting("zeros", "random from 0", RandomPruning(p=0.5), **at | {"std": 0.0}))
    return settings


def fitness_settings(std, lr):
    """k = 10 with every fitness but the paper's."""
    others = [(fitness, sums) for fitness in FITNESSES for sums in ("signed", "absolute")][1:]
    at = {"std": std, "lr": lr, "steps": STEPS}
    return [Setting("fitness", f"{f} {s}", KStarts(fitness=f, sums=s), **at) for f, s in others]


def figure3_settings(std, lr, names=DATASETS):
    """Accuracy after 2,500 steps against the number of training images, for several p."""
    settings = []
    for dataset in names:
        for samples in SAMPLES:
            at = {"dataset": dataset, "std": std, "lr": lr, "samples": samples, "steps": (FIGURE3_STEPS,)}
            settings.append(Setting("figure3", "dense", Static(), **at))
            settings += [Setting("figure3", f"k-starts p{p}", KStarts(p=p), **at) for p in FIGURE3_P]
            settings.append(Setting("figure3", "random p0.5", RandomPruning(p=0.5), **at))
    return settings


def figure2_settings(epochs, names=DATASETS):
    """Performance against sparsity of the four methods, on two nets and two data sets."""
    settings = []
    for dataset in names:
        for net in ("784-128-100-10", "autoencoder"):
            at = {"net": net, "dataset": dataset, "steps": (IMAGES // BATCH * epochs,)}
            settings.append(Setting("figure2", "dense", Static(), **at))
            gradients = DissipatingGradients(COMBINED[net], 2)
            for p in FIGURE2_P:
                settings.append(Setting("figure2", f"random p{p}", RandomPruning(p=p), **at))
                settings.append(Setting("figure2", f"k-starts p{p}", KStarts(p=p), **at))
                settings.append(Setting("figure2", f"combination p{p}", Combined(KStarts(p=p), gradients), **at))
            for epsilon in EPSILONS[net]:
                for n in (1, 2):
                    arm = f"dissipating e{epsilon:g} n{n}"
                    settings.append(Setting("figure2", arm, DissipatingGradients(epsilon, n), **at))
    return settings


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
    found = network.evaluate(X, y, loss="mse" if network.output == "sigmoid" else None)
    return found.get("accuracy", found["loss"])


def load_data():
    """{dataset: (X, y, X_test, y_test)}, pixels as float32 / 255."""
    data = {}
    for name in DATASETS:
        X, y, X_test, y_test = datasets.load(name)
        data[name] = np.float32(X) / 255, y, np.float32(X_test) / 255, y_test
    return data


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
        performance : list of float, test accuracy (of an autoencoder the mean squared error) after each of the setting's steps;
        sparsity at the end; the number of K-starts steps, how often the fittest mask changed and the last step at which it did;
        seconds per epoch of the first epoch and the median of the last half.
    """
    X, y, X_test, y_test = data[setting.dataset]
    if setting.samples is not None and setting.samples < len(X):
        chosen = np.sort(stream(seed, "split").permutation(len(X))[: setting.samples])
        X, y = X[chosen], y[chosen]
    coder = setting.net == "autoencoder"
    sizes = [784, *NETS[setting.net]] + ([] if coder else [10])
    initializer = None if setting.std is None else Normal(setting.std)
    network = MLP(sizes, activation="sigmoid", output="sigmoid" if coder else "softmax", initializer=initializer, seed=seed)
    watch = _Watch(setting.steps, X_test, X_test if coder else y_test)
    trainer = Trainer(network, Adam(lr=setting.lr), "mse" if coder else None, setting.policy, callbacks=[watch], dense_above=DENSE_ABOVE)
    n_steps = -(-len(X) // BATCH)
    history = trainer.fit(X, X if coder else y, epochs=-(-max(setting.steps) // n_steps), batch_size=BATCH)
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
    """All trials of a setting, as a dict for its file; those that have ended are kept at `checkpoint` meanwhile."""
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


def chosen_pair(folder):
    """(std, lr) by the scan's files in a folder; None while some are missing."""
    found = {}
    for result in runs.load_runs(folder).values():
        if result["part"] == "scan":
            found[result["std"], result["lr"]] = means(result)
    return choose(found) if set(found) == set(SCAN) else None


def means(result):
    """Mean performance after each of the run's steps; accuracies in per cent."""
    scale = 1 if result["net"] == "autoencoder" else 100
    return [scale * statistics.mean(column) for column in zip(*(t["performance"] for t in result["trials"]), strict=True)]


def add_arguments(parser):
    """The command's arguments."""
    parts = ("table1", "figure2", "figure3", "fitness")
    parser.add_argument("--parts", nargs="+", default=list(parts), choices=parts, metavar="PART", help=", ".join(parts))
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS, metavar="NAME", help="of figures 2 and 3")
    parser.add_argument("--trials", type=int, default=10, help="seeds of each setting of table 1 and figure 3")
    parser.add_argument("--figure2-trials", type=int, default=3, help="seeds of each setting of figure 2")
    parser.add_argument("--figure2-epochs", type=int, default=3, help="length of each run of figure 2")
    parser.add_argument("--threads", type=int, help="default: every usable CPU")
    parser.add_argument("--out", default="results/at_initialization", help="folder of the runs' JSON files, figures and summary")
    parser.add_argument("--report", action="store_true", help="train nothing; draw figures and summary of the runs that are there")


def main(args):
    """The scan, then what is missing of each part, then the report."""
    if not args.report:
        set_num_threads(args.threads)
        data = load_data()

        def sweep(settings, trials):
            named = [(setting.name(trials), {"setting": setting, "trials": trials, "data": data}) for setting in settings]
            runs.sweep(args.out, named, run)

        if set(args.parts) - {"figure2"}:
            sweep(scan_settings(), args.trials)
            pair = chosen_pair(args.out)
        for part in args.parts:
            if part == "table1":
                sweep(table_settings(*pair), args.trials)
            elif part == "fitness":
                sweep(fitness_settings(*pair), args.trials)
            elif part == "figure3":
                sweep(figure3_settings(*pair, args.datasets), args.trials)
            else:
                sweep(figure2_settings(args.figure2_epochs, args.datasets), args.figure2_trials)
    from .at_initialization_report import report

    report(args.out)
