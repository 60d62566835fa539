"""The figures of the HTML report, as text to be placed inside the page: SVG from matplotlib, PNG for pictures of inputs."""

import base64
import io
import math
import re

import numpy as np

from .plots import _figure

DRAWN = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def _svg(figure, salt):
    """The figure as an <svg> element, the same bytes each time; `salt` keeps the ids of the figures of one page apart."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({**DRAWN, "svg.hashsalt": salt}):
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = out.getvalue()
    used = set(re.findall(r"#([\w.-]+)", text))  # the other ids would occur in every figure
    return re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", text[text.index("<svg") :])


def _axes(n, height=2.8):
    import matplotlib

    with matplotlib.rc_context(DRAWN):
        figure = _figure(figsize=(3.5 * n, height))
        return figure, np.atleast_1d(figure.subplots(1, n))


def _finite(values):
    return [v if isinstance(v, (int, float)) and math.isfinite(v) else math.nan for v in values]


def curves(runs):
    """Loss, accuracy by epoch and accuracy by seconds of the runs that have a history; None if none has."""
    runs = [run for run in runs if run.records]
    if not runs:
        return None
    measured = any("accuracy" in run.records[0] for run in runs)
    figure, axes = _axes(3 if measured else 1)
    for k, run in enumerate(runs):
        epochs = [r["epoch"] + 1 for r in run.records]
        for name, style in (("loss", "-"), ("val_loss", "--")):
            if name in run.records[0]:
                label = run.name + (", validation" if style == "--" else "")
                axes[0].plot(epochs, _finite([r.get(name) for r in run.records]), style, color=f"C{k}", label=label)
        seconds = np.cumsum(_finite([r.get("seconds", 0) + r.get("evolution_seconds", 0) for r in run.records]))
        for name, style in (("accuracy", "-"), ("val_accuracy", "--")):
            if measured and name in run.records[0]:
                values = 100 * np.array(_finite([r.get(name) for r in run.records]))
                axes[1].plot(epochs, values, style, color=f"C{k}")
                axes[2].plot(seconds, values, style, color=f"C{k}")
        if measured and run.test_accuracy is not None:
            axes[1].axhline(100 * run.test_accuracy, color=f"C{k}", linestyle=":", linewidth=1)
    axes[0].set(xlabel="epoch", ylabel="loss", yscale="log" if _positive(axes[0]) else "linear")
    axes[0].legend(fontsize=8, frameon=False)
    if measured:
        axes[1].set(xlabel="epoch", ylabel="accuracy (%)")
        axes[2].set(xlabel="seconds of training", ylabel="accuracy (%)")
    for a in axes:
        a.grid(alpha=0.3)
    return _svg(figure, "curves")


def _positive(axes):
    values = np.concatenate([line.get_ydata() for line in axes.lines])
    return values.size and np.nanmin(values) > 0


def over_time(run, salt):
    """Density per layer, and connections replaced, by epoch; None if there is no history or nothing ever changed."""
    records = [r for r in run.records if isinstance(r.get("density"), list)]
    if len(records) < 2:
        return None
    density = np.array([r["density"] for r in records], float)
    changed = np.array([sum(r.get("grown", [])) + sum(r.get("dropped", [])) for r in records])
    if density.shape[1] != len(run.network.layers) or (np.ptp(density) == 0 and not changed.any()):
        return None
    epochs = [r["epoch"] + 1 for r in records]
    figure, axes = _axes(2, 2.6)
    for k in range(density.shape[1]):
        axes[0].plot(epochs, 100 * density[:, k], label=f"layer {k}")
    axes[0].set(xlabel="epoch", ylabel="density (%)", yscale="log" if 0 < 20 * density.min() < density.max() else "linear")
    axes[0].legend(fontsize=8, frameon=False)
    for name in ("dropped", "grown"):
        axes[1].plot(epochs, [sum(r.get(name, [])) for r in records], label=name, linestyle="-" if name == "dropped" else "--")
    axes[1].set(xlabel="before epoch", ylabel="connections")
    axes[1].legend(fontsize=8, frameon=False)
    for a in axes:
        a.grid(alpha=0.3)
    return _svg(figure, salt)


def degrees(layers, salt):
    """Histograms of the connections of each layer's input and output units; `layers` : [(int[n_in], int[n_out])]."""
    figure, axes = _axes(len(layers), 2.4)
    for k, (inputs, outputs) in enumerate(layers):
        top = max(int(inputs.max()), int(outputs.max()))
        bins = np.arange(top + 2) - 0.5 if top < 40 else 40
        axes[k].hist([inputs, outputs], bins=bins, label=["of an input", "of an output"], histtype="stepfilled", alpha=0.5)
        axes[k].set(title=f"layer {k}", xlabel="connections of a unit", ylabel="units" if k == 0 else "")
    axes[0].legend(fontsize=8, frameon=False)
    return _svg(figure, salt)


def picture(counts):
    """An <img> of the connections of each input, where the inputs may be the pixels of a square grey image; None otherwise."""
    side = math.isqrt(counts.size)
    if side * side != counts.size or side < 6:
        return None
    import matplotlib.image

    out = io.BytesIO()
    matplotlib.image.imsave(out, counts.reshape(side, side), cmap="viridis", vmin=0, format="png", metadata={"Software": None})
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return f'<img alt="connections of each input" width="200" height="200" src="data:image/png;base64,{data}">'
