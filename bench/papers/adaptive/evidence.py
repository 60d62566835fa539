"""Reading the runs of the adaptive pruning experiment: by arm, which network is kept, what counts for a fold that failed."""

import statistics

from ..shared.statistics import Comparison
from ..shared.tables import spread
from .settings import ARMS, SETTINGS, TRIALS, named


def grouped(runs):
    """Runs by arm, in their usual order, each list by fold."""
    order = list(ARMS)
    groups = {}
    for run in sorted(runs, key=lambda r: (order.index(r["arm"]), r["fold"])):
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


def outcomes(groups, arm, drop=None):
    """{fold: record} of the networks that an arm leaves; where it failed, of the network that it started from, which one then keeps.

    Parameters
    ----------
    groups : dict
    arm : str
    drop : {"small_drop", "large_drop"}, optional
        Default: the arm's own.
    """
    found = {}
    for run in groups.get(arm, ()):
        record = kept(run, None if drop is None else SETTINGS[drop])
        if failed(run, record):
            before = ARMS[arm].before
            record = outcomes(groups, before).get(run["fold"]) if before else run["base"]
        if record is not None:
            found[run["fold"]] = record
    return found


def n_failed(groups, arm, drop=None):
    """How many folds of an arm failed."""
    drop = None if drop is None else SETTINGS[drop]
    return sum(failed(run, kept(run, drop)) for run in groups.get(arm, ()))


def chosen_trial(groups):
    """The trial drop that leaves the fewest weights at the small allowed drop, by validation data alone; None while folds are missing."""
    counts = {}
    for trial in TRIALS:
        found = outcomes(groups, named("adaptive-0.46", trial))
        if len(found) < SETTINGS["folds"]:
            return None
        counts[trial] = statistics.mean(record["connections"] for record in found.values())
    return min(counts, key=counts.get)


def compared(groups, arm, base, value, drops=(None, None), where="", **options):
    """The comparison of two arms by a number of the networks that they leave, fold by fold, as a tuple; empty if no fold has both."""
    a, b = (outcomes(groups, name, drop) for name, drop in zip((arm, base), drops, strict=True))
    values = tuple(value(a[fold]) - value(b[fold]) for fold in sorted(a.keys() & b.keys()))
    return (Comparison(arm, base, values, where, **options),) if values else ()


def against(records, value, number, arm, base, where="", **options):
    """The comparison of a number of several records with a constant, as a tuple; empty if there are no records."""
    values = tuple(value(record) - number for record in records)
    return (Comparison(arm, base, values, where, **options),) if values else ()


def means(values, scale=1, digits=0):
    """ "mean ± deviation" of several values, "value" of one, "" of none."""
    return spread(values, scale, digits) if values else ""
