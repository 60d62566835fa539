"""Figures of the experiment on structured nets."""

import statistics

from .evidence import accuracy
from .settings import HIGHER, LR

STYLES = {  # arm: (label, colour, line)
    "one-time": ("one-time, not retrained", "C3", "--"),
    "prune-retrain": ("one-time, then half of the epochs", "C1", "-"),
    "iterative": ("iterative", "C0", "-"),
    "radix": ("RadiX-Net", "C2", "-"),
    "random": ("its random equivalent", "C4", "--"),
    "expander": ("random expander", "C5", ":"),
}


def draw(folder, groups):
    """Write the PNG files whose runs are there; returns the README's lines that show them."""
    lines = ["## Figures", ""]
    wanted = (
        ("accuracy_by_sparsity.png", "Test accuracy against sparsity; bars: one standard deviation", _by_sparsity),
        ("threshold_and_sparsity.png", "Iterative pruning: threshold and sparsity over time", _over_time),
        ("retraining.png", "Training again on pruned structures: test accuracy by epoch", _retraining),
    )
    for file, title, sketch in wanted:
        figure = _figure()
        if sketch(figure, groups):
            figure.suptitle(title)
            figure.savefig(folder / file, dpi=80, metadata={"Software": None})
            lines += [f"![{title}]({file})", ""]
    return lines


def _figure():
    from matplotlib.figure import Figure

    return Figure(figsize=(13, 4.8), layout="constrained")


def _series(axes, groups, part, arm):
    """Accuracy against the sparsity that was reached; whether there was any."""
    found = sorted((g[0]["sparsity_reached"], g) for k, g in groups.items() if k[0] == part and k[1] == arm)
    if not found:
        return False
    label, colour, line = STYLES[arm]
    values = [[100 * accuracy(r) for r in g] for _, g in found]
    error = [statistics.stdev(v) if len(v) > 1 else 0 for v in values]
    at = [100 * s for s, _ in found]
    axes.errorbar(at, [statistics.mean(v) for v in values], yerr=error, label=label, color=colour, linestyle=line, marker="o", capsize=3)
    return True


def _by_sparsity(figure, groups):
    panels = (
        ("pruning LeNet-300-100", [("one-time", "one-time"), ("iterative", "prune-retrain"), ("iterative", "iterative")]),
        ("sparse from the start, LeNet-300-100", [("structures", arm) for arm in ("radix", "random", "expander")]),
        ("sparse from the start, about 25,000 connections", [("connections", arm) for arm in ("radix", "random")]),
    )
    dense = [100 * accuracy(r) for k, g in groups.items() if k[0] == "dense" for r in g]
    small = [100 * accuracy(r) for k, g in groups.items() if k[:2] == ("connections", "dense") for r in g]
    any_drawn = False
    for axes, (title, series) in zip(figure.subplots(1, 3), panels, strict=True):
        any_drawn |= any([_series(axes, groups, *s) for s in series])
        if series[0][0] == "connections":
            lenet = {("connections", *k[1:]): g for k, g in groups.items() if k[0] == "structures" and k[2] == 0.9}
            for arm in ("radix", "random"):
                _point(axes, lenet, arm)
            if small:
                axes.axhline(statistics.mean(small), color="black", linewidth=1, label="small dense net")
        if dense:
            axes.axhline(statistics.mean(dense), color="grey", linewidth=1, label="dense LeNet-300-100")
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("sparsity of the hidden layers, %"), axes.set_ylabel("test accuracy, %")
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, 85), min(high, 99))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="lower left" if series[0][0] != "connections" else "best")
    return any_drawn


def _point(axes, groups, arm):
    """The net of 90 % sparsity, which both series share."""
    for key, group in groups.items():
        if key[1] == arm:
            mean = statistics.mean(100 * accuracy(r) for r in group)
            axes.plot(
                [100 * group[0]["sparsity_reached"]],
                [mean],
                marker="o",
                color=STYLES[arm][1],
                fillstyle="none",
                linestyle="",
                label=f"{STYLES[arm][0]}, 300-100",
            )


def _over_time(figure, groups):
    found = {k[2]: g[0] for k, g in groups.items() if k[:2] == ("iterative", "iterative")}
    if not found:
        return False
    thresholds, sparsities, accuracies = figure.subplots(1, 3)
    for c, (s, run) in enumerate(sorted(found.items())):
        by_epoch, sizes = run["by_epoch"], run["sizes"]
        epochs = range(1, run["epochs"] + 1)
        for layer, line in ((0, "-"), (1, "--")):
            label = f"{100 * s:g} %, layer {layer}"
            thresholds.plot(epochs, [t[layer] for t in by_epoch["threshold"]], line, color=f"C{c}", marker=".", label=label)
            full = sizes[layer] * sizes[layer + 1]
            sparsities.plot(epochs, [100 - 100 * n[layer] / full for n in by_epoch["connections"]], line, color=f"C{c}", marker=".")
        accuracies.plot(epochs, [100 * a for a in by_epoch["test_accuracy"]], color=f"C{c}", marker=".", label=f"{100 * s:g} %")
    thresholds.set_ylabel("largest |w| that the last removal took"), sparsities.set_ylabel("sparsity, %")
    accuracies.set_ylabel("test accuracy, %")
    thresholds.legend(fontsize="small"), accuracies.legend(fontsize="small")
    for axes in (thresholds, sparsities, accuracies):
        axes.set_xlabel("epoch"), axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return True


def _retraining(figure, groups):
    found = {k[1:4]: g for k, g in groups.items() if k[0] == "retrain"}
    sparsities = sorted({k[1] for k in found})
    if not found:
        return False
    figure.set_size_inches(13, 8)
    panels = figure.subplots(2, len(sparsities), squeeze=False)
    for line, source in zip(panels, ("one-time", "iterative"), strict=True):
        for axes, s in zip(line, sparsities, strict=True):
            for c, weights in enumerate(("original", "new")):
                for lr, style in ((LR, "-"), (HIGHER * LR, "--")):
                    runs = found.get((f"{source}/{weights}", s, lr), ())
                    for i, run in enumerate(runs):
                        values = [100 * a for a in run["by_epoch"]["test_accuracy"]]
                        label = f"{weights} weights, lr {lr:g}" if i == 0 else None
                        axes.plot(range(1, len(values) + 1), values, style, color=f"C{c}", label=label, linewidth=1)
            axes.set_title(f"{source}, {100 * s:g} %", fontsize="medium")
            axes.set_xlabel("epoch"), axes.set_ylabel("test accuracy, %"), axes.grid(alpha=0.3)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.legend(fontsize="small", loc="lower right")
    return True
