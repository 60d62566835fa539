"""Figures 1-6 and table 1 of the dynamic pruning paper, and what it lacks, from the runs that are there."""

import pathlib
import statistics

from ..callbacks import write_text
from .dynamic_pruning import ARMS, NETS
from .runs import load_runs

MILESTONES = (1, 5, 10, 20, 40, 100, 200, 500)
PAPER_SPARSE = {"mlp-1k": "≈120k", "mlp-4k": "≈350k", "mlp-4k4l": "≈380k"}  # as the paper prints them


def report(folder):
    """Write README.md (tables) and PNG figures beside the runs' JSON files."""
    folder = pathlib.Path(folder)
    groups = grouped(load_runs(folder).values())
    if not groups:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    figures = _figures(folder, groups)
    tables = [*_head(groups), *_table_1(groups), *_results(groups), *_on_the_way(groups), *_paired(groups)]
    write_text(folder / "README.md", "\n".join([*tables, *figures]).rstrip() + "\n")


def grouped(runs):
    """Runs by (net, arm, epochs), nets and arms in their usual order, each list by seed."""
    order = [(net, arm) for net in NETS for arm in ARMS]
    groups = {}
    for run in sorted(runs, key=lambda r: (order.index((r["net"], r["arm"])), r["epochs"], r["seed"])):
        groups.setdefault((run["net"], run["arm"], run["epochs"]), []).append(run)
    return groups


def spread(values, scale=100, digits=2):
    """ "mean ± deviation" of several values, "value" of one."""
    mean = f"{scale * statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {scale * statistics.stdev(values):.{digits}f}"


def _head(groups):
    runs = [run for group in groups.values() for run in group]
    machines = sorted({f"{r['machine']['cpu']}, {r['machine']['threads']} thread(s)" for r in runs})
    commits = sorted({str(r["machine"]["commit"])[:7] for r in runs})
    wall = sum(r["wall_seconds"] for r in runs)
    return [
        "# Dynamic pruning rates, re-run",
        "",
        "Written by `python bench/papers/dynamic_pruning.py --report`; do not edit. Settings are in each run's JSON file.",
        f"{len(runs)} runs, {sum(r['epochs'] for r in runs):,} epochs, {wall / 3600:.2f} hours of runs in all, evaluation included "
        f"(runs may have run side by side). {'; '.join(machines)}; commit {', '.join(commits)}.",
        "",
        "Accuracies are those of the test set in per cent, after the last epoch and after the epoch with the best accuracy on 5,000",
        "held-out training images; none is the best test epoch. Several seeds: mean ± standard deviation.",
        "",
    ]


def _row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def _table_1(groups):
    lines = ["## Table 1: parameters, biases included", ""]
    lines += [_row("net", "dense", "sparse", "compression", "fewer", "the paper's sparse"), _row("---", *["---:"] * 5)]
    for net in NETS:
        runs = [group[0] for (n, arm, _), group in groups.items() if n == net and arm not in ("dense", "small-dense")]
        if runs:
            sparse, dense = runs[0]["n_parameters"], runs[0]["n_parameters_dense"]
            ratio, fewer = f"×{dense / sparse:.1f}", f"{100 - 100 * sparse / dense:.1f} %"
            lines.append(_row(net, f"{dense:,}", f"{sparse:,}", ratio, fewer, PAPER_SPARSE[net]))
    return [*lines, ""]


def _results(groups):
    names = ["net", "arm", "epochs", "seeds", "last epoch", "chosen epoch", "s/epoch", "evolution ms", "parameters", "MB"]
    names += ["survived", "tried"]
    lines = ["## Results", "", _row(*names), _row("---", "---", *["---:"] * 10)]
    for (net, arm, epochs), group in groups.items():
        by_epoch = [run["by_epoch"] for run in group]
        evolution = [1000 * s for b in by_epoch for s in b["evolution_seconds"][1:]]
        ends = [b[name][-1] for name in ("survived", "tried") for b in by_epoch if b[name]]
        survived, tried = (ends[: len(group)], ends[len(group) :]) if ends else ((), ())
        lines.append(
            _row(
                net,
                arm,
                epochs,
                len(group),
                spread([r["test_accuracy_last"] for r in group]),
                spread([r["test_accuracy_chosen"] for r in group]),
                f"{statistics.median(s for b in by_epoch for s in b['seconds']):.2f}",
                f"{statistics.median(evolution):.1f}" if evolution and arm not in ("dense", "small-dense", "static") else "",
                f"{group[0]['n_parameters']:,}",
                f"{group[0]['by_epoch']['bytes'][-1] / 1e6:.2f}",
                f"{100 * statistics.mean(survived):.1f} %" if survived else "",
                f"{100 * statistics.mean(tried):.1f} %" if tried else "",
            )
        )
    return [
        *lines,
        "",
        "s/epoch: median over epochs and runs, training steps with augmentation, without evaluation. MB: weights, indices, momentum,",
        "biases. Survived: share of the connections that were there from the start without a break. Tried: share of all possible",
        "connections that have ever existed. Both count the layers that can change, which leaves out the full output layer.",
        "",
    ]


def _on_the_way(groups):
    """Test accuracy of the same epochs in all arms, for runs of different lengths too."""
    milestones = [e for e in MILESTONES if e <= max(epochs for _, _, epochs in groups)]
    lines = ["## Test accuracy on the way", "", _row("net", "arm", "epochs", *(f"epoch {e}" for e in milestones))]
    lines.append(_row("---", "---", *["---:"] * (1 + len(milestones))))
    for (net, arm, epochs), group in groups.items():
        at = (spread([r["by_epoch"]["test_accuracy"][e - 1] for r in group]) if e <= epochs else "" for e in milestones)
        lines.append(_row(net, arm, epochs, *at))
    return [*lines, ""]


def _paired(groups):
    """Differences between arms that began with the same net and saw the same batches."""
    lines = ["## Paired differences, test accuracy of the last epoch, points", ""]
    lines += [_row("net", "epochs", "arms", "seeds", "difference", "each seed"), _row("---", "---:", "---", "---:", "---:", "---")]
    pairs = [(arm, base) for base in ("static", "set", "dense", "small-dense") for arm in ARMS if arm != base]
    for net, epochs in dict.fromkeys((net, epochs) for net, _, epochs in groups):
        for arm, base in pairs:
            a, b = ({r["seed"]: r["test_accuracy_last"] for r in groups.get((net, x, epochs), ())} for x in (arm, base))
            both = sorted(a.keys() & b.keys())
            if both and (arm, base) != ("dense", "small-dense"):
                differences = [a[s] - b[s] for s in both]
                each = ", ".join(f"{100 * d:+.2f}" for d in differences)
                lines.append(_row(net, epochs, f"{arm} − {base}", len(both), spread(differences), each))
    return [*lines, ""]


def _figures(folder, groups):
    lines = ["## Figures", ""]
    for number, net in enumerate(NETS, 1):
        own = {(arm, epochs): group for (n, arm, epochs), group in groups.items() if n == net}
        if not own:
            continue
        wanted = (
            (f"figure{number}_training_time.png", f"Figure {number}: training time, {net}", _draw_time),
            (f"figure{number + 3}_accuracy.png", f"Figure {number + 3}: test accuracy by epoch, {net}", _draw_accuracy),
            (f"accuracy_by_seconds_{net}.png", f"Test accuracy by seconds of training, {net}", _draw_seconds),
            (f"exploration_{net}.png", f"Connections kept since the start, positions ever tried, {net}", _draw_exploration),
        )
        for file, title, draw in wanted:
            figure = _figure(2 if draw is _draw_exploration else 1)
            draw(figure, own)
            figure.suptitle(title)
            figure.savefig(folder / file, dpi=80, metadata={"Software": None})
            lines += [f"![{title}]({file})", ""]
    return lines


def _figure(n_axes):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * n_axes + 2, 4.5), layout="constrained")
    figure.subplots(1, n_axes)
    return figure


def _label(arm, epochs, own):
    """The arm, with its epochs where runs of several lengths meet."""
    return arm if len({e for _, e in own}) == 1 else f"{arm}, {epochs} epochs"


def _lines(axes, own, name, x=None, scale=100):
    """Mean over the seeds as a line, smallest to largest as a band."""
    for k, ((arm, epochs), group) in enumerate(own.items()):
        curves = [run["by_epoch"][name] for run in group if run["by_epoch"][name]]
        if not curves:
            continue
        columns = list(zip(*curves, strict=True))
        at = x(group) if x else range(1, epochs + 1)
        color = f"C{k % 10}"
        style = {"color": color, "linestyle": "-" if k < 10 else "--", "label": _label(arm, epochs, own)}
        axes.plot(at, [scale * statistics.mean(c) for c in columns], **style)
        axes.fill_between(at, [scale * min(c) for c in columns], [scale * max(c) for c in columns], color=color, alpha=0.2, linewidth=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _draw_time(figure, own):
    axes = figure.axes[0]
    names = [_label(arm, epochs, own) for arm, epochs in own]
    means = [statistics.mean(run["training_seconds"] / epochs for run in group) for (_, epochs), group in own.items()]
    axes.barh(names, means)
    axes.bar_label(axes.containers[0], fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("seconds of training per epoch, topology changes included (mean)")


def _draw_accuracy(figure, own):
    axes = figure.axes[0]
    _lines(axes, own, "test_accuracy")
    axes.set_xlabel("epoch"), axes.set_ylabel("test accuracy, %")
    axes.set_ylim(bottom=80)


def _draw_seconds(figure, own):
    axes = figure.axes[0]
    _lines(axes, own, "test_accuracy", x=_elapsed)
    axes.set_xlabel("seconds of training (mean over seeds)"), axes.set_ylabel("test accuracy, %")
    axes.set_ylim(bottom=80), axes.set_xscale("log")


def _elapsed(group):
    """Mean seconds of training and topology changes up to each epoch."""
    totals = []
    for run in group:
        total, elapsed = 0.0, []
        for pair in zip(run["by_epoch"]["seconds"], run["by_epoch"]["evolution_seconds"], strict=True):
            total += sum(pair)
            elapsed.append(total)
        totals.append(elapsed)
    return [statistics.mean(column) for column in zip(*totals, strict=True)]


def _draw_exploration(figure, own):
    for axes, name, label in zip(figure.axes, ("survived", "tried"), ("kept since the start, %", "positions ever tried, %"), strict=True):
        _lines(axes, own, name)
        axes.set_xlabel("epoch"), axes.set_ylabel(label)
