"""Each claim of the paper on pruning at initialization beside what was measured.

Two policies are compared seed by seed: both start from the same dense weights and see the same batches.
"""

import statistics

from ..shared.claims import Claim, Table
from ..shared.statistics import Comparison
from .evidence import by_seed, compared, figure2, lead, pooled, structures
from .settings import DATASETS, FIGURE3_P, SAMPLES, STEPS

WITHIN = 5  # steps that the paper's mask is settled after
LIKE = 0.5  # points: "at least as good"


def tables(results):
    """A table of claims on the net 784-10 for each structure, then one on the nets with hidden layers."""
    found = []
    for evidence in structures(results):
        note = ", the first edition's choice by the test set: no verdict on the paper" if evidence.first_edition else ""
        heads = f"784-10, {evidence.title}{note}", "Measured, points", "Verdict"
        found.append(Table(heads, list(_single_layer(evidence)), of_paper=not evidence.first_edition))
    if not any(not e.first_edition for e in structures(results)):
        heads = "784-10 with outputs and loss chosen on held-out images", "Measured, points", "Verdict"
        found.insert(0, Table(heads, [Claim("All claims on the net 784-10")]))
    nets = figure2(results)
    if nets:
        heads = "Nets with hidden layers", "Measured, points (autoencoder: 1,000 × squared error, above is better)", "Verdict"
        found.append(Table(heads, list(_hidden_layers(nets))))
    return found


def _by_steps(evidence, a, b, arm, base, **options):
    table = evidence.table
    found = [compared(table.get(a), table.get(b), arm, base, _where(evidence, s), at, **options) for at, s in enumerate(STEPS)]
    return tuple(c for part in found for c in part)


def _where(evidence, steps):
    return f"{evidence.structure}, {steps:,} steps"


def _each(text, found, wanted="above", judge=None):
    """A claim whose comparisons are told apart by where they were made."""
    return Claim(text, "; ".join(f"{c.where.split(', ', 1)[-1]}: {c.text()}" for c in found), tuple(found), wanted, judge)


def _single_layer(evidence):
    table = evidence.table
    yield _each("K-starts beats the dense net", _by_steps(evidence, 10, "dense", "k = 10", "dense"))
    yield _catches_up(evidence)
    text = f"k ≈ 10 is at least as good as k ≈ 100: no loss of {LIKE:g} points"
    yield _each(text, _by_steps(evidence, 10, 100, "k = 10", "k = 100", question="no loss", margin=LIKE))
    yield _settles(table)
    yield _each("K-starts is slightly better than one random mask", _by_steps(evidence, 10, "random", "k = 10", "random"))
    yield _spreads(evidence)
    yield _by_images(evidence)
    yield _best_p(evidence)
    yield _poor_p(evidence)


def _catches_up(evidence):
    """The lead over the dense net after 1,000 and after 10,000 steps."""
    table = evidence.table
    if not {10, "dense"} <= set(table):
        return Claim("With more steps the dense net reaches the pruned one")
    leads = []
    for at in (-2, -1):
        a, b = by_seed(table[10], at), by_seed(table["dense"], at)
        leads.append({seed: a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())})
    values = tuple(leads[0][seed] - leads[1][seed] for seed in leads[0])
    arms = f"lead of k = 10 after {STEPS[-2]:,} steps", f"after {STEPS[-1]:,}"
    return Claim(
        "With more steps the dense net reaches the pruned one: the lead shrinks", None, (Comparison(*arms, values, evidence.structure),)
    )


def _settles(table):
    text = f"By magnitude the mask is settled within about {WITHIN} steps"
    last = {k: [t["last_change"] for t in table[k]["trials"]] for k in (10, 50, 100) if k in table}
    if not last:
        return Claim(text)
    measured = "; ".join(f"k = {k}: last change after step {statistics.median(v):g} (median), {max(v)} (latest)" for k, v in last.items())
    seen, total = sum(step <= WITHIN for steps in last.values() for step in steps), sum(map(len, last.values()))
    return Claim(text, measured, judge=lambda family: f"Seen in {seen} of {total} trials")


def _spreads(evidence):
    """The distances of the trials from their median, which are smaller where a method spreads less (Brown and Forsythe, 1974)."""
    text, found = "K-starts spreads less than dense", []
    if {10, "dense"} <= set(evidence.table):
        for at, steps in enumerate(STEPS):
            far = []
            for name in (10, "dense"):
                values = by_seed(evidence.table[name], at)
                middle = statistics.median(values.values())
                far.append({seed: abs(v - middle) for seed, v in values.items()})
            values = tuple(far[0][s] - far[1][s] for s in sorted(far[0].keys() & far[1].keys()))
            found.append(Comparison("distance of k = 10 from its median", "dense's", values, _where(evidence, steps)))
    return _each(f"{text} (mean distance from the median)", found, "below")


def _by_images(evidence):
    """K-starts with p = 0.5 against the dense net, after figure 3's steps, for each number of training images."""
    found = []
    for dataset in DATASETS:
        own = {(r["arm"], r["samples"]): r for r in evidence.part("figure3") if r["dataset"] == dataset}
        for n in SAMPLES:
            where = f"{evidence.structure}, {dataset}, {n:,} images"
            found += compared(own.get(("k-starts p0.5", n)), own.get(("dense", n)), "k = 10", "dense", where)
    return _each("K-starts beats the dense net, whatever the number of images", found)


def _best_p(evidence):
    found = []
    for dataset in DATASETS:
        own = {r["arm"]: r for r in evidence.part("figure3") if r["dataset"] == dataset and r["samples"] == SAMPLES[-1]}
        for p in [p for p in FIGURE3_P if p != 0.5]:
            where = f"{evidence.structure}, {dataset}"
            found += compared(own.get("k-starts p0.5"), own.get(f"k-starts p{p}"), "p = 0.5", f"p = {p}", where)
    return _each("p ≈ 0.5 works best, K-starts, all images", found)


def _poor_p(evidence):
    """Nets of the worst p with every k against k = 10 with p = 0.5."""
    own = {r["arm"]: r for r in evidence.part("k-by-p")}
    good, worst = own.get("k10 p0.5"), FIGURE3_P[-1]
    found = [
        compared(own.get(f"k{k} p{worst}"), good, f"k = {k}, p = {worst}", "k = 10, p = 0.5", evidence.structure) for k in (10, 50, 100)
    ]
    return Claim("A poor p cannot be remedied by K", None, tuple(c for part in found for c in part), "below")


def _hidden_layers(nets):
    names = {key: ", ".join(key) for key in nets}
    arms = {key: {r["arm"]: r for r in runs} for key, runs in nets.items()}
    ps = sorted({arm.split(" p")[1] for own in arms.values() for arm in own if arm.startswith("k-starts")})
    found = []
    for key, own in arms.items():
        pairs = [(own[f"k-starts p{p}"], own[f"random p{p}"]) for p in ps if {f"k-starts p{p}", f"random p{p}"} <= set(own)]
        found += pooled(pairs, "K-starts", "random", f"hidden layers, {names[key]}, mean over p")
    yield _each("K-starts is better than one random mask of the same p", found)
    others = ("random", "k-starts", "dissipating", "displacement")
    found = [c for key, runs in nets.items() for c in lead(runs, "combination", others, f"hidden layers, {names[key]}")]
    yield _each("The combination is the best of the four, at the same sparsity", found)
    others = ("random", "k-starts", "combination")
    found = [c for key, runs in nets.items() for c in lead(runs, "dissipating", others, f"hidden layers, {names[key]}")]
    yield _each("Dissipating gradients best preserves performance, at the same sparsity", found)
    if any(arm.startswith("displacement") for own in arms.values() for arm in own):
        found = [c for key, runs in nets.items() for c in lead(runs, "displacement", ("dissipating",), f"hidden layers, {names[key]}")]
        yield _each("Not in the paper: by displacement (its abstract) better than by gradients (its equations)", found)
    for method in ("random", "combination"):
        found = []
        for p in ("0.3", "0.7"):
            pairs = [
                (own[f"{method} p0.5"], own[f"{method} p{p}"]) for own in arms.values() if {f"{method} p0.5", f"{method} p{p}"} <= set(own)
            ]
            pairs = [pair for pair in pairs if pair[0]["net"] != "autoencoder"]
            found += pooled(pairs, "p = 0.5", f"p = {p}", f"hidden layers, {method}, 784-128-100-10, mean over data sets")
        yield _each(f"p ≈ 0.5 works best, {method}", found)
    found = [
        c
        for key, own in arms.items()
        for c in compared(
            own.get(f"k-starts p{ps[-1]}"), own.get(f"k-starts p{ps[0]}"), f"p = {ps[-1]}", f"p = {ps[0]}", f"falls, {names[key]}"
        )
    ]
    yield _each("Performance falls as sparsity grows, K-starts", found, "below")
