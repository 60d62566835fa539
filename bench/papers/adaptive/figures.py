"""Figures of the adaptive pruning experiment: what is left round by round, and what it costs in accuracy."""

import statistics

from .evidence import chosen_trial
from .settings import ARMS, STATIC, named

FIRST = [arm for arm, a in ARMS.items() if a.rate is None and a.trial is None]  # the first edition's, drawn in their own way


def figures(folder, groups):
    """Draw the PNG files into the folder; their lines of the summary."""
    lines = ["## Figures", ""]
    for file, title, draw in (
        ("weights_by_round.png", "Remaining weights by round: mean over all folds, one that has ended keeps its last", _by_round),
        ("accuracy_by_weights.png", "Test accuracy by remaining weights, each round of each fold", _by_weights),
    ):
        figure = _figure()
        draw(figure.axes[0], groups)
        figure.suptitle(title)
        figure.savefig(folder / file, dpi=80, metadata={"Software": None})
        lines += [f"![{title}]({file})", ""]
    return lines


def _figure():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    figure.subplots()
    return figure


def _shown(groups):
    """The arms that are drawn: static ones, and those of the trial drop that was chosen beside the first edition's."""
    trial = chosen_trial(groups)
    wanted = [*STATIC]
    for t in dict.fromkeys((trial, None)):
        wanted += [named(name, t) for name in ("adaptive-0.46", "adaptive-1.0", "auxiliary-20", "auxiliary-40", "auxiliary-60")]
    return {arm: (groups[arm], f"C{k % 10}", "--" if arm in FIRST else "-") for k, arm in enumerate(wanted) if arm in groups}


def _by_round(axes, groups):
    for arm, (group, color, line) in _shown(groups).items():
        counts = [[run["base"]["connections"], *(r["connections"] for r in run["rounds"])] for run in group]
        longest = max(map(len, counts))
        by_round = zip(*(c + c[-1:] * (longest - len(c)) for c in counts), strict=True)
        axes.plot(range(longest), [statistics.mean(at) for at in by_round], color=color, linestyle=line, marker=".", label=arm)
    axes.set_xlabel("round"), axes.set_ylabel("remaining weights")
    _finish(axes)


def _by_weights(axes, groups):
    for arm, (group, color, _) in _shown(groups).items():
        records = [r for run in group for r in run["rounds"]]
        accuracies = [100 * r["test_accuracy"] for r in records]
        marker = "x" if arm in FIRST else "."
        axes.scatter([r["connections"] for r in records], accuracies, s=9, color=color, marker=marker, linewidths=0.7, label=arm)
    axes.set_xlabel("remaining weights"), axes.set_ylabel("test accuracy, %")
    _finish(axes)


def _finish(axes):
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small", ncols=2)
