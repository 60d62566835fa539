"""What the claims on dynamic pruning rates are judged by: the runs of one start, times and bytes of each net."""

import statistics

from ..shared.statistics import Comparison, n_seeds, settled
from .settings import NETS
from .times import totals

BOUND = ("ldv", "osv")  # zeta depends on the length of the run
REACHED = (0.85, 0.87, 0.88)  # test accuracies that "converging" is timed to
PAPER_EPOCHS = 500


class Evidence:
    """What the claims are judged by.

    Parameters
    ----------
    runs : list of dict
        As `run.train` returns them; those of other starts are left out.
    start : a name in STARTS
    times : dict
        Net to what `times.measure` returned.
    memory : dict
        Net to arm to bytes, as `memory.measure` returned it.
    """

    def __init__(self, runs, start, times, memory):
        self.start, self.times, self.memory = start, times, memory
        self.runs = [run for run in runs if start_of(run) == start]
        self.nets = [net for net in NETS if any(run["net"] == net for run in self.runs)]

    def longest(self, net, arm):
        """The longest run of each seed of an arm: {seed: run}."""
        own = [run for run in self.runs if run["net"] == net and run["arm"] == arm]
        return {run["seed"]: run for run in sorted(own, key=lambda r: r["epochs"])}

    def compared(self, net, arm, base, **options):
        """Comparison of the settled accuracies, in points, of the epochs that both arms have; None if no seed has both.

        Runs of different lengths are compared after the last epoch of the shorter one, but LDV and OSV with runs of their length only.
        `options` are those of `Comparison`.
        """
        a, b = self.longest(net, arm), self.longest(net, base)
        seeds = sorted(a.keys() & b.keys())
        lengths = {run["epochs"] for s in seeds for run in (a[s], b[s])}
        if not seeds or (len(lengths) > 1 and {arm, base} & set(BOUND)):
            return None
        epoch = min(lengths)
        values = tuple(100 * (value_at(a[s], epoch) - value_at(b[s], epoch)) for s in seeds)
        return Comparison(arm, base, values, f"{self.start} start, {net}, {epoch} epochs", **options)

    def pairs(self, nets, pairs, **options):
        """All comparisons of pairs of arms in some nets that have runs."""
        return tuple(c for net in nets for arm, base in pairs if (c := self.compared(net, arm, base, **options)))

    def epoch_seconds(self, net):
        """Median seconds of an epoch, change included, by arm."""
        arms = self.times.get(net, {}).get("arms", {})
        return {arm: statistics.median(totals(t)) for arm, t in arms.items()}

    def first_epochs(self, net, arm, threshold):
        """{seed: first epoch, from 1, whose test accuracy is at least the threshold, or None if none is} of the longest runs."""
        curves = {seed: run["by_epoch"]["test_accuracy"] for seed, run in self.longest(net, arm).items()}
        return {seed: next((e for e, a in enumerate(curve, 1) if a >= threshold), None) for seed, curve in curves.items()}


def start_of(run):
    """The start of a run; runs from before there was a choice had ours."""
    return run.get("start", "ours")


def value_at(run, epoch):
    """The settled test accuracy of a run's first epochs."""
    return settled(run["by_epoch"]["test_accuracy"][:epoch])


def in_words(comparisons):
    """Lines of a table's cell: a line for each net, number of epochs and of seeds."""
    scales = dict.fromkeys((c.where, len(c.values)) for c in comparisons)
    lines = []
    for where, n in scales:
        words = "; ".join(c.text() for c in comparisons if (c.where, len(c.values)) == (where, n))
        lines.append(f"{where.split(', ', 1)[1]}, {n_seeds(n)}: {words}")
    return lines
