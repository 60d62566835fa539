"""Tables and figures of benchmark rows (`benchmark.turns.measure`)."""

import pathlib

from ..benchmark.statistics import break_even, line, ratio
from .plots import _figure


def table(rows, base):
    """Rows of one run as text: milliseconds, and how many times slower than the system `base` each is, by medians (minima).

    Parameters
    ----------
    rows : list of dict
    base : str
        A system; without it the ratios are left out.
    """
    ours = next((row for row in rows if row["system"] == base), None)
    wide = max(len("system"), *(len(row["system"]) for row in rows))
    head = f"{'system':<{wide}}  {'connections':>12}  {'median ms':>10}  {'minimum':>9}  {'quartiles':>19}  {'runs':>5}"
    lines = [head + (f"  times {base}" if ours else "")]
    for row in sorted(rows, key=lambda row: row["median"]):
        q1, median, q3, least = (1e3 * row[k] for k in ("q1", "median", "q3", "minimum"))
        text = f"{row['system']:<{wide}}  {row['connections']:>12,}  {median:>10.3f}  {least:>9.3f}  {q1:>9.3f} {q3:>9.3f}  {row['n']:>5}"
        lines.append(text + ("  {:.2f} ({:.2f})".format(*ratio(row, ours)) if ours else ""))
    return "\n".join(lines)


def sweep(rows, base):
    """Speed-ups of a density sweep.

    Parameters
    ----------
    rows : list of dict
        Of one run; `base` with one row, other systems with one row a density.
    base : str
        The dense system.

    Returns
    -------
    dict of str to dict
        By system: "densities", "speedups" (of medians), "speedups_minima", "break_even", "connections", "medians", "line" (a, b, r²; see
        `benchmark.statistics.line`).
    """
    (dense,) = (row for row in rows if row["system"] == base)
    found = {}
    for name in dict.fromkeys(row["system"] for row in rows if row["problem"]["density"] is not None):
        own = sorted((row for row in rows if row["system"] == name), key=lambda row: row["connections"])
        densities = [row["problem"]["density"] for row in own]
        ratios = [ratio(dense, row) for row in own]
        counts, medians = [row["connections"] for row in own], [row["median"] for row in own]
        found[name] = {
            "densities": densities, "speedups": [r[0] for r in ratios], "speedups_minima": [r[1] for r in ratios],
            "break_even": break_even(densities, [r[0] for r in ratios]), "connections": counts, "medians": medians,
            "line": line(counts, medians) if len(own) > 1 else None,
        }  # fmt: skip
    return found


def step_times(runs, path, title):
    """Bars of the time per step, a panel a run.

    Parameters
    ----------
    runs : dict of str to list of dict
        Rows by the panel's title.
    path : path
        The PNG to write.
    title : str
    """
    columns = min(3, len(runs))
    lines = -(-len(runs) // columns)
    most = max(len(rows) for rows in runs.values())
    figure = _figure(figsize=(4.6 * columns, (0.32 * most + 1) * lines + 0.4))
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes in panels.flat[len(runs) :]:
        axes.set_visible(False)
    for axes, (name, rows) in zip(panels.flat, runs.items(), strict=False):
        rows = sorted(rows, key=lambda row: -row["median"])
        medians = [1e3 * row["median"] for row in rows]
        colors = ["C3" if row["system"].startswith("sparsemlp") else "C0" for row in rows]
        spread = [[1e3 * (row["median"] - row["q1"]) for row in rows], [1e3 * (row["q3"] - row["median"]) for row in rows]]
        axes.barh([row["system"] for row in rows], medians, color=colors, xerr=spread, error_kw={"lw": 1})
        axes.plot([1e3 * row["minimum"] for row in rows], range(len(rows)), "k|", ms=9)
        for k, row in enumerate(rows):
            axes.annotate(f"{medians[k]:.3g}", (1e3 * row["q3"], k), (6, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set(xscale="log", title=name, xlabel="ms per step")
        axes.set_xlim(min(medians) / 2, max(medians) * 4)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.grid(axis="x", alpha=0.3)
    figure.suptitle(f"{title}\nmedian, quartiles, minimum (|)", fontsize=10)
    figure.savefig(pathlib.Path(path), dpi=120)
    return path


def speedup_against_density(sweeps, path, base):
    """Speed-up over the dense system `base` against density, break-even marked, a panel a sweep.

    Parameters
    ----------
    sweeps : dict of str to dict
        What `sweep` returns, by the panel's title.
    path : path
        The PNG to write.
    base : str
        What the speed-ups are over, for the axis.
    """
    figure = _figure(figsize=(5.4 * len(sweeps), 4.2))
    panels = figure.subplots(1, len(sweeps), squeeze=False, sharey=True)
    for axes, (name, found) in zip(panels.flat, sweeps.items(), strict=True):
        for k, (system, values) in enumerate(found.items()):
            color = "C3" if system == "sparsemlp" else f"C{k if k != 3 else 9}"
            percent = [100 * d for d in values["densities"]]
            axes.plot(percent, values["speedups"], "o-", color=color, label=system, ms=4)
            if values["break_even"]:
                at = 100 * values["break_even"]
                axes.plot([at], [1], "*", color=color, ms=13, zorder=5)
                axes.annotate(f"{at:.0f} %", (at, 1), (0, 8), textcoords="offset points", ha="center", color=color, fontsize=9)
        axes.axhline(1, color="k", lw=0.8)
        axes.set(xscale="log", yscale="log", title=name, xlabel="density (%)")
        ticks = [tick for tick in (0.1, 1, 2, 5, 10, 20, 50, 100) if min(percent) <= tick <= 100]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    panels[0, 0].set_ylabel(f"times faster than {base}")
    figure.suptitle("Speed-up of a training step; a star where it is 1", fontsize=10)
    figure.savefig(pathlib.Path(path), dpi=120)
    return path


def time_against_connections(sweeps, path):
    """Time of a step against connections, log-log, with the line a + b * connections; parameters as in `speedup_against_density`."""
    figure = _figure(figsize=(7, 4.6))
    axes = figure.subplots()
    for k, (name, found) in enumerate(sweeps.items()):
        for system, marker in (("sparsemlp", "o"),):
            values = found[system]
            a, b, r2 = values["line"]
            counts = values["connections"]
            axes.plot(counts, [1e3 * m for m in values["medians"]], marker, color=f"C{k}", ms=5)
            label = f"{name}: {1e3 * a:.2f} ms + {1e9 * b:.2f} ns a connection, r² = {r2:.4f}"
            axes.plot(counts, [1e3 * (a + b * n) for n in counts], "-", color=f"C{k}", lw=1, label=label)
    axes.set(xscale="log", yscale="log", xlabel="connections", ylabel="ms per step", title="sparsemlp: time of a training step")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.savefig(pathlib.Path(path), dpi=120)
    return path


def memory_against_width(rows, path):
    """Bytes counted and bytes resident in training against the width, log-log.

    Parameters
    ----------
    rows : list of dict
        With "kind", "width", "counted", "training" (bytes), "connections".
    path : path
        The PNG to write.
    """
    figure = _figure(figsize=(7, 4.6))
    axes = figure.subplots()
    for k, kind in enumerate(dict.fromkeys(row["kind"] for row in rows)):
        own = sorted((row for row in rows if row["kind"] == kind), key=lambda row: row["width"])
        widths = [row["width"] for row in own]
        axes.plot(widths, [row["counted"] / 1e6 for row in own], "-", color=f"C{k}", label=f"{kind}, counted")
        axes.plot(widths, [row["training"] / 1e6 for row in own], "o", color=f"C{k}", mfc="none", label=f"{kind}, resident while training")
    axes.set(
        xscale="log", yscale="log", xlabel="units of each of three hidden layers", ylabel="MB", title="Memory of training with momentum"
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.savefig(pathlib.Path(path), dpi=120)
    return path
