"""Reading the runs of the experiment on annealed pruning: groups, the accuracy that arms are compared by, differences."""

from ..shared.statistics import Comparison, settled
from .settings import ARMS, POST, SAMPLES


def grouped(runs):
    """Runs by (samples, arm, epochs), each list by seed, in the usual order."""
    order = [(s, a) for s in SAMPLES for a in ARMS]
    groups = {}
    for run in sorted(runs, key=lambda r: (order.index((r["samples"], r["arm"])), r["epochs"], r["seed"])):
        groups.setdefault((run["samples"], run["arm"], run["epochs"]), []).append(run)
    return groups


def accuracy(run):
    """Mean test accuracy of the epochs after the mask has become permanent, the last three: arms are compared by it."""
    return settled(run["by_epoch"]["test_accuracy_before_change"], POST)


def compared(groups, samples, arm, base, **options):
    """The comparison of two arms, in points, of the seeds that both have, as a tuple; empty if there are none."""
    found = []
    for epochs in sorted({e for _, _, e in groups}):
        a, b = ({r["seed"]: accuracy(r) for r in groups.get((samples, x, epochs), ())} for x in (arm, base))
        found += [100 * (a[s] - b[s]) for s in sorted(a.keys() & b.keys())]
    return (Comparison(arm, base, tuple(found), samples, **options),) if found else ()


def change(groups, samples, arm, since):
    """How much an arm's accuracy changes from the end of an epoch (from 1) to the last ones, as `compared`."""
    runs = [run for (s, a, epochs), group in groups.items() if (s, a) == (samples, arm) and epochs > since for run in group]
    values = [100 * (accuracy(run) - run["by_epoch"]["test_accuracy_before_change"][since - 1]) for run in runs]
    return (Comparison(f"{arm}, end", f"epoch {since}", tuple(values), samples),) if values else ()


def cut(groups, samples, arm):
    """(seed by seed the accuracy right before the mask becomes permanent, right after it) and the fall as `compared`."""
    runs = [run for (s, a, _), group in groups.items() if (s, a) == (samples, arm) for run in group]
    before, after = (
        [100 * r["by_epoch"][n][r["epochs"] - POST - 1] for r in runs] for n in ("test_accuracy_before_change", "test_accuracy")
    )
    found = tuple(a - b for a, b in zip(after, before, strict=True))
    return before, after, (Comparison(f"{arm} after the cut", "before it", found, samples),) if found else ()
