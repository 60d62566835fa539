"""Figures and tables of the experiment on structured nets, from the runs that are there, with a verdict for each claim."""

import pathlib

from sparsemlp.files import write_text

from ..shared.claims import section
from ..shared.runs import load_runs
from ..shared.tables import commits, machines, row, spread
from . import degrees
from .claims import tables
from .evidence import accuracy, grouped
from .figures import draw
from .settings import HIGHER, LR

ARM_NAMES = {
    "dense": "dense",
    "one-time": "one-time, not retrained",
    "prune-retrain": "one-time, half the epochs after it",
    "iterative": "iterative",
    "radix": "RadiX-Net",
    "random": "its random equivalent",
    "expander": "random expander",
}


def report(folder):
    """Write README.md and PNG figures beside the runs."""
    folder = pathlib.Path(folder)
    runs = load_runs(folder)
    timing, found = runs.pop("timing", None), runs.pop("degrees", None)
    if not runs:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    groups = grouped(runs.values())
    sections = [
        _head(runs.values(), timing),
        ["## The claims", ""],
        section(tables(groups)),
        _scan(groups),
        _sizes(groups, timing),
        _connections(groups, timing),
    ]
    sections += [_frequency(groups), _retrain(groups), degrees.table(found), draw(folder, groups), degrees.draw(folder, found)]
    write_text(folder / "README.md", "\n".join(line for section in sections for line in section).rstrip() + "\n")


def judged(found):
    """The tables of claims of what `load_runs` returned."""
    return tables(grouped(run for name, run in found.items() if name not in ("timing", "degrees")))


def _head(runs, timing):
    seeds = sorted({r["seed"] for r in runs})
    epochs = sorted({r["epochs"] for r in runs if r["part"] != "scan"})
    timed = "not measured yet"
    if timing:
        threads = timing["machine"]["threads"]
        at = commits([timing])
        timed = (
            f"fastest of {timing['repeats']} repeats by turns, {threads} thread(s), the dense net by BLAS in the same engine, commit {at}"
        )
        if "slice" in timing:
            timed += f", slices of {timing['slice']:g} s after rests of {timing['rest']:g} s"
        if timing.get("busy", True):
            timed += (
                ". Other programs held the CPUs meanwhile: nets of equally many connections differ by up to a factor of 2 from that alone"
            )
    return [
        "# Pruning against structurally sparse nets, re-run",
        "",
        "Written by `python -m bench.papers.structured --report`; do not edit. LeNet-300-100 on MNIST, 55,000 images to train on, 10,000",
        f"to test. {len(runs)} runs of {', '.join(map(str, epochs))} epochs, seeds {', '.join(map(str, seeds))}; {machines(runs)};",
        f"commit {commits(runs)}. The slides give no number of epochs or seeds; every figure here is from this small scale.",
        "",
        "Accuracies are those of the test set in per cent, the mean of the last quarter of a run's epochs, at most ten, and of those mean",
        "± standard deviation over the seeds; a run whose loss became infinite counts as chance. The output layer is dense in all nets,",
        "sparsity is that of the two hidden layers, and connections count the output layer's too.",
        "Speed-up: the dense net's time over the structure's, of a training step of 100 images and of `predict` on 10,000:",
        f"{timed}. Iterative and one-time pruning at 50 % stay dense with a mask, which saves nothing: a layer turns sparse below 50 %.",
        "",
    ]


def _scan(groups):
    found = {lr: g for (part, _, _, lr, _), g in groups.items() if part == "scan"}
    if not found:
        return []
    lines = ["## Learning rate", "", row("learning rate", "held-out accuracy of the dense net", "epochs"), row("---:", "---:", "---:")]
    for lr, group in sorted(found.items()):
        lines.append(row(f"{lr:g}", spread([r["by_epoch"]["held_out_accuracy"][-1] for r in group]), group[0]["epochs"]))
    return [*lines, "", f"Used below: {LR:g}, the smallest within 0.1 points of the best; the higher one is {HIGHER * LR:g}.", ""]


def speedups(timing, part, arm, sparsity):
    """(of a step, of a prediction) as text, empty if they were not measured."""
    arm = {"prune-retrain": "iterative"}.get(arm, arm)  # the same number of connections
    part = {"structures": "structures", "connections": "connections"}.get(part, arm)
    for r in (timing or {}).get("timing", ()):
        if (r["part"], r["arm"], r["sparsity"]) == (part, arm, sparsity):
            return f"{r['step_speedup']:.1f}", f"{r['predict_speedup']:.1f}"
    return "", ""


def _table(chosen, timing):
    names = ["net", "sparsity", "widths", "connections", "seeds", "accuracy", "step ×", "predict ×"]
    lines = [row(*names), row("---", "---:", "---", *["---:"] * 5)]
    for (part, arm, sparsity, _, _), group in chosen:
        first = group[0]
        lines.append(
            row(
                ARM_NAMES.get(arm, arm),
                f"{100 * first['sparsity_reached']:.1f} %",
                "-".join(map(str, first["sizes"])),
                f"{sum(first['connections']):,}",
                len(group),
                spread([accuracy(r) for r in group]),
                *speedups(timing, part, arm, sparsity),
            )
        )
    return [*lines, ""]


def _sizes(groups, timing):
    parts = ("dense", "one-time", "iterative", "structures")
    chosen = [(key, g) for key, g in groups.items() if key[0] in parts]
    chosen.sort(key=lambda pair: (pair[1][0]["sparsity_reached"] > 0, round(pair[1][0]["sparsity_reached"], 2)))
    return ["## The same net at several sparsities", "", *_table(chosen, timing)]


def _connections(groups, timing):
    lenet = [(k, g) for k, g in groups.items() if k[0] == "structures" and k[2] == 0.9]
    chosen = [(k, g) for k, g in groups.items() if k[0] == "connections"] + lenet
    chosen.sort(key=lambda pair: pair[1][0]["sparsity_reached"])
    text = [
        "A sparser RadiX-Net of about this size does not exist: with two radices the widths are multiples of their product N', the",
        "densities 1 / N_1 and 1 / N_2, so that 99 % in both layers needs 10,000 units.",
        "",
    ]
    return ["## About the same number of connections, 25,000, in nets of several widths", "", *_table(chosen, timing), *text]


def _frequency(groups):
    found = [(k, g) for k, g in groups.items() if k[1] == "iterative" and k[0] in ("iterative", "frequency")]
    sparsities = sorted({k[2] for k, _ in found if k[0] == "frequency"})
    if not sparsities:
        return []
    lines = ["## How often iterative pruning prunes", "", row("sparsity", "every", "seeds", "accuracy"), row("---:", "---", "---:", "---:")]
    for s in sparsities:
        for (_, _, _, _, every), group in sorted((p for p in found if p[0][2] == s), key=lambda p: p[0][4] or 10**9):
            often = f"{every} steps" if every else "epoch"
            lines.append(row(f"{100 * s:g} %", often, len(group), spread([accuracy(r) for r in group])))
    return [*lines, ""]


def _retrain(groups):
    found = {key[1:4]: g for key, g in groups.items() if key[0] == "retrain"}
    if not found:
        return []
    lines = ["## Training again on a structure that pruning found", ""]
    lines += ["From the beginning, all epochs. For comparison: the net in which the structure was found, and a random expander.", ""]
    heads = [f"{w} weights, lr {f:g}" for w in ("original", "new") for f in (LR, HIGHER * LR)]
    lines += [row("structure", "sparsity", "as found", *heads, "worst run"), row("---", "---:", "---:", *["---:"] * 5)]
    for source in ("one-time", "iterative"):
        for s in sorted({key[1] for key in found}):
            cells = [found.get((f"{source}/{w}", s, lr)) for w in ("original", "new") for lr in (LR, HIGHER * LR)]
            if not any(cells):
                continue
            base = next((g for k, g in groups.items() if k[:3] == (source, source, s)), None)
            worst = min(accuracy(r) for g in cells if g for r in g)
            texts = [spread([accuracy(r) for r in g]) if g else "" for g in cells]
            lines.append(row(source, f"{100 * s:g} %", spread([accuracy(r) for r in base]) if base else "", *texts, f"{100 * worst:.2f}"))
    return [*lines, ""]
