"""Pruning against structurally sparse nets: one-time and iterative pruning, retraining, RadiX-Nets and random expanders on MNIST.

Alford, "Training sparse neural networks", slides of 2018: LeNet-300-100 at 0 to 99 % sparsity. The slides give no optimizer, batch,
initialization or length of training: here it is SGD with momentum 0.9, batches of 100, pixels / 255, He's initialization, and the
smallest learning rate of a scan whose held-out accuracy of the dense net is within 0.1 points of the best. The output layer stays
dense in every net, as in the slides' RadiX-Nets, so that nets of one sparsity have equally many connections; sparsity is that of the
two hidden layers.
"""

import pathlib
import time
from dataclasses import asdict, dataclass

import numpy as np

from .. import datasets
from ..checkpoint import load, save
from ..engine.threads import set_num_threads
from ..environment import machine
from ..errors import NonFiniteError
from ..models.mlp import MLP
from ..optimizers import SGD
from ..policies import IterativePruning, OneTimePruning, Static
from ..procedures import prune, restart
from ..randomness import stream
from ..schedules import CubicSparsity
from ..topology import Dense, RadixNet, RandomExpander
from ..training.callbacks import Callback
from ..training.trainer import Trainer
from . import runs

SIZES = [784, 300, 100, 10]
HIDDEN = (0, 1)  # the layers that are sparse
SPARSITIES = (0.5, 0.75, 0.9, 0.95, 0.99)
BATCH, MOMENTUM, LR = 100, 0.9, 0.03
HIGHER = 4  # times LR
SCAN = (0.01, 0.03, 0.1)
SCAN_EPOCHS = 4
BEGIN, END = 1, 0.8  # iterative pruning: first epoch, and the fraction of the run where the last connection goes
EVERY = 100  # steps
HELD_OUT = 5000
CHANCE = 0.1  # what a net counts as whose loss became infinite
SPLIT_SEED = 0
DIGITS = 6

# RadiX-Nets by the sparsity nearest to theirs: (N, B). 784 inputs are padded to the first width.
SAME_SIZE = {  # widths 800-300-100; no RadiX-Net of these widths is sparser than the last
    0.5: ((2, 2), (200, 75, 25)),
    0.75: ((5, 4), (40, 15, 5)),
    0.9: ((10, 10), (8, 3, 1)),
    0.94: ((4, 25), (8, 3, 1)),
}
SAME_CONNECTIONS = {  # about as many connections as LeNet-300-100 at 90 %, 26,520 in the hidden layers
    0.5: ((2, 2), (196, 16, 5)),
    0.75: ((4, 4), (49, 8, 3)),
    0.9: ((10, 10), (8, 3, 1)),
    0.95: ((20, 20), (2, 1, 1)),
}
SMALL_DENSE = (33, 11)
PARTS = ("scan", "dense", "one-time", "structures", "connections", "iterative", "frequency", "retrain")


@dataclass(frozen=True)
class Setting:
    """One run.

    Attributes
    ----------
    part : one of PARTS
    arm : str
        "dense"; "one-time"; "prune-retrain"; "iterative"; "radix"; "random"; "one-time/original" and the like: where the topology
        was found, and the weights.
    sparsity : float
        Asked for; the run's file says what came out.
    lr : float
    every : int or None
        Steps between two prunings; None: epochs.
    seed, epochs : int
    """

    part: str
    arm: str
    sparsity: float
    lr: float
    every: int | None
    seed: int
    epochs: int

    @property
    def name(self):
        """The file's, without suffix."""
        arm = self.arm.replace("/", "-")
        every = "" if self.part != "frequency" else f"_every-{self.every or 'epoch'}"
        return f"{self.part}_{arm}_{100 * self.sparsity:.0f}percent_lr{self.lr:g}{every}_seed{self.seed}_{self.epochs}epochs"


def settings(parts, seeds, epochs):
    """All runs of these parts: seeds come before arms, so that a sweep cut short has whole comparisons."""
    found = []
    for part in parts:
        if part == "scan":
            found += [Setting("scan", "dense", 0.0, lr, None, 0, SCAN_EPOCHS) for lr in SCAN]
            continue
        found += [Setting(part, *rest, seed, epochs) for seed in seeds for rest in _arms(part)]
    return found


def _arms(part):
    """(arm, sparsity, lr, every) of a part."""
    plain = LR, None
    if part == "dense":
        return [("dense", 0.0, *plain)]
    if part == "one-time":
        return [("one-time", s, *plain) for s in SPARSITIES]
    if part == "structures":
        return [
            *((arm, s, *plain) for s in SAME_SIZE for arm in ("radix", "random")),
            *(("expander", s, *plain) for s in SPARSITIES[-2:]),
        ]
    if part == "connections":
        others = [s for s in SAME_CONNECTIONS if s not in SAME_SIZE or SAME_SIZE[s] != SAME_CONNECTIONS[s]]
        return [("dense", 0.0, *plain), *((arm, s, *plain) for s in others for arm in ("radix", "random"))]
    if part == "iterative":
        return [(arm, s, LR, EVERY) for s in SPARSITIES for arm in ("iterative", "prune-retrain")]
    if part == "frequency":
        return [("iterative", s, LR, every) for s in SPARSITIES[-2:] for every in (10, None)]
    return [
        (f"{found}/{weights}", s, lr, None)
        for s in SPARSITIES[2:]
        for found in ("one-time", "iterative")
        for weights in ("original", "new")
        for lr in (LR, HIGHER * LR)
    ]


def load_data():
    """MNIST / 255: (X, y) to train on, (X, y) held out, (X, y) to test."""
    X, y, X_test, y_test = datasets.load("mnist")
    order = stream(SPLIT_SEED, "split").permutation(len(X))
    held_out, kept = np.sort(order[:HELD_OUT]), np.sort(order[HELD_OUT:])
    scaled = [np.asarray(part / 255, np.float32) for part in (X[kept], X[held_out], X_test)]
    return tuple(zip(scaled, (y[kept], y[held_out], y_test), strict=True))


class Watch(Callback):
    """Test accuracy after each epoch, for the figures, and the threshold of the pruning before it; nothing is chosen by them."""

    def __init__(self, X, y):
        self.data, self.accuracies, self.thresholds = (X, y), [], []

    def on_epoch_end(self, trainer, record):
        self.accuracies.append(trainer.network.evaluate(*self.data)["accuracy"])
        self.thresholds.append([(state or {}).get("threshold", 0.0) for state in trainer.policy_states])


def topology(setting):
    """(sizes, topology) that a net starts from."""
    if setting.arm in ("dense", "iterative", "prune-retrain"):
        return ([784, *SMALL_DENSE, 10] if setting.part == "connections" else SIZES), Dense()
    if setting.arm == "expander":
        hidden = RandomExpander(density=1 - setting.sparsity)
        return SIZES, [hidden, hidden, Dense()]
    net = RadixNet(*(SAME_CONNECTIONS if setting.part == "connections" else SAME_SIZE)[setting.sparsity])
    hidden = net if setting.arm == "radix" else net.random_equivalent()
    return [784, *net.widths[1:], 10], [*hidden, Dense()]


def policy(setting):
    """What changes the topology during the run."""
    if setting.arm == "iterative":
        s = CubicSparsity(0.0, setting.sparsity, begin=BEGIN, end=max(BEGIN + 1, round(END * setting.epochs)))
        return IterativePruning(s, every=setting.every, layers=HIDDEN)
    if setting.arm == "prune-retrain":
        return OneTimePruning(setting.sparsity, after=max(1, setting.epochs // 2), layers=HIDDEN)
    return Static()


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
    trainer = Trainer(net, optimizer=SGD(lr=setting.lr, momentum=MOMENTUM), policy=policy(setting), callbacks=[watch])
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


def add_arguments(parser):
    """The command's arguments."""
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=10, help="length of each run; s(t) stretches over it")
    parser.add_argument("--threads", type=int, help="default: every usable CPU")
    parser.add_argument("--out", default="results/structured", help="folder of the runs' JSON files, figures and summary")
    parser.add_argument("--work", help="folder of trained nets that other runs start from; default: OUT/work")
    parser.add_argument("--timing", action="store_true", help="also time a step and a prediction of every structure, in turn")
    parser.add_argument("--report", action="store_true", help="train and time nothing; draw figures and summary of what is there")


def main(args):
    """Train what is missing, time if asked, then report."""
    work = args.work or pathlib.Path(args.out) / "work"
    if not args.report:
        set_num_threads(args.threads)
        data = load_data()
        named = [(s.name, {"setting": s, "work": work, "data": data}) for s in settings(args.parts, args.seeds, args.epochs)]
        runs.sweep(args.out, named, train)
        if args.timing:
            from .structured_timing import measure

            measure(pathlib.Path(args.out) / "timing.json", work, data, args.epochs)
    from .structured_report import report

    report(args.out)
