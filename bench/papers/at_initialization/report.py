"""Table 1, the scan behind it, figures 2 and 3 of the paper on pruning at initialization, and a verdict on each of its claims."""

import pathlib
import statistics

from sparsemlp.files import write_text

from ..shared.runs import load_runs
from ..shared.tables import machines, row, spread
from .claims import claims
from .evidence import cell, chosen_pair, column, means, part
from .figures import figures
from .settings import (
    BATCH,
    DATASETS,
    IMAGES,
    NETS,
    PAPER,
    SCAN,
    STEPS,
    figure2_settings,
    figure3_settings,
    fitness_settings,
    table_settings,
)


def report(folder):
    """Write README.md (tables, verdicts) and PNG figures beside the runs."""
    folder = pathlib.Path(folder)
    results = list(load_runs(folder).values())
    if not results:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    pair = chosen_pair(results)
    lines = [*_head(results), *_verdicts(results, pair), *_scan(results, pair), *_table_1(results, pair), *_settled(results)]
    lines += [*_zeros(results, pair), *_fitness(results), *_figure_3(results), *_figure_2(results)]
    for title, file in figures(folder, results):
        lines += [f"![{title}]({file})", ""]
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")


def _head(results):
    trials = sum(len(r["trials"]) for r in results)
    return [
        "# Pruning at initialization, re-run",
        "",
        "Written by `python -m bench.papers.at_initialization --report`; do not edit. A line of runs.jsonl holds one setting with all its",
        f"trials. {len(results)} settings, {trials} trained nets, on a machine that had other work. {machines(results)}.",
        "",
        "Test accuracy in per cent, mean ± standard deviation over the trials; p is the fraction of the connections removed. Pixels / 255,",
        "batches of 100, Adam. No epoch or step was chosen by the test set; the initial deviation and the learning rate of the net 784-10",
        "are those whose *dense* net comes closest to the paper's dense column.",
        "",
        *_missing(results),
    ]


def _missing(results):
    """What the whole experiment has and this folder has not."""
    there = {(r["part"], r["net"], r["dataset"], r["arm"], r["samples"]) for r in results}
    groups = {}
    for s in [*table_settings(0, 0), *figure2_settings(1), *figure3_settings(0, 0), *fitness_settings(0, 0)]:
        group = groups.setdefault((s.part, s.net, s.dataset), [0, 0])
        group[0] += (s.part, s.net, s.dataset, s.arm, s.samples) not in there
        group[1] += 1
    lines = [f"- {part}, {net} on {dataset}: {n} of {total} settings" for (part, net, dataset), (n, total) in groups.items() if n]
    return ["**Not run yet:**", "", *lines, ""] if lines else []


def _verdicts(results, pair):
    found = claims(results, pair)
    if not found:
        return []
    return ["## The paper's claims", "", row("claim", "measured", "verdict"), row(*["---"] * 3), *(row(*c) for c in found), ""]


def _scan(results, pair):
    runs = {(r["std"], r["lr"]): r for r in part(results, "scan")}
    if not runs:
        return []
    paper = [mean for mean, _ in PAPER["dense"]]
    lines = ["## The scan: dense 784-10 on MNIST", ""]
    lines += [row("initial deviation", "learning rate", *(f"{s:,} steps" for s in STEPS), "distance"), row(*["---:"] * (3 + len(STEPS)))]
    for std, lr in SCAN:
        if (std, lr) in runs:
            run = runs[std, lr]
            distance = statistics.mean((a - b) ** 2 for a, b in zip(means(run), paper, strict=True)) ** 0.5
            mark = " (chosen)" if (std, lr) == pair else ""
            lines.append(row(f"{std:g}", f"{lr:g}", *(cell(run, k) for k in range(len(STEPS))), f"{distance:.1f}{mark}"))
    lines.append(row("the paper", "?", *(f"{m:.2f} ± {s:.2f}" for m, s in PAPER["dense"]), ""))
    return [*lines, "", "Distance: root mean square, in points, of the four means from the paper's.", ""]


def _table_1(results, pair):
    runs = column(results, pair)
    if not runs:
        return []
    n = min(len(r["trials"]) for r in runs.values())
    random = [r for r in part(results, "table1") if r["arm"] == "random"]
    lines = [f"## Table 1: 784-10 on MNIST, p = 0.5, {n} trials", ""]
    lines += [row("steps", "", "dense", *(f"k = {k}" for k in PAPER if k != "dense"), "random"), row("---:", "---", *["---:"] * 6)]
    for at, steps in enumerate(STEPS):
        ours = [cell(runs[k], at) if k in runs else "" for k in PAPER]
        lines.append(row(f"{steps:,}", "here", *ours, cell(random[0], at) if random else ""))
        lines.append(row("", "paper", *(f"{PAPER[k][at][0]:.2f} ± {PAPER[k][at][1]:.2f}" for k in PAPER), ""))
    return [*lines, "", "Random: one mask, applied before the first step, never changed.", ""]


def _fitness(results):
    runs = [r for r in part(results, "table1") if r["arm"] == "k10"] + part(results, "fitness")
    if len(runs) < 2:
        return []
    lines = ["## What decides the fittest: k = 10, p = 0.5, 784-10 on MNIST", ""]
    lines += [row("fitness", *(f"{s:,} steps" for s in STEPS), "times the fittest mask changed"), row("---", *["---:"] * 5)]
    for run in runs:
        label = run["arm"].replace("_", " ") if run["part"] == "fitness" else "magnitude signed (the paper's)"
        changes = spread([t["changes"] for t in run["trials"]], 1, 1)
        lines.append(row(label, *(cell(run, at) for at in range(len(STEPS))), f"{changes} in {run['trials'][0]['choices']} steps"))
    return [*lines, ""]


def _settled(results):
    runs = [r for r in part(results, "table1") if r["arm"] in ("k10", "k50", "k100")]
    if not runs:
        return []
    lines = ["## When the mask is settled: magnitude fitness, 784-10", ""]
    lines += [row("k", "steps until one is left", "times the fittest changed", "last change, each trial"), row(*["---:"] * 3, "---")]
    for run in sorted(runs, key=lambda r: int(r["arm"][1:])):
        trials = run["trials"]
        changes, last = spread([t["changes"] for t in trials], 1, 1), ", ".join(str(t["last_change"]) for t in trials)
        lines.append(row(run["arm"][1:], trials[0]["choices"], changes, last))
    return [*lines, "", "Last change: the number of the step, from 1, after which the fittest mask was another one for the last time.", ""]


def _zeros(results, pair):
    """K-starts' trials by whether the fittest mask ever changed, beside nets that start from 0."""
    starts = [r for r in part(results, "table1") if r["arm"] == "k10"]
    others = [r for r in part(results, "table1") if r["arm"] == "random"] + part(results, "zeros")
    dense = [run for name, run in column(results, pair).items() if name == "dense"]
    if not (starts and len(others) == 3 and dense):
        return []
    rows = [("dense", dense[0]["trials"]), *((r["arm"], r["trials"]) for r in others)]
    for name, changed in (("k = 10, the fittest mask never changed", False), ("k = 10, the fittest mask changed", True)):
        trials = [t for t in starts[0]["trials"] if bool(t["changes"]) == changed]
        if trials:
            rows.append((name, trials))
    lines = ["## What K-starts does besides choosing: 784-10 on MNIST", ""]
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


def _figure_3(results):
    lines = []
    for dataset in DATASETS:
        runs = [r for r in part(results, "figure3") if r["dataset"] == dataset]
        sizes = sorted({r["samples"] for r in runs})
        if runs:
            lines += [f"## Figure 3: accuracy after 2,500 steps by training images, 784-10 on {dataset}", ""]
            lines += [row("method", *(f"{n:,}" for n in sizes)), row("---", *["---:"] * len(sizes))]
        for arm in sorted({r["arm"] for r in runs}):
            cells = {r["samples"]: cell(r) for r in runs if r["arm"] == arm}
            lines.append(row(arm.replace(" p", ", p = "), *(cells.get(n, "") for n in sizes)))
        lines += [""] if runs else []
    return lines


def _figure_2(results):
    lines = []
    for net in NETS:
        for dataset in DATASETS:
            runs = [r for r in part(results, "figure2") if (r["net"], r["dataset"]) == (net, dataset)]
            if not runs:
                continue
            unit = "1,000 × squared error" if net == "autoencoder" else "accuracy"
            epochs = runs[0]["steps"][0] * BATCH // IMAGES
            lines += [f"## Figure 2: {net} on {dataset}, {epochs} epochs, {len(runs[0]['trials'])} trials", ""]
            lines += [row("method", "sparsity, %", unit), row("---", "---:", "---:")]
            for r in sorted(runs, key=lambda r: (r["arm"].split()[0], statistics.mean(t["sparsity"] for t in r["trials"]))):
                sparsity = spread([t["sparsity"] for t in r["trials"]])
                lines.append(row(r["arm"], sparsity, cell(r)))
            lines.append("")
    return lines
