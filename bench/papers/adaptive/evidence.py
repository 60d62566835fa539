"""Reading the runs of the adaptive pruning experiment: by arm, which network is kept, means over folds."""

from ..shared.tables import spread
from .settings import ARMS


def grouped(runs):
    """Runs by arm, in their usual order, each list by fold."""
    groups = {}
    for run in sorted(runs, key=lambda r: (list(ARMS).index(r["arm"]), r["fold"])):
        groups.setdefault(run["arm"], []).append(run)
    return groups


def kept(run, drop=None):
    """The record of the network that is kept when the accuracy may fall by `drop` (default: the run's own): the base or a round.

    A static rate's rounds do not depend on the drop, so that a run with a large one tells of a smaller one too. None if not even the
    first record keeps to it: the base of an auxiliary arm may not.
    """
    least = run["base_accuracy"] - (run["settings"][ARMS[run["arm"]].drop] if drop is None else drop) - 1e-6
    found = None
    for record in (run["base"], *run["rounds"]):
        if record["accuracy"] < least:
            break
        found = record
    return found


def failed(run, record):
    """Whether what `kept` found is no result: no record held, or, without an auxiliary layer, only the net before pruning."""
    return record is None or ("round" not in record and not ARMS[run["arm"]].auxiliary)


def means(values, scale=1, digits=0):
    """ "mean ± deviation" of several values, "value" of one, "" of none."""
    return spread(values, scale, digits) if values else ""


def by_fold(group, value):
    """{fold: value of the run} where it is not None."""
    found = {run["fold"]: value(run) for run in group}
    return {fold: v for fold, v in found.items() if v is not None}


def paired(groups, a, b, value, other=None):
    """Differences value(run of arm a) - other(run of arm b), fold by fold; `other` is `value` by default."""
    first, second = by_fold(groups.get(a, ()), value), by_fold(groups.get(b, ()), other or value)
    return [first[fold] - second[fold] for fold in sorted(first.keys() & second.keys())]
