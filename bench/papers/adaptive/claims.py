"""The claims of the adaptive pruning paper, each with what the runs measured and a verdict by rule."""

import statistics

from sparsemlp.reports.energy import nanojoules

from ..shared.statistics import interval
from ..shared.tables import row
from .evidence import by_fold, failed, kept, means, paired
from .settings import BEFORE, SETTINGS


def claims(groups):
    """The lines of the section: one row a claim that has runs to judge it by."""
    rows = [entry for judge in (_base, _rates, _auxiliary, _cost) for entry in judge(groups)]
    if not rows:
        return []
    return [
        "## Claims",
        "",
        row("the paper's claim", "measured here", "verdict"),
        row("---", "---", "---"),
        *(row(*entry) for entry in rows),
        "",
        "Differences are paired by fold: mean ± standard deviation over folds. Verdict by rule: a claim is open unless Student's 95 %",
        "interval of the mean difference leaves out 0. One fold tells nothing.",
        "",
    ]


def verdict(differences, sign):
    """ "agrees", "contradicted" or "open": whether Student's 95 % interval of the mean difference has the sign throughout."""
    if len(differences) < 2:
        return "open: one fold"
    low, high = interval(differences)
    if low <= 0 <= high:
        return "open"
    return "agrees" if low * sign > 0 else "contradicted"


def weights(drop=None):
    """Reader of a run: connections kept at a drop, None if it failed."""

    def read(run):
        record = kept(run, None if drop is None else SETTINGS[drop])
        return None if failed(run, record) else record["connections"]

    return read


def _rounds(run):
    return len([r for r in run["rounds"] if r["held"]])


def _compare(groups, text, a, b, value, sign, *, other=None, scale=1, digits=0, unit=""):
    """A row for "a is smaller (sign -1) or larger (+1) than b", or nothing without runs of both."""
    differences = [scale * d for d in paired(groups, a, b, value, other)]
    if not differences:
        return []
    return [(text, f"{a} − {b}: {means(differences, digits=digits)}{unit}, {_folds(differences)}", verdict(differences, sign))]


def _folds(values):
    return "1 fold" if len(values) == 1 else f"{len(values)} folds"


def _base(groups):
    bases = [run["base"]["test_accuracy"] for run in groups.get("static-0.2", groups.get(BEFORE, ()))]
    if not bases:
        return
    differences = [100 * b - 96.46 for b in bases]
    near = len(bases) > 1 and abs(statistics.mean(differences)) <= 2 * statistics.stdev(differences)
    said = "agrees" if near else f"{'higher' if statistics.mean(differences) > 0 else 'lower'} here"
    yield "Base accuracy 96.46 % (10 folds)", f"{means(bases, 100, 2)} %", said


def _rates(groups):
    small, large = weights("small_drop"), weights("large_drop")
    yield from _compare(groups, "Drop 0.46: adaptive leaves fewer weights than rate 0.2 (5,667, 6,872)", BEFORE, "static-0.2", small, -1)
    yield from _compare(groups, "… and than rate 0.3 (6,302)", BEFORE, "static-0.3", small, -1)
    yield from _compare(groups, "Drop 1.0: rate 0.3 leaves fewer than adaptive (4,290, 4,769)", "static-0.3", "adaptive-1.0", large, -1)
    fails = [failed(run, kept(run, SETTINGS["small_drop"])) for run in groups.get("static-0.4", ())]
    if fails:
        said = "agrees" if all(fails) else "contradicted" if not any(fails) else "in some folds"
        yield "Drop 0.46: rate 0.4 fails", f"failed in {sum(fails)} of {len(fails)} folds", said
    static = _static_rounds(SETTINGS["small_drop"])
    yield from _compare(
        groups,
        "Drop 0.46: adaptive ends after fewer rounds than rate 0.2 (7, 13)",
        BEFORE,
        "static-0.2",
        _rounds,
        -1,
        other=static,
        digits=1,
    )
    for arm in (BEFORE, "adaptive-1.0"):
        changes = [run["rounds"][-1]["rate"] - run["rounds"][0]["rate"] for run in groups.get(arm, ()) if len(run["rounds"]) > 1]
        if changes:
            measured = f"{arm}, last − first: {means(changes, digits=2)}, {_folds(changes)}"
            yield "The adaptive rate rises from round to round", measured, verdict(changes, 1)
    rises = [run["rounds"][-1]["mean_magnitude"] - run["base"]["mean_magnitude"] for run in groups.get("static-0.2", ()) if run["rounds"]]
    if rises:
        yield "The remaining weights grow", f"mean magnitude, last − base: {means(rises, digits=3)}", verdict(rises, 1)


def _static_rounds(drop):
    def read(run):
        record = kept(run, drop)
        return record.get("round", 0) if record else 0

    return read


def _auxiliary(groups):
    small = weights()
    for units, paper in ((20, "5,124"), (40, "4,389"), (60, "4,747")):
        text = f"Auxiliary layer of {units}: fewer weights than adaptive alone ({paper}, 5,667)"
        yield from _compare(groups, text, f"auxiliary-{units}", BEFORE, small, -1)
    for other in (20, 60):
        text = f"40 auxiliary units leave fewer weights than {other}"
        yield from _compare(groups, text, "auxiliary-40", f"auxiliary-{other}", small, -1)
    before, after = by_fold(groups.get(BEFORE, ()), small), by_fold(groups.get("auxiliary-40", ()), small)
    shares = [100 * (1 - after[fold] / before[fold]) for fold in sorted(before.keys() & after.keys())]
    if shares:
        yield (
            "22 % fewer weights than adaptive alone (40 units)",
            f"{means(shares, digits=1)} % fewer",
            verdict([s - 22 for s in shares], 1),
        )
    text = "Not in the paper: the layer does better than the same further pruning without it"
    yield from _compare(groups, text, "auxiliary-40", "again", small, -1)
    text = "Not in the paper: a low-rank start leaves fewer weights than a random one"
    yield from _compare(groups, text, "auxiliary-40-lowrank", "auxiliary-40", small, -1)


def _cost(groups):
    for arm in (BEFORE, "auxiliary-40"):
        drops = []
        bases = {run["fold"]: run["base"]["test_accuracy"] for run in groups.get(BEFORE, ())}
        for run in groups.get(arm, ()):
            record = kept(run)
            if record and run["fold"] in bases:
                drops.append(100 * (bases[run["fold"]] - record["test_accuracy"]))
        if drops:
            measured = f"{arm}: test accuracy falls by {means(drops, digits=2)} points, {_folds(drops)}"
            yield "Less than 0.5 points of accuracy are lost", measured, verdict([d - 0.5 for d in drops], -1)
    costs = [nanojoules(kept(run)["connections"]) for run in groups.get("auxiliary-40", ()) if kept(run)]
    if costs:
        yield (
            "16 nJ an inference (4,389 multiplications of 32 bits)",
            f"{means(costs, digits=1)} nJ",
            verdict([c - 16.24 for c in costs], -1),
        )
