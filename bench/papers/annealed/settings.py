"""Net, data, arms and runs of the experiment on annealed pruning."""

from dataclasses import dataclass

from sparsemlp import FSA, AnnealedPruning, OneTimePruning, Static

SIZES = [784, 512, 10]
LAYER = 0  # the one that is pruned
KEEP, DROPOUT, FIRST, POST = 0.1, 0.25, 3, 3
BATCH, LR = 100, 0.001
SAMPLES = {"all": None, "small": 10_000}
HELD_OUT = 5000
SPLIT_SEED = 0
DIGITS = 6
ARMS = {  # the paper's four, then the two algorithms that it stands on
    "none": Static(),
    "dropout": Static(),
    "largest": AnnealedPruning(LAYER, KEEP, first=FIRST, post=POST),
    "smallest": AnnealedPruning(LAYER, KEEP, first=FIRST, post=POST, target="smallest"),
    "fsa": FSA(KEEP, layers=(LAYER,)),
    "train-prune-retrain": None,  # after half of the epochs
    # what the paper leaves to later work: removal at once and for good, and both regularizers together
    "largest-permanent": AnnealedPruning(LAYER, KEEP, first=FIRST, post=POST, permanent=True),
    "smallest-permanent": AnnealedPruning(LAYER, KEEP, first=FIRST, post=POST, target="smallest", permanent=True),
    "smallest-dropout": AnnealedPruning(LAYER, KEEP, first=FIRST, post=POST, target="smallest"),
}
PAPER_ARMS = ("none", "dropout", "largest", "smallest")


@dataclass(frozen=True)
class Setting:
    """One run.

    Attributes
    ----------
    samples : {"all", "small"}
        Training images: 55,000 or 10,000, drawn once.
    arm : a name in ARMS
    seed, epochs : int
    """

    samples: str
    arm: str
    seed: int
    epochs: int

    @property
    def name(self):
        """What the run is found by."""
        return f"{self.samples}_{self.arm}_seed{self.seed}_{self.epochs}epochs"


def policy(setting):
    """What changes the topology during the run."""
    if setting.arm == "train-prune-retrain":
        return OneTimePruning(1 - KEEP, after=max(1, setting.epochs // 2), layers=(LAYER,))
    return ARMS[setting.arm]
