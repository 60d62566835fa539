"""Reading the runs of the experiment on pruning at initialization: the pair that is chosen, columns of table 1, means."""

import statistics

from ..shared.tables import spread
from .settings import PAPER, SCAN


def choose(found):
    """The (deviation, learning rate) whose dense means are nearest the paper's: least mean square over the four rows.

    Parameters
    ----------
    found : dict of (std, lr) to list of float
        Mean accuracies, per cent, after STEPS.
    """
    paper = [mean for mean, _ in PAPER["dense"]]
    return min(found, key=lambda pair: sum((a - b) ** 2 for a, b in zip(found[pair], paper, strict=True)))


def chosen_pair(results):
    """(std, lr) by the scan's runs; None while some are missing."""
    found = {}
    for result in results:
        if result["part"] == "scan":
            found[result["std"], result["lr"]] = means(result)
    return choose(found) if set(found) == set(SCAN) else None


def means(result):
    """Mean performance after each of the run's steps; accuracies in per cent."""
    scale = 1 if result["net"] == "autoencoder" else 100
    return [scale * statistics.mean(column) for column in zip(*(t["performance"] for t in result["trials"]), strict=True)]


def part(results, name):
    """The runs of one part."""
    return [r for r in results if r["part"] == name]


def column(results, pair):
    """{"dense" or k: run} of table 1."""
    dense = [("dense", r) for r in part(results, "scan") if (r["std"], r["lr"]) == pair]
    return dict(dense + [(int(r["arm"][1:]), r) for r in part(results, "table1") if r["arm"][1:].isdigit()])


def cell(result, at=-1):
    """ "mean ± deviation" of a run's trials after its step number `at`: per cent, or 1,000 times the squared error."""
    scale = 1000 if result["net"] == "autoencoder" else 100
    return spread([t["performance"][at] for t in result["trials"]], scale)
