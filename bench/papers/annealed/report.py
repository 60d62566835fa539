"""Figures and tables of the experiment on annealed pruning, from the runs that are there, with a verdict for each claim."""

import pathlib
import statistics

from sparsemlp.files import write_text

from ..shared.claims import section
from ..shared.runs import load_runs
from ..shared.tables import commits, machines, row, spread
from .claims import tables
from .evidence import accuracy, grouped
from .figures import figures
from .settings import DROPOUT, FIRST, KEEP, POST

PAPER = {"none": "74.2", "dropout": "76.5", "largest": "78", "smallest": "no gain"}


def report(folder):
    """Write README.md and PNG figures beside the runs."""
    folder = pathlib.Path(folder)
    groups = grouped(load_runs(folder).values())
    if not groups:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    lines = [*_head(groups), *_results(groups), "## The claims", "", *section(tables(groups)), *figures(folder, groups)]
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")


def judged(found):
    """The tables of claims of what `load_runs` returned."""
    return tables(grouped(found.values()))


def _head(groups):
    runs = [run for group in groups.values() for run in group]
    counts = ", ".join(f"{s} {arm} {len(g)}" for (s, arm, _), g in groups.items())
    sizes = "-".join(map(str, runs[0]["sizes"]))
    return [
        "# Annealed pruning, re-run on an MLP",
        "",
        "Written by `python -m bench.papers.annealed --report`; do not edit.",
        f"{sizes} on Fashion-MNIST, {'/'.join(map(str, sorted({r['epochs'] for r in runs})))} epochs, Adam; the first layer is pruned to "
        f"{100 * KEEP:g} % (first pruning after epoch {FIRST}, {POST} epochs after the last); dropout {DROPOUT:g} on the inputs.",
        '"all": 55,000 training images, "small": 10,000 of them; 10,000 test images. The paper\'s net is a CNN on CIFAR-10 that overfits',
        "from epoch 5, whose pruned layer sees learned features; its figures are means of 10 runs. What an MLP on pixels shows judges",
        f"nothing of that CNN: the verdicts are on this net. Seeds per arm here: {counts}.",
        f"{machines(runs)}; commit {commits(runs)}.",
        "",
    ]


def _results(groups):
    names = ["images", "arm", "seeds", "test, last epoch", "test, chosen epoch", "test, last three", "training accuracy"]
    names += ["connections", "non-zero", "s/epoch dense", "s/epoch sparse", "paper (CNN)"]
    lines = ["## Test accuracy in per cent", "", row(*names), row("---", "---", *["---:"] * 10)]
    for (samples, arm, _), group in groups.items():
        by_epoch = [run["by_epoch"] for run in group]
        seconds = {
            kind: [s for b in by_epoch for s, now in zip(b["seconds"], b["storage"], strict=True) if now == kind]
            for kind in ("dense", "sparse")
        }
        lines.append(
            row(
                samples,
                arm,
                len(group),
                spread([r["test_accuracy_last"] for r in group]),
                spread([r["test_accuracy_chosen"] for r in group]),
                spread([accuracy(r) for r in group]),
                spread([b["training_accuracy"][-1] for b in by_epoch]),
                f"{sum(group[0]['connections']):,}",
                f"{100 * statistics.mean(b['nonzero'][-1] for b in by_epoch):.1f} %",
                *(f"{statistics.median(v):.2f}" if v else "" for v in seconds.values()),
                PAPER.get(arm, ""),
            )
        )
    return [
        *lines,
        "",
        f"Chosen epoch: the one with the best accuracy on 5,000 held-out training images. Last three: the mean of the {POST} epochs after",
        "the mask has become permanent, by which arms are compared. Mean ± standard deviation over the seeds. Non-zero: weights of the",
        "pruned layer; connections, memory and energy count those that are stored and 0 too.",
        "s/epoch: median seconds of the training steps while the pruned layer was stored dense and sparse; runs shared a busy machine.",
        "fsa and train-prune-retrain are the two algorithms that annealed pruning stands on, with the same 10 % kept.",
        "",
    ]
