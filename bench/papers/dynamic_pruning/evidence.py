"""What the dynamic pruning paper's claims are judged by: runs and times of each net, differences in words, one word for several."""

import statistics

from ..shared.statistics import ENOUGH, difference, last, longest, n_seeds
from ..shared.tables import spread
from .settings import NETS
from .times import totals

BOUND = ("ldv", "osv")  # zeta depends on the length of the run
REACHED = 0.85  # test accuracy that "converging" is timed to


class Evidence:
    """What the claims are judged by.

    Parameters
    ----------
    runs : list of dict
        As `dynamic_pruning.train` returns them.
    times : dict
        Net to what `dynamic_pruning_times.measure` returned.
    """

    def __init__(self, runs, times):
        self.runs, self.times = list(runs), times
        self.nets = [net for net in NETS if any(run["net"] == net for run in self.runs)]

    def of(self, net):
        return [run for run in self.runs if run["net"] == net]

    def difference(self, net, arm, base):
        return difference(self.of(net), arm, base, BOUND)

    def final(self, net, arm):
        """(accuracies after the last epoch in per cent, epochs) of an arm's longest runs, or None."""
        found = longest(self.of(net), arm).values()
        return ([100 * last(run, run["epochs"]) for run in found], max(run["epochs"] for run in found)) if found else None

    def epoch_seconds(self, net):
        """Median seconds of an epoch, change included, by arm."""
        arms = self.times.get(net, {}).get("arms", {})
        return {arm: statistics.median(totals(t)) for arm, t in arms.items()}

    def first_epoch(self, net, arm, threshold=REACHED):
        """Mean over the seeds of the first epoch (from 1) whose test accuracy is at least the threshold; None if one has none."""
        curves = [run["by_epoch"]["test_accuracy"] for run in longest(self.of(net), arm).values()]
        firsts = [next((e for e, a in enumerate(curve, 1) if a >= threshold), None) for curve in curves]
        return statistics.mean(firsts) if firsts and None not in firsts else None


def described(d):
    """A difference in words: points after the last shared epoch, and in brackets the steadier mean of ten epochs."""
    return f"{d.arm} − {d.base} {spread(d.last, scale=1, sign='+')} [{statistics.mean(d.settled):+.2f}]"


def overall(verdicts, wanted="above"):
    """One word for several differences of which the paper says that all are `wanted`, then what it rests on.

    Examples
    --------
    >>> overall(["above", "not told apart"])
    '**Not seen**: 1 of 2 comparisons point that way, 1 of them beyond chance'
    """
    if not verdicts:
        return "Open: not run"
    other = {"above": "below", "below": "above"}[wanted]
    leans = [v.split(": ")[-1] for v in verdicts]
    sure_for, sure_against = verdicts.count(wanted), verdicts.count(other)
    n = len(verdicts)
    few = sum(": " in v for v in verdicts)
    if sure_for == n:
        word = "Holds"
    elif sure_against:
        word = "Does not hold"
    elif leans.count(wanted) == n:
        word = "Agrees, but not proven"
    elif leans.count(other) == n:
        word = "Contradicted, but not proven"
    else:
        word = "Not seen"
    text = f"**{word}**: {leans.count(wanted)} of {n} comparisons point that way, {sure_for} of them beyond chance"
    if sure_against:
        text += f"; {sure_against} beyond chance against it"
    if few:
        text += f"; {few} of the {n} rest on fewer than {ENOUGH} seeds"
    return text


def compared(evidence, nets, pairs, wanted="above"):
    """(measured, verdict) of a claim that in all these nets the first of each pair is above (below) the second."""
    found = {net: [d for pair in pairs if (d := evidence.difference(net, *pair))] for net in nets}
    measured = [line for net in nets for line in lines_by_scale(net, found[net])]
    return measured, overall([d.verdict() for net in nets for d in found[net]], wanted)


def lines_by_scale(net, differences):
    """A line for each number of epochs and seeds: "net after 40 epochs, 1 seed: …"."""
    scales = dict.fromkeys((d.epoch, len(d.seeds)) for d in differences)
    lines = []
    for epoch, n in scales:
        words = "; ".join(described(d) for d in differences if (d.epoch, len(d.seeds)) == (epoch, n))
        lines.append(f"{net} after {epoch} epochs, {n_seeds(n)}: {words}")
    return lines
