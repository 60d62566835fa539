"""Reading the runs of the experiment on structured nets: groups, the accuracy that arms are compared by, differences."""

import statistics

from ..shared.statistics import Comparison, settled
from .settings import CHANCE, LR, PARTS


def grouped(runs):
    """Runs by (part, arm, sparsity, lr, every), each list by seed, in the order of the parts."""
    groups = {}
    for run in sorted(runs, key=lambda r: (PARTS.index(r["part"]), r["sparsity"], r["arm"], r["lr"], r["seed"])):
        groups.setdefault((run["part"], run["arm"], run["sparsity"], run["lr"], run["every"]), []).append(run)
    return groups


def accuracy(run):
    """Test accuracy that a run is compared by: the mean of its last epochs; chance if its loss became infinite."""
    if run.get("diverged"):
        return CHANCE
    return settled(run["by_epoch"]["test_accuracy"]) if "by_epoch" in run else run["test_accuracy_last"]


def group(groups, part, arm, sparsity, lr=LR, every=None):
    """The runs of a setting; empty if there are none."""
    return groups.get((part, arm, sparsity, lr, every), ())


def differences(a, b):
    """Points a - b by seed, of the seeds that both groups have."""
    first, second = ({run["seed"]: accuracy(run) for run in runs} for runs in (a, b))
    return {seed: 100 * (first[seed] - second[seed]) for seed in sorted(first.keys() & second.keys())}


def compared(a, b, arm, base, where, **options):
    """The comparison of two groups of runs as a tuple; empty if no seed has both."""
    found = differences(a, b)
    return (Comparison(arm, base, tuple(found.values()), where, **options),) if found else ()


def pooled(pairs, arm, base, where, **options):
    """The comparison of several pairs of groups: the mean over the pairs, seed by seed."""
    found = [differences(a, b) for a, b in pairs]
    seeds = sorted(set.intersection(*map(set, found))) if found else ()
    return (Comparison(arm, base, tuple(statistics.mean(f[s] for f in found) for s in seeds), where, **options),) if seeds else ()
