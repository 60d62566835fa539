"""Tables of the dynamic pruning paper and of what it lacks, and its claims, from the runs that are there."""

import pathlib
import statistics

from sparsemlp.files import write_text

from ..shared.claims import Table, section
from ..shared.runs import load_runs
from ..shared.statistics import settled
from ..shared.tables import commits, machines, row, spread
from .claims import costs, paper, questions
from .evidence import BOUND, Evidence, start_of
from .figures import draw
from .settings import ARMS, NETS, STARTS, n_parameters
from .times import table as time_table

MILESTONES = (1, 5, 10, 20, 40, 100, 200, 500)
PAPER_SPARSE = {"mlp-1k": "≈120k", "mlp-4k": "≈350k", "mlp-4k4l": "≈380k"}  # as the paper prints them
BASES = {  # arms that begin with the same net and see the same batches, but for the dense ones
    "static": ("set", "exd", "ldv", "osv", "discarded"),
    "set": ("exd", "ldv", "osv", "set-magnitude", "set-initializer"),
    "exd": ("ldv", "osv", "exd-magnitude", "exd-initializer"),
    "dense": ("static", "set", "exd", "ldv", "osv", "small-dense"),
    "small-dense": ("static", "set", "exd", "ldv", "osv"),
}


def report(folder):
    """Write README.md (tables) and PNG figures beside the runs.

    Parameters
    ----------
    folder : path
    """
    folder = pathlib.Path(folder)
    found = load_runs(folder)
    runs, times, _ = parts(found)
    if not runs:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    groups = grouped(runs)
    figures = [line for file, title in draw(folder, groups, times) for line in (f"![{title}]({file})", "")]
    lines = [*_head(runs), "## The claims", "", *section(judged(found)), *_table_1(), *_results(groups), *time_table(times)]
    lines += [*_augmentation(found.values()), *_on_the_way(groups), *_differences(runs, times), "## Figures", "", *figures]
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")


def parts(found):
    """(runs, times by net, bytes by net) of what `load_runs` returned."""
    runs = [f for f in found.values() if f.get("experiment") == "dynamic-pruning"]
    times = {f["net"]: f for f in found.values() if f.get("experiment") == "dynamic-pruning-times"}
    memory = next((f["nets"] for f in found.values() if f.get("experiment") == "dynamic-pruning-memory"), {})
    return runs, {net: times[net] for net in NETS if net in times}, memory


def judged(found):
    """The tables of claims: of the paper, of the same with our start, of further questions."""
    code, ours = (Evidence(parts(found)[0], start, *parts(found)[1:]) for start in STARTS)
    heads = "Measured", "Verdict"
    shown = [Table(("The paper's claim, initial weights as in its code", *heads), [*paper(code), *costs(code)])]
    if ours.nets:
        text = "The same claims with initial weights by the actual fan-in: no verdict on the paper"
        shown.append(Table((text, *heads), paper(ours), of_paper=False))
    asked = [evidence for evidence in (code, ours) if evidence.nets]
    return [*shown, *(Table((f"What the paper does not ask, {e.start} start", "Measured", "Answer"), questions(e), False) for e in asked)]


def grouped(runs):
    """Runs by (start, net, arm, epochs), all in their usual order, each list by seed."""
    order = [(start, net, arm) for start in STARTS for net in NETS for arm in ARMS]
    groups = {}
    for run in sorted(runs, key=lambda r: (order.index((start_of(r), r["net"], r["arm"])), r["epochs"], r["seed"])):
        groups.setdefault((start_of(run), run["net"], run["arm"], run["epochs"]), []).append(run)
    return groups


def _head(runs):
    wall = sum(r["wall_seconds"] for r in runs)
    return [
        "# Dynamic pruning rates, re-run",
        "",
        "Written by `python -m bench.papers.dynamic_pruning --report`; do not edit. Settings are in each run's line of runs.jsonl.",
        f"{len(runs)} runs, {sum(r['epochs'] for r in runs):,} epochs, {wall / 3600:.2f} hours of runs in all, evaluation included, "
        f"on {machines(runs)} that had other work at the same time; commit {commits(runs)}.",
        "",
        'The paper trains each net for 500 epochs, with 3 seeds. Initial weights: "code", as in the paper\'s released code, uniform over',
        'the fans of a dense matrix (Glorot) that is then masked; "ours", He\'s by the connections there are, seven times as large. The',
        "first edition of this page had the second start only, did not say so, and judged the paper by it.",
        "",
        "Accuracies are those of the test set in per cent: after the last epoch, after the epoch with the best accuracy on 5,000 held-out",
        "training images, and the mean of the last ten epochs (of the last quarter of runs of fewer than 40 epochs, three at least), by",
        "which arms are compared; none is the best test epoch. Several seeds: mean ± standard deviation.",
        "",
    ]


def _table_1():
    lines = ["## Table 1: parameters, biases included", ""]
    lines += [row("net", "dense", "sparse", "compression", "fewer", "the paper's sparse"), row("---", *["---:"] * 5)]
    for net in NETS:
        sparse, dense = n_parameters(net)
        ratio, fewer = f"×{dense / sparse:.1f}", f"{100 - 100 * sparse / dense:.1f} %"
        lines.append(row(net, f"{dense:,}", f"{sparse:,}", ratio, fewer, PAPER_SPARSE[net]))
    return [*lines, ""]


def _results(groups):
    names = ["start", "net", "arm", "epochs", "seeds", "last epoch", "chosen epoch", "last ten", "parameters", "MB", "survived", "tried"]
    lines = ["## Results", "", row(*names), row("---", "---", "---", *["---:"] * 9)]
    for (start, net, arm, epochs), group in groups.items():
        by_epoch = [run["by_epoch"] for run in group]
        ends = {name: [b[name][-1] for b in by_epoch if b[name]] for name in ("survived", "tried")}
        lines.append(
            row(
                start,
                net,
                arm,
                epochs,
                len(group),
                spread([r["test_accuracy_last"] for r in group]),
                spread([r["test_accuracy_chosen"] for r in group]),
                spread([settled(b["test_accuracy"]) for b in by_epoch]),
                f"{group[0]['n_parameters']:,}",
                f"{group[0]['by_epoch']['bytes'][-1] / 1e6:.2f}",
                *(f"{100 * statistics.mean(values):.1f} %" if values else "" for values in ends.values()),
            )
        )
    return [
        *lines,
        "",
        "MB: weights, indices, momentum, biases. Survived: share of the connections that were there from the start without a break.",
        "Tried: share of all possible connections that have ever existed. Both count the layers that can change, which leaves out the",
        "full output layer.",
        "",
    ]


def _augmentation(files):
    """Share of augmentation in a training step, if `augmentation.py` has left its line here."""
    found = next((f for f in files if f.get("experiment") == "augmentation"), None)
    if not found:
        return []
    lines = ["## Augmentation", "", row("net", "threads", "step ms", "with augmentation", "share of the step"), row("---", *["---:"] * 4)]
    for m in found["measured"]:
        share = 100 * (1 - m["plain_ms"] / m["augmented_ms"])
        lines.append(row(m["net"], m["threads"], f"{m['plain_ms']:.2f}", f"{m['augmented_ms']:.2f}", f"{share:.0f} %"))
    script = "`bench/papers/dynamic_pruning/augmentation.py`"
    text = f"Standardisation, rotation, shifts and flip of batches of 100; best of several rounds ({script})."
    return [*lines, "", text, ""]


def _on_the_way(groups):
    """Test accuracy of the same epochs in all arms, for runs of different lengths too."""
    milestones = [e for e in MILESTONES if e <= max(epochs for *_, epochs in groups)]
    lines = ["## Test accuracy on the way", "", row("start", "net", "arm", "epochs", *(f"epoch {e}" for e in milestones))]
    lines.append(row("---", "---", "---", *["---:"] * (1 + len(milestones))))
    for (start, net, arm, epochs), group in groups.items():
        at = (spread([r["by_epoch"]["test_accuracy"][e - 1] for r in group]) if e <= epochs else "" for e in milestones)
        lines.append(row(start, net, arm, epochs, *at))
    return [*lines, ""]


def _differences(runs, times):
    """Differences between arms, as numbers: words are for the claims."""
    lines = ["## Differences between arms, seed by seed, points of test accuracy", ""]
    lines += [row("start", "net", "epochs", "arms: mean of the last ten epochs, 95 % interval", "each seed")]
    lines += [row("---", "---", "---:", "---", "---")]
    for start in STARTS:
        evidence = Evidence(runs, start, times, {})
        for net in evidence.nets:
            for c in evidence.pairs([net], [(arm, base) for base, arms in BASES.items() for arm in arms]):
                lines.append(row(start, net, c.where.split()[-2], c.text(), ", ".join(f"{v:+.2f}" for v in c.values)))
    return [
        *lines,
        "",
        "Sparse arms of one seed and start begin with the same connections and weights and see the same batches. Runs of different lengths",
        f"are compared after the last epoch of the shorter one, {' and '.join(a.upper() for a in BOUND)} only with runs of their length.",
        "",
    ]
