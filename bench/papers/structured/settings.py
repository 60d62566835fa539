"""Nets, sparsities, parts and runs of the experiment on structured nets."""

from dataclasses import dataclass

from sparsemlp import CubicSparsity, Dense, IterativePruning, OneTimePruning, RadixNet, RandomExpander, Static

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
        """What the run is found by."""
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
