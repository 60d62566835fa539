"""Tables and figures of the paper on pruning at initialization, and a verdict on each of its claims, from the runs that are there."""

import pathlib
import statistics

from sparsemlp.files import write_text

from ..shared.claims import section
from ..shared.runs import load_runs
from ..shared.tables import commits, machines, row, spread
from .claims import tables
from .evidence import cell, chosen, distance, figure2, means, part, structure_of, structures
from .figures import figures
from .settings import (
    BATCH,
    DATASETS,
    IMAGES,
    PAPER,
    SCAN,
    STEPS,
    figure2_settings,
    figure3_settings,
    fitness_settings,
    k_by_p_settings,
    scan_settings,
    table_settings,
)


def report(folder):
    """Write README.md (tables, verdicts) and PNG figures beside the runs."""
    folder = pathlib.Path(folder)
    results = list(load_runs(folder).values())
    runs = [r for r in results if r["part"] != "mean-image"]
    if not runs:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    errors = next((r["errors"] for r in results if r["part"] == "mean-image"), {})
    at = chosen(runs)
    lines = [*_head(runs, at), "## The paper's claims", "", *section(tables(runs)), *_scan(runs, at), *_old_scan(runs)]
    for evidence in structures(runs):
        lines += [f"## 784-10, {evidence.title}", ""]
        for make in (_table_1, _settled, _zeros, _fitness, _k_by_p, _figure_3):
            lines += make(evidence)
    lines += _figure_2(runs, errors)
    for title, file in figures(folder, runs, errors):
        lines += [f"![{title}]({file})", ""]
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")


def judged(found):
    """The tables of claims of what `load_runs` returned."""
    return tables([r for r in found.values() if r["part"] != "mean-image"])


def _head(results, at):
    trials = sum(len(r["trials"]) for r in results)
    return [
        "# Pruning at initialization, re-run",
        "",
        "Written by `python -m bench.papers.at_initialization --report`; do not edit. A line of runs.jsonl holds one setting with all its",
        f"trials. {len(results)} settings, {trials} trained nets, on a machine that had other work.",
        f"{machines(results)}; commit {commits(results)}.",
        "",
        "Test accuracy in per cent, mean ± standard deviation over the trials; p is the fraction of the connections removed. Pixels / 255,",
        'batches of 100, Adam. The paper gives no output, loss, initial weights or learning rate of the net 784-10, only "sigmoid',
        "activation\": those whose *dense* net comes closest to the paper's dense column on held-out training images are used for every",
        "column. The first edition of this page scanned softmax with cross-entropy only, on the test set, and judged the paper by that.",
        "",
        *_missing(results, at),
    ]


def _missing(results, at):
    """What the whole experiment has and this folder has not."""
    there = {(r["part"], r["net"], r["dataset"], r["arm"], r["samples"], structure_of(r)) for r in results}
    wanted = [*scan_settings(), *figure2_settings(1)]
    if at is not None:
        wanted += [s for make in (table_settings, fitness_settings, k_by_p_settings, figure3_settings) for s in make(*at)]
    groups = {}
    for s in wanted:
        group = groups.setdefault((s.part, s.net, s.dataset), [0, 0])
        group[0] += (s.part, s.net, s.dataset, s.arm, s.samples, s.structure) not in there
        group[1] += 1
    lines = [f"- {part}, {net} on {dataset}: {n} of {total} settings" for (part, net, dataset), (n, total) in groups.items() if n]
    lines += ["- everything else on the net 784-10, in the setting that the scan will choose"] if at is None else []
    return ["**Not run yet:**", "", *lines, ""] if lines else []


def _scan(results, at):
    runs = {(structure_of(r), r["std"], r["lr"]): r for r in part(results, "structure")}
    if not runs:
        return []
    lines = ["## The scan: dense 784-10 on MNIST, accuracy on held-out training images", ""]
    lines += [row("outputs and loss", "initial deviation", "learning rate", *(f"{s:,} steps" for s in STEPS), "distance")]
    lines += [row("---", *["---:"] * (3 + len(STEPS)))]
    for key in SCAN:
        if key in runs:
            mark = " (chosen)" if key == at else ""
            cells = (cell(runs[key], k) for k in range(len(STEPS)))
            lines.append(row(key[0], f"{key[1]:g}", f"{key[2]:g}", *cells, f"{distance(means(runs[key])):.1f}{mark}"))
    return [*lines, _paper_row("?", "?", "?"), "", *_about_distance()]


def _old_scan(results):
    """The first edition's scan, by the test set."""
    runs = {(r["std"], r["lr"]): r for r in part(results, "scan")}
    if not runs:
        return []
    best = min(runs, key=lambda key: distance(means(runs[key])))
    lines = ["## The first edition's scan: softmax and cross-entropy, accuracy on the test set", ""]
    lines += [row("initial deviation", "learning rate", *(f"{s:,} steps" for s in STEPS), "distance"), row(*["---:"] * (3 + len(STEPS)))]
    for (std, lr), run in sorted(runs.items()):
        mark = " (chosen then)" if (std, lr) == best else ""
        cells = (cell(run, k) for k in range(len(STEPS)))
        lines.append(row(f"{std:g}", f"{lr:g}", *cells, f"{distance(means(run)):.1f}{mark}"))
    return [*lines, _paper_row("?", "?"), "", *_about_distance()]


def _paper_row(*cells):
    return row("the paper", *cells[1:], *(f"{m:.2f} ± {s:.2f}" for m, s in PAPER["dense"]), "")


def _about_distance():
    return ["Distance: root mean square, in points, of the four means from the paper's.", ""]


def _table_1(evidence):
    runs = evidence.table
    n = min(len(r["trials"]) for r in runs.values())
    lines = [f"### Table 1: MNIST, p = 0.5, {n} trials", ""]
    lines += [row("steps", "", "dense", *(f"k = {k}" for k in PAPER if k != "dense"), "random"), row("---:", "---", *["---:"] * 6)]
    for at, steps in enumerate(STEPS):
        ours = [cell(runs[k], at) if k in runs else "" for k in (*PAPER, "random")]
        lines.append(row(f"{steps:,}", "here", *ours))
        lines.append(row("", "paper", *(f"{PAPER[k][at][0]:.2f} ± {PAPER[k][at][1]:.2f}" for k in PAPER), ""))
    far = {k: statistics.mean((a - b) ** 2 for a, (b, _) in zip(means(runs[k]), PAPER[k], strict=True)) ** 0.5 for k in PAPER if k in runs}
    words = ", ".join(f"{'dense' if k == 'dense' else f'k = {k}'} {v:.1f}" for k, v in far.items())
    return [
        *lines,
        "",
        "Random: one mask, applied before the first step, never changed.",
        f"Distance from the paper's columns: {words} points.",
        "",
    ]


def _fitness(evidence):
    runs = [r for r in evidence.part("table1") if r["arm"] == "k10"] + evidence.part("fitness")
    if len(runs) < 2:
        return []
    lines = ["### What decides the fittest: k = 10, p = 0.5", ""]
    lines += [row("fitness", *(f"{s:,} steps" for s in STEPS), "times the fittest mask changed"), row("---", *["---:"] * 5)]
    for run in runs:
        label = run["arm"].replace("_", " ") if run["part"] == "fitness" else "magnitude signed (the paper's)"
        changes = spread([t["changes"] for t in run["trials"]], 1, 1)
        lines.append(row(label, *(cell(run, at) for at in range(len(STEPS))), f"{changes} in {run['trials'][0]['choices']} steps"))
    return [*lines, ""]


def _settled(evidence):
    runs = [r for r in evidence.part("table1") if r["arm"] in ("k10", "k50", "k100")]
    if not runs:
        return []
    lines = ["### When the mask is settled: magnitude fitness", ""]
    lines += [row("k", "steps until one is left", "times the fittest changed", "last change, each trial"), row(*["---:"] * 3, "---")]
    for run in sorted(runs, key=lambda r: int(r["arm"][1:])):
        trials = run["trials"]
        changes, last = spread([t["changes"] for t in trials], 1, 1), ", ".join(str(t["last_change"]) for t in trials)
        lines.append(row(run["arm"][1:], trials[0]["choices"], changes, last))
    return [*lines, "", "Last change: the number of the step, from 1, after which the fittest mask was another one for the last time.", ""]


def _zeros(evidence):
    """K-starts' trials by whether the fittest mask ever changed, beside nets that start from 0."""
    table, zeros = evidence.table, evidence.part("zeros")
    if not ({10, "dense", "random"} <= set(table) and len(zeros) == 2):
        return []
    others = [table["random"], *zeros]
    rows = [("dense", table["dense"]["trials"]), *((r["arm"], r["trials"]) for r in others)]
    for name, changed in (("k = 10, the fittest mask never changed", False), ("k = 10, the fittest mask changed", True)):
        trials = [t for t in table[10]["trials"] if bool(t["changes"]) == changed]
        if trials:
            rows.append((name, trials))
    lines = ["### What K-starts does besides choosing", ""]
    lines += [row("net", "trials", *(f"{s:,} steps" for s in STEPS)), row("---", "---:", *["---:"] * len(STEPS))]
    for name, trials in rows:
        cells = (spread([t["performance"][at] for t in trials]) for at in range(len(STEPS)))
        lines.append(row(name, len(trials), *cells))
    return [
        *lines,
        "",
        "A weight outside the fittest mask is set to 0. When the fittest mask changes with the steps, what is outside of any has lost",
        "its initial value and goes on from 0. Rows from 0: the same nets with initial weights of 0, and no choice among masks.",
        "",
    ]


def _k_by_p(evidence):
    runs = {r["arm"]: r for r in evidence.part("k-by-p")}
    if not runs:
        return []
    ks, ps = (sorted({float(arm.split()[i][1:]) for arm in runs}) for i in (0, 1))
    lines = ["### k against p: accuracy after 2,500 steps", "", row("k", *(f"p = {p:g}" for p in ps)), row("---:", *["---:"] * len(ps))]
    lines += [row(f"{k:g}", *(cell(runs[arm]) if (arm := f"k{k:g} p{p:g}") in runs else "" for p in ps)) for k in ks]
    return [*lines, ""]


def _figure_3(evidence):
    lines = []
    for dataset in DATASETS:
        runs = [r for r in evidence.part("figure3") if r["dataset"] == dataset]
        sizes = sorted({r["samples"] for r in runs})
        if runs:
            lines += [f"### Figure 3: accuracy after 2,500 steps by training images, {dataset}", ""]
            lines += [row("method", *(f"{n:,}" for n in sizes)), row("---", *["---:"] * len(sizes))]
        for arm in sorted({r["arm"] for r in runs}):
            cells = {r["samples"]: cell(r) for r in runs if r["arm"] == arm}
            lines.append(row(arm.replace(" p", ", p = "), *(cells.get(n, "") for n in sizes)))
        lines += [""] if runs else []
    return lines


def _figure_2(results, errors):
    lines = []
    for (net, dataset), runs in figure2(results).items():
        coder = net == "autoencoder"
        epochs = runs[0]["steps"][0] * BATCH // IMAGES
        lines += [f"## Figure 2: {net} on {dataset}, {epochs} epochs, {len(runs[0]['trials'])} trials", ""]
        lines += [row("method", "sparsity, %", "1,000 × squared error" if coder else "accuracy"), row("---", "---:", "---:")]
        for r in sorted(runs, key=lambda r: (r["arm"].split()[0], statistics.mean(t["sparsity"] for t in r["trials"]))):
            lines.append(row(r["arm"], spread([t["sparsity"] for t in r["trials"]]), cell(r)))
        if coder and dataset in errors:
            lines += [row("the mean training image", "", f"{errors[dataset]:.1f}")]
        lines.append("")
        if coder:
            lines += ["An autoencoder at the height of the mean image has learned nothing yet.", ""]
    return lines
