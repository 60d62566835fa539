"""What pruned structures look like, the slides' future work: how many connections each pixel and each unit has kept."""

import statistics

import numpy as np

from sparsemlp.environment import machine

from ..shared import runs
from ..shared.tables import row
from .run import found_network
from .settings import LR, SIZES, SPARSITIES, Setting

SIDE = 28


def measure(folder, work, data, epochs):
    """Count the connections of the nets that pruning found with seed 0, and write them as the line "degrees"."""
    found = []
    for sparsity in SPARSITIES[2:]:
        for how in ("one-time", "iterative"):
            net = found_network(how, Setting(how, how, sparsity, LR, None, 0, epochs), work, data)
            matrices = [layer.weights.csr for layer in net.layers[:2]]
            degrees = {
                "pixels": np.diff(matrices[0].indptr).tolist(),
                "first": np.bincount(matrices[0].indices, minlength=SIZES[1]).tolist(),
                "second": np.bincount(matrices[1].indices, minlength=SIZES[2]).tolist(),
            }
            found.append({"found": how, "sparsity": sparsity, **degrees})
    runs.put(folder, "degrees", {"degrees": found, "epochs": epochs, "machine": machine()})


def table(found):
    """Lines of Markdown: idle pixels and units, and how unequal the degrees are.

    Parameters
    ----------
    found : dict or None
        What `measure` wrote.
    """
    if not found:
        return []
    names = ["structure", "sparsity", "pixels without connections", "idle units, first layer", "second layer"]
    names += ["largest degree of a pixel", "of a unit, first layer", "deviation / mean of the pixels'", "in a random net"]
    lines = ["## What pruned structures look like", "", row(*names), row("---", *["---:"] * (len(names) - 1))]
    for one in found["degrees"]:
        pixels, first, second = one["pixels"], one["first"], one["second"]
        mean, share = statistics.mean(pixels), sum(pixels) / (len(pixels) * SIZES[1])
        cells = [sum(d == 0 for d in degrees) for degrees in (pixels, first, second)]
        cells += [
            max(pixels),
            max(first),
            f"{statistics.pstdev(pixels) / mean:.2f}",
            f"{(SIZES[1] * share * (1 - share)) ** 0.5 / mean:.2f}",
        ]
        lines.append(row(one["found"], f"{100 * one['sparsity']:g} %", *cells))
    return [
        *lines,
        "",
        "Seed 0. Of 784 pixels, 300 and 100 units; a unit without inputs is idle. A random net's degrees are binomial. Pruning finds the",
        "pixels that digits touch; a random expander gives each unit the same number of inputs and each pixel about as many as any other.",
        "",
    ]


def draw(folder, found):
    """Write degrees.png: the connections of each pixel, and the units' degrees in order; the README's lines that show it."""
    from matplotlib.figure import Figure

    if not found:
        return []
    own = [one for one in found["degrees"] if one["found"] == "iterative"]
    figure = Figure(figsize=(4 * len(own) + 5, 4.2), layout="constrained")
    *images, last = figure.subplots(1, len(own) + 1)
    for axes, one in zip(images, own, strict=True):
        shown = axes.imshow(np.reshape(one["pixels"], (SIDE, SIDE)), cmap="viridis")
        axes.set_title(f"iterative, {100 * one['sparsity']:g} %", fontsize="medium"), axes.set_axis_off()
        figure.colorbar(shown, ax=axes, shrink=0.8, label="connections of the pixel")
    for k, one in enumerate(own):
        mean = statistics.mean(one["first"])
        last.plot(sorted(one["first"], reverse=True), color=f"C{k}", label=f"{100 * one['sparsity']:g} %")
        last.axhline(mean, color=f"C{k}", linestyle=":", linewidth=1)
    last.set(xlabel="unit of the first hidden layer, in order", ylabel="inputs (dotted: of a random expander)", yscale="symlog")
    last.grid(alpha=0.3), last.legend(fontsize="small")
    title = "What iterative pruning keeps: connections of each pixel and of each hidden unit, seed 0"
    figure.suptitle(title)
    figure.savefig(folder / "degrees.png", dpi=80, metadata={"Software": None})
    return [f"![{title}](degrees.png)", ""]
