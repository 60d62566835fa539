"""Figures. matplotlib is imported here, when a figure is drawn, and draws to files only."""

import contextlib


def _figure(**options):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained", **options)
    FigureCanvasAgg(figure)
    return figure


def learning_curves(arms, path, title):
    """Loss and accuracy per epoch, and accuracy against training time, of several runs.

    Parameters
    ----------
    arms : dict of str to dict
        Name of the run to {"history": records of a History, "test_accuracy": float}.
    path : path
        The PNG to write.
    title : str

    Returns
    -------
    path
    """
    figure = _figure(figsize=(11, 3.6))
    losses, accuracies, times = figure.subplots(1, 3)
    for k, (name, run) in enumerate(arms.items()):
        records, color = run["history"], f"C{k}"
        if not records:
            continue
        epochs = [r["epoch"] + 1 for r in records]
        losses.plot(epochs, [r["loss"] for r in records], color=color, marker=".", label=name)
        measured = "val_accuracy" if "val_accuracy" in records[0] else "accuracy"
        kind = "validation" if measured == "val_accuracy" else "training"
        values = [100 * r[measured] for r in records]
        accuracies.plot(epochs, values, color=color, marker=".", label=f"{name}, {kind}")
        accuracies.axhline(100 * run["test_accuracy"], color=color, linestyle=":", label=f"{name}, test at the end")
        seconds, total = [], 0.0
        for r in records:
            total += r["seconds"] + r["evolution_seconds"]
            seconds.append(total)
        times.plot(seconds, values, color=color, marker=".", label=f"{name}, {kind}")
    figure.suptitle(title)
    losses.set(xlabel="epoch", ylabel="training loss", yscale="log")
    accuracies.set(xlabel="epoch", ylabel="accuracy (%)")
    times.set(xlabel="seconds of training", ylabel="accuracy (%)", xscale="log")
    for axes in (losses, accuracies):
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in (losses, accuracies, times):
        axes.grid(alpha=0.3)
        with contextlib.suppress(IndexError):
            axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    return path
