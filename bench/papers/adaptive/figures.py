"""Figures of the adaptive pruning experiment: what is left round by round, and what it costs in accuracy."""

import statistics


def figures(folder, groups):
    """Draw the PNG files into the folder; their lines of the summary."""
    lines = ["## Figures", ""]
    for file, title, draw in (
        ("weights_by_round.png", "Remaining weights by round (mean over the folds that got there)", _by_round),
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


def _by_round(axes, groups):
    for k, (arm, group) in enumerate(groups.items()):
        n_rounds = max(len(run["rounds"]) for run in group)
        by_round = [[run["rounds"][r]["connections"] for run in group if len(run["rounds"]) > r] for r in range(n_rounds)]
        means = [statistics.mean(at) for at in ([run["base"]["connections"] for run in group], *by_round)]
        axes.plot(range(n_rounds + 1), means, color=f"C{k % 10}", marker=".", label=arm)
    axes.set_xlabel("round"), axes.set_ylabel("remaining weights")
    _finish(axes)


def _by_weights(axes, groups):
    for k, (arm, group) in enumerate(groups.items()):
        records = [r for run in group for r in run["rounds"]]
        accuracies = [100 * r["test_accuracy"] for r in records]
        axes.scatter([r["connections"] for r in records], accuracies, s=6, color=f"C{k % 10}", label=arm)
    axes.set_xlabel("remaining weights"), axes.set_ylabel("test accuracy, %")
    _finish(axes)


def _finish(axes):
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small", ncols=2)
