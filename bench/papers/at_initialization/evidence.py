"""Reading the runs of the experiment on pruning at initialization: the setting that is chosen, what belongs to it, differences."""

import statistics

from ..shared.statistics import Comparison
from ..shared.tables import spread
from .settings import DATASETS, NETS, PAPER, SCAN, STRUCTURES

METHODS = ("random", "k-starts", "dissipating", "displacement", "combination")  # of figure 2


def structure_of(run):
    """Output and loss of a run of the net 784-10; runs from before there was a choice had a softmax."""
    return run.get("structure", "softmax")


def choose(found):
    """The setting whose dense means are nearest the paper's: least mean square over the four rows.

    Parameters
    ----------
    found : dict of (structure, std, lr) to list of float
        Mean accuracies, per cent, after STEPS.
    """
    return min(found, key=lambda at: distance(found[at]))


def distance(means):
    """Root mean square of the differences of four means from the paper's dense column, points."""
    return statistics.mean((a - b) ** 2 for a, (b, _) in zip(means, PAPER["dense"], strict=True)) ** 0.5


def chosen(results):
    """(structure, std, lr) by the scan on held-out training images; None while some of its runs are missing."""
    found = {(structure_of(r), r["std"], r["lr"]): means(r) for r in results if r["part"] == "structure"}
    return choose(found) if set(SCAN) <= set(found) else None


def means(result):
    """Mean performance after each of the run's steps; accuracies in per cent."""
    scale = 1 if result["net"] == "autoencoder" else 100
    return [scale * statistics.mean(column) for column in zip(*(t["performance"] for t in result["trials"]), strict=True)]


def part(results, name):
    """The runs of one part."""
    return [r for r in results if r["part"] == name]


class Evidence:
    """The runs of the net 784-10 with one structure.

    Parameters
    ----------
    results : list of dict
    structure : a name in STRUCTURES

    Attributes
    ----------
    at : (std, lr) of table 1, or None
    table : dict
        "dense", "random" or k to run.
    first_edition : bool
        Whether (std, lr) were chosen by the first edition's scan, on the test set.
    """

    def __init__(self, results, structure):
        self.structure = structure
        self.runs = [r for r in results if r.get("net") == "784-10" and structure_of(r) == structure]
        table = part(self.runs, "table1")
        self.at = (table[0]["std"], table[0]["lr"]) if table else None
        self.table = {int(r["arm"][1:]) if r["arm"][1:].isdigit() else r["arm"]: r for r in table}
        old = [r for r in part(self.runs, "scan") if (r["std"], r["lr"]) == self.at]
        self.first_edition = bool(old) and "dense" not in self.table
        if self.first_edition:
            self.table["dense"] = old[0]

    def part(self, name):
        return part(self.runs, name)

    @property
    def title(self):
        """The setting in words."""
        std, lr = self.at
        output, loss = STRUCTURES[self.structure]
        return f"{output} outputs, {loss or 'cross_entropy'}, deviation {std:g}, learning rate {lr:g}"


def structures(results):
    """`Evidence` of each structure that table 1 was made with, the chosen one first."""
    found = [Evidence(results, structure) for structure in STRUCTURES]
    return sorted((e for e in found if e.at), key=lambda e: e.first_edition)


def figure2(results):
    """{(net, dataset): runs} of figure 2, the longest ones that have a dense net to compare with."""
    found = {}
    for net in NETS:
        for dataset in DATASETS:
            own = [r for r in part(results, "figure2") if (r["net"], r["dataset"]) == (net, dataset)]
            longest = max((r["steps"][0] for r in own if r["arm"] == "dense"), default=None)
            if longest is not None:
                found[net, dataset] = [r for r in own if r["steps"][0] == longest]
    return found


def by_seed(run, at=-1):
    """{seed: performance where more is better}: points, or minus 1,000 times the squared error."""
    sign = -1000 if run["net"] == "autoencoder" else 100
    return {t["seed"]: sign * t["performance"][at] for t in run["trials"]}


def compared(a, b, arm, base, where, at=-1, **options):
    """The comparison of two runs' trials as a tuple; empty if one is missing or no seed has both."""
    return pooled([(a, b)] if a and b else [], arm, base, where, at, **options)


def pooled(pairs, arm, base, where, at=-1, **options):
    """The comparison of several pairs of runs: the mean over the pairs, seed by seed."""
    found = []
    for a, b in pairs:
        first, second = by_seed(a, at), by_seed(b, at)
        found.append({seed: first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())})
    seeds = sorted(set.intersection(*map(set, found))) if found else ()
    values = tuple(statistics.mean(f[s] for f in found) for s in seeds)
    return (Comparison(arm, base, values, where, **options),) if values else ()


def lead(runs, method, others, where, **options):
    """How far a method of figure 2 is above the best of others at the same sparsity, seed by seed, the mean over its points.

    A seed's performance between two points of a method is taken from the line through them; the best is the one with the best mean.
    """
    curves = {}
    for r in runs:
        if (name := r["arm"].split()[0]) in METHODS:
            for t in r["trials"]:
                value = by_seed({"net": r["net"], "trials": [t]})[t["seed"]]
                curves.setdefault(name, {}).setdefault(t["seed"], []).append((t["sparsity"], value))
    curves = {name: {seed: sorted(points) for seed, points in own.items()} for name, own in curves.items()}
    gaps = {}
    for seed, points in curves.get(method, {}).items():
        for x, y in points:
            there = [interpolated(curves[o][seed], x) for o in others if seed in curves.get(o, {})]
            there = [v for v in there if v is not None]
            if there:
                gaps.setdefault(seed, []).append(y - max(there))
    values = tuple(statistics.mean(gaps[seed]) for seed in sorted(gaps))
    return (Comparison(method, "the best of the others", values, where, **options),) if values else ()


def interpolated(points, x):
    """The value at x on the line through points, None outside of them; points: [(x, y)], ascending."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if x0 <= x <= x1:
            return y0 + (y1 - y0) * ((x - x0) / (x1 - x0) if x1 > x0 else 0)
    return None


def cell(result, at=-1):
    """ "mean ± deviation" of a run's trials after its step number `at`: per cent, or 1,000 times the squared error."""
    scale = 1000 if result["net"] == "autoencoder" else 100
    return spread([t["performance"][at] for t in result["trials"]], scale)
