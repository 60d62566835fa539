"""What is compared: for each experiment the data, the settings, and the arms by name."""

from dataclasses import dataclass

from . import nets, systems
from .sets import load


@dataclass(frozen=True)
class Experiment:
    """Settings of one table.

    Attributes
    ----------
    data : dict
        For `sets.load`; the seed is added.
    budget : int
        Parameters of the nets.
    training : dict
        For `systems.ours`.
    arms : dict of str to callable(experiment, split, seed)
    seeds : int
        Also the splits of tables.
    """

    data: dict
    budget: int
    training: dict
    arms: dict
    seeds: int = 3

    def run(self, arm, seed):
        """The line of one run."""
        return self.arms[arm](self, load(**self.data, seed=seed), seed)


# ---- arms: functions that make functions (experiment, split, seed) -> line


def dense(depth, times=1, size=1, **change):
    """Our small dense net, trained `times` as long, of `size` times the parameters."""

    def run(e, split, seed):
        sizes, topology = nets.dense(size * e.budget, depth, split.X.shape[1], split.n_classes)
        return systems.ours(split, sizes, topology, seed, **{**e.training, "epochs": times * e.training["epochs"], **change})

    return run


def full(*hidden, **change):
    """A wide dense net."""

    def run(e, split, seed):
        sizes = [split.X.shape[1], *hidden, split.n_classes]
        return systems.ours(split, sizes, nets.sm.Dense(), seed, **{**e.training, **change})

    return run


def three(kind, width=1000, **change):
    """Three sparse layers; "er" is Erdős–Rényi with ε = 20."""

    def run(e, split, seed):
        n_in, n_out = split.X.shape[1], split.n_classes
        if kind == "er":
            sizes, topology = [n_in, width, width, width, n_out], nets.sm.ErdosRenyi(epsilon=20)
        else:
            sizes, topology = nets.three_layers(width, n_in, n_out, kind, split.image_shape)
        return systems.ours(split, sizes, topology, seed, **{**e.training, **change})

    return run


def one(kind, width, **change):
    """One sparse layer of the budget."""

    def run(e, split, seed):
        sizes, topology = nets.one_layer(e.budget, width, split.X.shape[1], split.n_classes, kind, split.image_shape)
        return systems.ours(split, sizes, topology, seed, **{**e.training, **change})

    return run


def torch(depth=None, hidden=None, **change):
    """PyTorch's dense net, small (`depth`) or wide (`hidden`)."""

    def run(e, split, seed):
        n_in, n_out = split.X.shape[1], split.n_classes
        sizes = [n_in, *hidden, n_out] if hidden else nets.dense(e.budget, depth, n_in, n_out)[0]
        how = {k: v for k, v in {**e.training, **change}.items() if k != "augment"}
        return systems.torch_dense(split, sizes, seed, **how, threads=nets.sm.get_num_threads())

    return run


def sklearn(depth):
    """scikit-learn's small dense net."""

    def run(e, split, seed):
        sizes, _ = nets.dense(e.budget, depth, split.X.shape[1], split.n_classes)
        how = {k: e.training[k] for k in ("epochs", "decay", "batch")}
        return systems.sklearn_dense(split, sizes, seed, **how)

    return run


def estimator(*hidden, density=0.1, **settings):
    """Our scikit-learn classifier; without `hidden` the dense net of `layers` hidden layers that has as many parameters as (300, 300)."""

    def run(e, split, seed):
        widths, how = hidden, dict(settings)
        if not hidden:
            n_in, n_out = split.X.shape[1], split.n_classes
            budget = round(density * (300 * n_in + 300 * 300 + 300 * n_out)) + 600 + n_out
            widths = nets.dense(budget, how.pop("layers"), n_in, n_out)[0][1:-1]
        return systems.estimator(split, seed, widths, density if hidden else 1.0, **how, max_iter=e.training["epochs"])

    return run


def logistic(e, split, seed):
    return systems.logistic_regression(split, seed)


# ---- the tables

SMALL = {"dense, 1 layer": dense(1), "dense, 2 layers": dense(2), "dense, 3 layers": dense(3)}
LONGER = {"dense, 3 layers, 2 × epochs": dense(3, times=2), "dense, 1 layer, 2 × epochs": dense(1, times=2)}
LARGER = {"dense, 1 layer, 2 × parameters": dense(1, size=2), "dense, 3 layers, 2 × parameters": dense(3, size=2)}
SPARSE = {"Erdős–Rényi": three("er"), "Correlated": three("correlated"), "Local": three("local")}
FIRST = {"dense, 1 layer": dense(1), **SPARSE}  # of what is run seed by seed, the arms that decide most
OLD_RATE = {"Erdős–Rényi, one rate": three("er", lr_scale=None)}
MOVES = nets.sm.SET(zeta=nets.sm.Cosine(0.3))
MOVING = {"Erdős–Rényi, SET": three("er", policy=MOVES), "Local, SET": three("local", policy=MOVES)}
WIDE = (1000, 1000, 1000)
PLAIN = {"epochs": 12, "lr": 0.1, "decay": 5e-4, "batch": 128}
AUGMENTED = {**PLAIN, "augment": True}
TABLE = {"epochs": 15, "lr": 0.03, "decay": 0.0, "batch": 64}


def budgets():
    """One hidden layer by budget: the wider the sparse net for its parameters, the more it gains."""
    widths = {4_000: 200, 8_000: 300, 16_000: 500, 32_000: 1000, 64_000: 1500, 128_000: 2000}
    arms = {"dense, 1 layer": dense(1), "dense, 1 layer, 2 × parameters": dense(1, size=2)}
    data = {"name": "fashion-mnist", "rows": 30_000, "held_out": True}
    how = {"epochs": 5, "lr": 0.1, "decay": 0.0, "batch": 128, "augment": True}
    return {
        f"budget {n:,}": Experiment(data, n, how, {**arms, **{kind.title(): one(kind, w) for kind in ("random", "correlated", "local")}})
        for n, w in widths.items()
    }


CHOSEN_ON = ("madelon", "PCMAC", "RELATHE")
NEW = ("digits", "breast cancer", "wine", "hastie", "groups", "mnist1d", "segments", "docstrings")  # had no part in choosing the rules


def recipes(name):
    """The estimator as it comes, against dense ones of as many parameters."""
    arms = {
        "recipe": estimator(300, 300),
        "Erdős–Rényi": estimator(300, 300, recipe=None, policy="static"),
        "dense, 1 layer": estimator(layers=1),
        "dense, 2 layers": estimator(layers=2),
        "scikit-learn, 2 layers": lambda e, split, seed: systems.sklearn_dense(
            split, [split.X.shape[1], 100, 100, split.n_classes], seed, epochs=30, decay=1e-4, batch=32
        ),
        "logistic regression": logistic,
    }
    return Experiment({"name": name}, 0, {"epochs": 30}, arms, 5)


CIFAR_ARMS = {
    "dense, 1 layer": dense(1),
    "dense, 1 layer, 2 × epochs": dense(1, times=2),
    "dense, 1 layer, 2 × parameters": dense(1, size=2),
    "random": one("random", 1500),
    "Correlated": one("correlated", 1500),
    "Local": one("local", 1500),
}


def tabular(name, budget, width, arms, epochs=15, seeds=5, **change):
    common = {"dense, 1 layer": dense(1), "dense, 2 layers": dense(2), "dense, 1 layer, 2 × epochs": dense(1, times=2)}
    more = {"dense, 1 layer, 2 × parameters": dense(1, size=2), "random": one("random", width)}
    found = {kind.title(): one(kind, width) for kind in arms}
    found |= {f"{kind}, SET": one(kind.lower(), width, policy=MOVES) for kind in ("random", "Weighted")}
    return Experiment(
        {"name": name},
        budget,
        {**TABLE, "epochs": epochs, **change},
        {**common, **more, **found, "scikit-learn, 1 layer": sklearn(1), "logistic regression": logistic},
        seeds,
    )


EXPERIMENTS = {
    "fashion-mnist": Experiment(
        {"name": "fashion-mnist"}, 128_690, AUGMENTED, {**FIRST, **LONGER, **SMALL, **LARGER, **OLD_RATE, **MOVING}
    ),
    "madelon": tabular("madelon", 12_000, 923, ("correlated", "weighted"), epochs=30),
    "cifar10, 20,000 rows": Experiment(
        {"name": "cifar10", "rows": 20_000, "held_out": True}, 128_000, {**PLAIN, "epochs": 5, "lr": 0.05}, CIFAR_ARMS
    ),
    "PCMAC": tabular("PCMAC", 60_000, 200, ("correlated", "weighted")),
    "RELATHE": tabular("RELATHE", 60_000, 200, ("correlated", "weighted")),
    "mnist": Experiment({"name": "mnist", "scaling": "one"}, 128_690, {**AUGMENTED, "epochs": 8}, {**FIRST, **LONGER, **SMALL}),
    "fashion-mnist, plain": Experiment(
        {"name": "fashion-mnist"},
        128_690,
        PLAIN,
        {**FIRST, "dense, 3 layers": dense(3), **LONGER, "torch dense, 3 layers": torch(3), "scikit-learn dense, 3 layers": sklearn(3)},
    ),
    **{f"recipes, {name}": recipes(name) for name in (*CHOSEN_ON, *NEW)},
    **budgets(),
    "rates": Experiment(
        {"name": "fashion-mnist", "rows": 30_000, "held_out": True},
        128_690,
        {**PLAIN, "epochs": 5, "decay": 0.0},
        {"dense, 3 layers": dense(3), "Erdős–Rényi": three("er"), **OLD_RATE},
    ),
    "new connections": Experiment(
        {"name": "fashion-mnist", "rows": 10_000, "held_out": True},
        128_690,
        {"epochs": 40, "lr": 0.01, "decay": 0.0, "batch": 100, "constant": True, "dropout": 0.3, "lr_scale": None},
        {
            "static": three("er"),
            **{f"SET, {new}": three("er", policy=nets.sm.SET(0.3, new=new)) for new in ("zero", "threshold", "initializer")},
        },
    ),
    "cifar10": Experiment({"name": "cifar10"}, 128_000, {**AUGMENTED, "epochs": 8, "lr": 0.05}, CIFAR_ARMS),
    "fashion-mnist, 30 epochs": Experiment(
        {"name": "fashion-mnist"}, 128_690, {**AUGMENTED, "epochs": 30}, {"dense, 3 layers": dense(3), "Local": three("local")}
    ),
    "full dense": Experiment(
        {"name": "fashion-mnist"},
        128_690,
        AUGMENTED,
        {f"full dense, lr {lr}": full(*WIDE, lr=lr) for lr in (0.02, 0.05, 0.1)},
        2,
    ),
    "full dense, PyTorch": Experiment({"name": "fashion-mnist"}, 128_690, PLAIN, {"torch full dense": torch(hidden=WIDE, lr=0.05)}, 1),
}
