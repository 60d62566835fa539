"""Figures 2 and 3 of the paper on pruning at initialization, and its table 1 as curves."""

import statistics

from .evidence import METHODS, figure2, structures
from .settings import BATCH, DATASETS, IMAGES, NETS, PAPER, STEPS


def figures(folder, results, errors):
    """Draw what there are runs for.

    Parameters
    ----------
    folder : pathlib.Path
    results : list of dict
        The runs.
    errors : dict
        Data set to 1,000 times the squared error of the mean image.

    Returns
    -------
    list of (title, file name)
    """
    drawn, wanted = [], []
    for evidence in structures(results):
        name = evidence.structure
        wanted.append((f"Table 1: accuracy by steps, with the paper's; {evidence.title}", f"table1_{name}.png", _table_1(evidence)))
        title = f"Figure 3: accuracy by number of training images, 784-10, 2,500 steps; {evidence.title}"
        wanted.append((title, f"figure3_{name}.png", _figure_3(evidence)))
    wanted.append(("Figure 2: performance by sparsity", "figure2.png", _figure_2(figure2(results), errors)))
    for title, file, figure in wanted:
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


def _table_1(evidence):
    runs = evidence.table
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


def _figure_3(evidence):
    runs = evidence.part("figure3")
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


def _figure_2(runs, errors):
    if not runs:
        return None
    nets = [net for net in NETS if any(n == net for n, _ in runs)]
    figure = _figure(len(nets), len(DATASETS))
    places = [(net, dataset) for net in nets for dataset in DATASETS]
    for axes, (net, dataset) in zip(figure.axes, places, strict=True):
        own = runs.get((net, dataset), ())
        epochs = f", {own[0]['steps'][0] * BATCH // IMAGES} epochs" if own else ": not run"
        axes.set_title(f"{net}, {dataset}{epochs}")
        for k, method in enumerate(METHODS):
            points = sorted((statistics.mean(t["sparsity"] for t in r["trials"]), *_stats(r)) for r in own if r["arm"].startswith(method))
            if points:
                x, mean, deviation = zip(*points, strict=True)
                line = "" if method in ("dissipating", "displacement") else "-"
                axes.errorbar([100 * v for v in x], mean, deviation, color=f"C{k}", marker="o", linestyle=line, capsize=3, label=method)
        for r in own:
            if r["arm"] == "dense":
                axes.axhline(_stats(r)[0], color="black", linestyle=":", label="dense")
        coder = net == "autoencoder"
        if coder and dataset in errors:
            axes.axhline(errors[dataset], color="gray", linestyle="--", label="the mean image")
        axes.set(xlabel="sparsity, %", ylabel="1,000 × squared error" if coder else "test accuracy, %")
        _finish(axes)
    return figure


def _finish(axes, *, outside=False):
    """Grid, and a legend where something is drawn."""
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if outside else {}
        axes.legend(fontsize="small", **place)
