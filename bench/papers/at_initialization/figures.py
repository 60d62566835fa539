"""Figures 2 and 3 of the paper on pruning at initialization, and its table 1 as curves."""

import statistics

from .evidence import column, part
from .settings import DATASETS, NETS, PAPER, STEPS


def figures(folder, results):
    """Draw what there are runs for.

    Parameters
    ----------
    folder : pathlib.Path
    results : list of dict
        Contents of the runs' files.

    Returns
    -------
    list of (title, file name)
    """
    drawn = []
    for title, file, draw in (
        ("Table 1: accuracy by steps, with the paper's", "table1.png", _table_1),
        ("Figure 3: accuracy by number of training images, 784-10, 2,500 steps", "figure3.png", _figure_3),
        ("Figure 2: performance by sparsity", "figure2.png", _figure_2),
    ):
        figure = draw(results)
        if figure is not None:
            figure.suptitle(title)
            figure.savefig(folder / file, dpi=80, metadata={"Software": None})
            drawn.append((title, file))
    return drawn


def _figure(rows, columns):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * columns, 4.2 * rows), layout="constrained")
    figure.subplots(rows, columns, squeeze=False)
    return figure


def _stats(result, at=-1):
    """Mean and standard deviation over the trials: per cent, or 1,000 times the squared error."""
    scale = 1000 if result["net"] == "autoencoder" else 100
    values = [scale * t["performance"][at] for t in result["trials"]]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def _table_1(results):

    scan = part(results, "scan")
    sparse = part(results, "table1")
    if not sparse:
        return None
    runs = column(results, (sparse[0]["std"], sparse[0]["lr"])) if scan else {}
    figure = _figure(1, 2)
    for k, name in enumerate(PAPER):
        label = name if name == "dense" else f"k = {name}"
        style = {"color": f"C{k}", "marker": "o", "capsize": 3, "label": label}
        shifted = [s * 1.06 ** (k - 2) for s in STEPS]  # so that error bars do not hide each other
        if name in runs:
            found = [_stats(runs[name], at) for at in range(len(STEPS))]
            figure.axes[0].errorbar(shifted, [m for m, _ in found], [s for _, s in found], **style)
        figure.axes[1].errorbar(shifted, [m for m, _ in PAPER[name]], [s for _, s in PAPER[name]], **style)
    for axes, title in zip(figure.axes, ("here", "the paper"), strict=True):
        axes.set(xscale="log", xlabel="steps", ylabel="test accuracy, %", title=title, ylim=(0, 100))
        _finish(axes)
    return figure


def _figure_3(results):

    runs = part(results, "figure3")
    if not runs:
        return None
    figure = _figure(1, len(DATASETS))
    for axes, dataset in zip(figure.axes, DATASETS, strict=True):
        for k, arm in enumerate(dict.fromkeys(sorted(r["arm"] for r in runs))):
            own = sorted((r for r in runs if (r["dataset"], r["arm"]) == (dataset, arm)), key=lambda r: r["samples"])
            found = [_stats(r) for r in own]
            dash = "-" if arm.startswith("k-") else "--"
            sizes = [r["samples"] * 1.03 ** (k - 3) for r in own]
            style = {"color": f"C{k}", "linestyle": dash, "marker": ".", "capsize": 2, "label": arm.replace(" p", ", p = ")}
            axes.errorbar(sizes, [m for m, _ in found], [s for _, s in found], **style)
        axes.set(xscale="log", xlabel="training images", ylabel="test accuracy, %", title=dataset)
        _finish(axes, outside=True)
    return figure


def _figure_2(results):

    runs = part(results, "figure2")
    if not runs:
        return None
    nets = [net for net in NETS if any(r["net"] == net for r in runs)]
    figure = _figure(len(nets), len(DATASETS))
    places = [(net, dataset) for net in nets for dataset in DATASETS]
    for axes, (net, dataset) in zip(figure.axes, places, strict=True):
        own = [r for r in runs if (r["net"], r["dataset"]) == (net, dataset)]
        axes.set_title(f"{net}, {dataset}" + ("" if own else ": not run"))
        for k, method in enumerate(("random", "k-starts", "dissipating", "combination")):
            points = sorted((statistics.mean(t["sparsity"] for t in r["trials"]), *_stats(r)) for r in own if r["arm"].startswith(method))
            if points:
                x, mean, deviation = zip(*points, strict=True)
                line = "" if method == "dissipating" else "-"
                axes.errorbar([100 * v for v in x], mean, deviation, color=f"C{k}", marker="o", linestyle=line, capsize=3, label=method)
        for r in own:
            if r["arm"] == "dense":
                axes.axhline(_stats(r)[0], color="black", linestyle=":", label="dense")
        coder = net == "autoencoder"
        axes.set(xlabel="sparsity, %", ylabel="1,000 × squared error" if coder else "test accuracy, %")
        _finish(axes)
    return figure


def _finish(axes, *, outside=False):
    """Grid, and a legend where something is drawn."""
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if outside else {}
        axes.legend(fontsize="small", **place)
