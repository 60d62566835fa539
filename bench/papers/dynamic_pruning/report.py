"""Tables of the dynamic pruning paper and of what it lacks, and the page that judges its claims, from the runs that are there."""

import pathlib
import statistics

from sparsemlp.files import write_text

from ..shared.runs import load_runs
from ..shared.statistics import ENOUGH, LAST, difference, interval, n_seeds
from ..shared.tables import machines, row, spread
from .claims import rows
from .evidence import BOUND, Evidence
from .figures import draw
from .settings import ARMS, NETS, n_parameters
from .times import table as time_table

MILESTONES = (1, 5, 10, 20, 40, 100, 200, 500)
PAPER_SPARSE = {"mlp-1k": "≈120k", "mlp-4k": "≈350k", "mlp-4k4l": "≈380k"}  # as the paper prints them
MARKS = "<!-- dynamic-pruning: written by bench.papers.dynamic_pruning --report --page -->", "<!-- /dynamic-pruning -->"


def report(folder, page=None):
    """Write README.md (tables) and PNG figures beside the runs.

    Parameters
    ----------
    folder : path
    page : path, optional
        A Markdown page that has both lines of MARKS: what is between them becomes the judgement of the paper's claims.
    """
    folder = pathlib.Path(folder)
    files = load_runs(folder).values()
    runs = [f for f in files if f.get("experiment") == "dynamic-pruning"]
    times = {f["net"]: f for net in NETS for f in files if f.get("experiment") == "dynamic-pruning-times" and f["net"] == net}
    if not runs:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    groups = grouped(runs)
    figures = [line for file, title in draw(folder, groups, times) for line in (f"![{title}]({file})", "")]
    claims = rows(Evidence(runs, times))
    tables = [*_head(runs), *_table_1(), *_results(groups), *time_table(times), *_augmentation(files), *_on_the_way(groups)]
    lines = [*tables, *_paired(runs), "## The claims", "", *claims, "", "## Figures", "", *figures]
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")
    if page is not None:
        rewrite_section(pathlib.Path(page), [*_scale(groups, times), "", *claims])


def rewrite_section(path, lines):
    """Replace what is between the two MARKS of a page."""
    text = path.read_text(encoding="utf-8")
    begin, end = (text.find(mark) for mark in MARKS)
    if begin < 0 or end < begin:
        raise ValueError(f"{path} must have the lines {MARKS[0]} and {MARKS[1]}, in this order; the section goes between them.")
    write_text(path, text[: begin + len(MARKS[0])] + "\n\n" + "\n".join(lines) + "\n\n" + text[end:])


def grouped(runs):
    """Runs by (net, arm, epochs), nets and arms in their usual order, each list by seed."""
    order = [(net, arm) for net in NETS for arm in ARMS]
    groups = {}
    for run in sorted(runs, key=lambda r: (order.index((r["net"], r["arm"])), r["epochs"], r["seed"])):
        groups.setdefault((run["net"], run["arm"], run["epochs"]), []).append(run)
    return groups


def _head(runs):
    wall = sum(r["wall_seconds"] for r in runs)
    commits = sorted({str(r["machine"]["commit"])[:7] for r in runs})
    return [
        "# Dynamic pruning rates, re-run",
        "",
        "Written by `python -m bench.papers.dynamic_pruning --report`; do not edit. Settings are in each run's line of runs.jsonl.",
        f"{len(runs)} runs, {sum(r['epochs'] for r in runs):,} epochs, {wall / 3600:.2f} hours of runs in all, evaluation included, "
        f"on {machines(runs)} that had other work at the same time; commit {', '.join(commits)}.",
        "",
        "Accuracies are those of the test set in per cent, after the last epoch and after the epoch with the best accuracy on 5,000",
        "held-out training images; none is the best test epoch. Several seeds: mean ± standard deviation.",
        "",
    ]


def _scale(groups, times):
    """How large the experiment was, for the page of claims."""
    runs = [run for group in groups.values() for run in group]
    done = {}
    for (net, arm, epochs), group in groups.items():
        done.setdefault(net, {}).setdefault((epochs, len(group)), []).append(arm)
    lines = ["**Scale.** The paper trains each net for 500 epochs, with 3 seeds. Here:", ""]
    for net, sizes in done.items():
        parts = [f"{', '.join(arms)}: {epochs} epochs, {n_seeds(seeds)}" for (epochs, seeds), arms in sizes.items()]
        lines.append(f"- {net}: {'; '.join(parts)}.")
    wall = sum(r["wall_seconds"] for r in runs) / 3600
    lines += [
        "",
        f"Total: {len(runs)} runs, {sum(r['epochs'] for r in runs):,} epochs, {wall:.2f} hours of wall time in all, on",
        f"{machines(runs)}, while the machine had other work: those seconds measure nothing.",
    ]
    if times:
        rounds = ", ".join(f"{net} {t['rounds']}" for net, t in times.items())
        lines.append(
            f"Training times: separate rounds of all arms in turn, nothing else running, {machines(times.values())} (rounds: {rounds})."
        )
    return lines


def _table_1():
    lines = ["## Table 1: parameters, biases included", ""]
    lines += [row("net", "dense", "sparse", "compression", "fewer", "the paper's sparse"), row("---", *["---:"] * 5)]
    for net in NETS:
        sparse, dense = n_parameters(net)
        ratio, fewer = f"×{dense / sparse:.1f}", f"{100 - 100 * sparse / dense:.1f} %"
        lines.append(row(net, f"{dense:,}", f"{sparse:,}", ratio, fewer, PAPER_SPARSE[net]))
    return [*lines, ""]


def _results(groups):
    names = ["net", "arm", "epochs", "seeds", "last epoch", "chosen epoch", "parameters", "MB"]
    names += ["survived", "tried"]
    lines = ["## Results", "", row(*names), row("---", "---", *["---:"] * 8)]
    for (net, arm, epochs), group in groups.items():
        by_epoch = [run["by_epoch"] for run in group]
        ends = [b[name][-1] for name in ("survived", "tried") for b in by_epoch if b[name]]
        survived, tried = (ends[: len(group)], ends[len(group) :]) if ends else ((), ())
        lines.append(
            row(
                net,
                arm,
                epochs,
                len(group),
                spread([r["test_accuracy_last"] for r in group]),
                spread([r["test_accuracy_chosen"] for r in group]),
                f"{group[0]['n_parameters']:,}",
                f"{group[0]['by_epoch']['bytes'][-1] / 1e6:.2f}",
                f"{100 * statistics.mean(survived):.1f} %" if survived else "",
                f"{100 * statistics.mean(tried):.1f} %" if tried else "",
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
    milestones = [e for e in MILESTONES if e <= max(epochs for _, _, epochs in groups)]
    lines = ["## Test accuracy on the way", "", row("net", "arm", "epochs", *(f"epoch {e}" for e in milestones))]
    lines.append(row("---", "---", *["---:"] * (1 + len(milestones))))
    for (net, arm, epochs), group in groups.items():
        at = (spread([r["by_epoch"]["test_accuracy"][e - 1] for r in group]) if e <= epochs else "" for e in milestones)
        lines.append(row(net, arm, epochs, *at))
    return [*lines, ""]


def _paired(runs):
    """Differences between arms that began with the same net and saw the same batches."""
    lines = ["## Differences between arms, seed by seed, points of test accuracy", ""]
    lines += [row("net", "arms", "epoch", "last epoch", "95 % interval", "each seed", "chosen epoch", f"mean of last {LAST}", "verdict")]
    lines += [row("---", "---", "---:", "---:", "---:", "---", "---:", "---:", "---")]
    bases = {"static": ("set", "exd", "ldv", "osv", "discarded"), "set": ("exd", "ldv", "osv", "set-magnitude", "set-initializer")}
    bases |= {"exd": ("ldv", "osv", "exd-magnitude", "exd-initializer"), "dense": ("static", "set", "exd", "ldv", "osv", "small-dense")}
    bases |= {"small-dense": ("static", "set", "exd", "ldv", "osv")}
    for net in NETS:
        own = [run for run in runs if run["net"] == net]
        for base, arm in ((base, arm) for base, arms in bases.items() for arm in arms):
            if d := difference(own, arm, base, BOUND):
                many = len(d.seeds) >= ENOUGH
                ends = "{:+.2f} … {:+.2f}".format(*interval(d.last)) if many else ""
                each = ", ".join(f"{v:+.2f}" for v in d.last)
                columns = (spread(values, scale=1, sign="+") for values in (d.last, d.chosen, d.settled))
                last, chosen, settled = columns
                lines.append(row(net, f"{arm} − {base}", d.epoch, last, ends, each, chosen, settled, d.verdict()))
    return [
        *lines,
        "",
        "Sparse arms of one seed start from the same connections and weights and see the same batches. Runs of different lengths are",
        "compared after the last epoch of the shorter one, LDV and OSV only with runs of their length. 95 % interval: Student's, of the",
        "mean over the seeds.",
        "",
    ]
