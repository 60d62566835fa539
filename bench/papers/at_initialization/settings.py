"""Nets, scan, masks and runs of the experiment on pruning at initialization, and the paper's table 1."""

from dataclasses import dataclass

from sparsemlp import Combined, DissipatingGradients, KStarts, RandomPruning, Static
from sparsemlp.policies.k_starts import FITNESSES

BATCH = 100
STEPS = (10, 100, 1_000, 10_000)  # table 1's rows
PAPER = {  # table 1: mean and deviation of accuracy, per cent, after STEPS
    "dense": ((12.29, 3.79), (28.41, 7.42), (60.71, 8.77), (82.49, 4.3)),
    1: ((13.36, 4.17), (28.96, 3.03), (63.39, 6.94), (88.40, 0.51)),
    10: ((13.94, 3.52), (50.53, 10.7), (82.11, 2.97), (89.07, 0.4)),
    50: ((9.71, 4.04), (46.19, 10.10), (81.77, 4.27), (89.08, 0.38)),
    100: ((10.14, 0.63), (14.83, 6.169), (82.13, 3.63), (89.21, 0.38)),
}
STRUCTURES = {  # of the net 784-10: output, loss. The paper says only "sigmoid activation"
    "softmax": ("softmax", None),
    "squared": ("sigmoid", "mse"),
    "binary": ("sigmoid", "binary_cross_entropy"),
}
SCAN = [(structure, std, lr) for structure in STRUCTURES for std in (0.05, 0.5, 1.0) for lr in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)]
HELD_OUT = 5_000  # training images that the scan is judged by
NETS = {"784-10": (), "784-128-100-10": (128, 100), "autoencoder": (128, 64, 128, 784)}
DATASETS = ("mnist", "fashion-mnist")
IMAGES = 60_000
SAMPLES = (100, 1_000, 10_000, IMAGES)  # figure 3
FIGURE3_P = (0.3, 0.5, 0.7, 0.9)
FIGURE3_STEPS = 2_500
FIGURE2_P = (0.3, 0.5, 0.7, 0.9, 0.95)
EPSILONS = {"784-128-100-10": (1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2), "autoencoder": (1e-6, 1e-5, 1e-4, 3e-4, 1e-3)}
DISPLACEMENTS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)  # fractions of the initial weight
DISSIPATING_EPOCHS = (1, 2)
COMBINED = {"784-128-100-10": 1e-4, "autoencoder": 1e-6}  # epsilon of the combination: the paper's algorithm 2, its equation 4
DENSE_ABOVE = 0.6  # so that p = 0.5 is stored sparse
DEEP_LR = 1e-3  # of the nets with hidden layers, which start from Glorot's deviation
SPLIT_SEED = 0
DIGITS = 6


@dataclass(frozen=True)
class Setting:
    """One run: some trials, each with its own seed, of one policy on one net.

    Attributes
    ----------
    part : {"structure", "table1", "zeros", "fitness", "k-by-p", "figure2", "figure3"}
        Runs of the part "structure" are judged by held-out training images. (The first edition's scan, "scan", was by the test set.)
    arm : str
        What the report calls it.
    policy : Policy
    net, dataset : names in NETS, DATASETS
    std, lr : float
        std is None for Glorot's.
    samples : int or None
        Training images, drawn anew for each trial; None for all.
    structure : a name in STRUCTURES
        Output and loss of the net 784-10.
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
    structure: str = "softmax"

    def name(self, trials):
        """What the run is found by."""
        size = f"_{self.samples}samples" if self.samples else ""
        scale = f"_std{self.std:g}_lr{self.lr:g}" if self.std is not None else ""
        arm = self.arm.replace(" ", "-") + ("" if self.structure == "softmax" else f"_{self.structure}")
        return f"{self.part}_{self.net}_{self.dataset}_{arm}{size}{scale}_{max(self.steps)}steps_{trials}trials"


def scan_settings():
    """Dense nets of every structure, initial deviation and learning rate; the one chosen is used for every column of table 1."""
    return [Setting("structure", "dense", Static(), std=std, lr=lr, steps=STEPS, structure=structure) for structure, std, lr in SCAN]


def table_settings(structure, std, lr):
    """Table 1's columns, and nets that start from 0, as K-starts' become."""
    at = {"structure": structure, "std": std, "lr": lr, "steps": STEPS}
    settings = [Setting("table1", "dense", Static(), **at)]
    settings += [Setting("table1", f"k{k}", KStarts(k=k, p=0.5), **at) for k in (1, 10, 50, 100)]
    settings.append(Setting("table1", "random", RandomPruning(p=0.5), **at))
    settings.append(Setting("zeros", "dense from 0", Static(), **at | {"std": 0.0}))
    settings.append(Setting("zeros", "random from 0", RandomPruning(p=0.5), **at | {"std": 0.0}))
    return settings


def fitness_settings(structure, std, lr):
    """k = 10 with every fitness but the paper's."""
    others = [(fitness, sums) for fitness in FITNESSES for sums in ("signed", "absolute")][1:]
    at = {"structure": structure, "std": std, "lr": lr, "steps": STEPS}
    return [Setting("fitness", f"{f} {s}", KStarts(fitness=f, sums=s), **at) for f, s in others]


def k_by_p_settings(structure, std, lr):
    """Whether more starts mend a poor p: k against p, after figure 3's steps."""
    at = {"structure": structure, "std": std, "lr": lr, "steps": (FIGURE3_STEPS,)}
    return [Setting("k-by-p", f"k{k} p{p}", KStarts(k=k, p=p), **at) for k in (1, 10, 50, 100) for p in FIGURE3_P]


def figure3_settings(structure, std, lr, names=DATASETS):
    """Accuracy after 2,500 steps against the number of training images, for several p."""
    settings = []
    for dataset in names:
        for samples in SAMPLES:
            at = {"dataset": dataset, "samples": samples, "steps": (FIGURE3_STEPS,), "structure": structure, "std": std, "lr": lr}
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
            for n in DISSIPATING_EPOCHS:
                for epsilon in EPSILONS[net]:
                    policy = DissipatingGradients(epsilon, n)
                    settings.append(Setting("figure2", f"dissipating e{epsilon:g} n{n}", policy, **at))
                for epsilon in DISPLACEMENTS:
                    policy = DissipatingGradients(epsilon, n, by="displacement")
                    settings.append(Setting("figure2", f"displacement e{epsilon:g} n{n}", policy, **at))
    return settings
