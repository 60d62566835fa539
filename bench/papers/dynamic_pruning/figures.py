"""Figures 1-6 of the dynamic pruning paper, and what it lacks, as PNG files."""

import itertools
import statistics

from .settings import ARMS, NETS, PAPER_ARMS, STARTS
from .times import totals

MAIN = (*PAPER_ARMS, "small-dense")
CHOICES = ("static", "set", "set-magnitude", "set-initializer", "exd", "exd-magnitude", "exd-initializer")
STYLES = {  # one colour an arm in all figures; variants of an arm share its colour
    "dense": ("black", "-"),
    "small-dense": ("gray", "--"),
    "static": ("C0", "-"),
    "set": ("C1", "-"),
    "exd": ("C2", "-"),
    "ldv": ("C3", "-"),
    "osv": ("C4", "-"),
    "set-magnitude": ("C1", "--"),
    "set-initializer": ("C1", ":"),
    "exd-magnitude": ("C2", "--"),
    "exd-initializer": ("C2", ":"),
    "discarded": ("C9", "--"),
}


def draw(folder, groups, times):
    """Write the figures of all nets that have runs.

    Parameters
    ----------
    folder : pathlib.Path
    groups : dict
        (start, net, arm, epochs) to list of runs.
    times : dict
        Net to what `dynamic_pruning_times.measure` returned.

    Returns
    -------
    list of (file name, title)
    """
    drawn = []
    for start, (number, net) in itertools.product(STARTS, enumerate(NETS, 1)):
        own = {(arm, epochs): group for (s, n, arm, epochs), group in groups.items() if (s, n) == (start, net)}
        main = {key: group for key, group in own.items() if key[0] in MAIN}
        choices = {key: group for key, group in own.items() if key[0] in CHOICES}
        timed = times.get(net, {}).get("arms")
        wanted = []
        if timed and start == next(iter(STARTS)):
            wanted.append((f"figure{number}_training_time.png", f"Figure {number}: training time, {net}", _training_time, timed, 1))
        if main:
            title = f"Figure {number + 3}: test accuracy by epoch, {net}, {start} start"
            wanted.append((f"figure{number + 3}_accuracy_{start}.png", title, _accuracy, main, 1))
            title = f"Connections that change, {net}, {start} start"
            wanted.append((f"exploration_{net}_{start}.png", title, _exploration, main, 3))
        if main and timed:
            title = f"Test accuracy by time, {net}, {start} start"
            seconds = {arm: statistics.median(totals(t)) for arm, t in timed.items()}
            wanted.append((f"accuracy_by_seconds_{net}_{start}.png", title, lambda f, own, s=seconds: _by_seconds(f, own, s), main, 1))
        if any("-" in arm for arm, _ in choices):
            title = f"What the choices are worth, {net}, {start} start"
            wanted.append((f"choices_{net}_{start}.png", title, _choices, choices, 1))
        for file, title, paint, data, n_axes in wanted:
            figure = _figure(n_axes)
            paint(figure, data)
            figure.suptitle(title, fontsize="medium")
            figure.savefig(folder / file, dpi=80, metadata={"Software": None})
            drawn.append((file, title))
    return drawn


def _figure(n_axes):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * n_axes + 3.4, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.subplots(1, n_axes)
    return figure


def _lines(axes, own, name, x=None, scale=100):
    """Mean over the seeds as a line, smallest to largest as a band."""
    for (arm, epochs), group in own.items():
        curves = [run["by_epoch"][name] for run in group if run["by_epoch"][name]]
        if not curves:
            continue
        columns = [[scale * value for value in column if value is not None] for column in zip(*curves, strict=True)]
        at = x(arm, epochs) if x else list(range(1, epochs + 1))
        at, columns = zip(*((a, c) for a, c in zip(at, columns, strict=True) if c), strict=True) if any(columns) else ((), ())
        color, line = STYLES[arm]
        label = arm if len({e for _, e in own}) == 1 else f"{arm}, {epochs} epochs"
        if len(curves) > 1:
            label += f", {len(curves)} seeds"
        axes.plot(at, [statistics.mean(c) for c in columns], color=color, linestyle=line, linewidth=1.3, label=label)
        axes.fill_between(at, [min(c) for c in columns], [max(c) for c in columns], color=color, alpha=0.15, linewidth=0)
    axes.grid(alpha=0.3)


def _legend(figure):
    """Beside the axes, so that it covers no curve; one line an arm."""
    named = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(named.values(), named.keys(), loc="outside right upper", fontsize="small")


def _bottom(own):
    """Where the axis of accuracies begins: below what all arms have in their second epoch and in their last."""
    curves = [run["by_epoch"]["test_accuracy"] for group in own.values() for run in group]
    return 100 * min(min(curve[min(1, len(curve) - 1)], curve[-1]) for curve in curves) - 0.5


def _training_time(figure, timed):
    """Bars: an epoch of each arm, with the smallest and the largest round as a line; changes are too short to be drawn, and are written."""
    axes = figure.axes[0]
    names = [arm for arm in ARMS if arm in timed]
    changes = [statistics.median(timed[arm]["evolution_seconds"]) for arm in names]
    rounds = [totals(timed[arm]) for arm in names]
    middle = [statistics.median(t) for t in rounds]
    axes.barh(names, middle, color=[STYLES[arm][0] for arm in names], alpha=0.75)
    ends = [[m - min(t) for m, t in zip(middle, rounds, strict=True)], [max(t) - m for m, t in zip(middle, rounds, strict=True)]]
    axes.errorbar(middle, names, xerr=ends, fmt="none", ecolor="black", capsize=3, linewidth=1)
    for name, value, total, change in zip(names, middle, rounds, changes, strict=True):
        text = f" {value:.2f} s" + (f", change {1000 * change:.1f} ms" if change > 1e-3 else "")
        axes.annotate(text, (max(total), name), va="center", fontsize="small", xytext=(4, 0), textcoords="offset points")
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * max(map(max, rounds)))
    axes.set_xlabel("seconds of training per epoch, changes included (median; line: fastest to slowest)")


def _accuracy(figure, own):
    axes = figure.axes[0]
    _lines(axes, own, "test_accuracy")
    axes.set_xlabel("epoch"), axes.set_ylabel("test accuracy, %")
    axes.set_ylim(bottom=_bottom(own))
    _legend(figure)


def _choices(figure, own):
    shortest = min(epochs for _, epochs in own)
    cut = {}
    for (arm, _), group in own.items():
        cut[arm, shortest] = [{"by_epoch": {"test_accuracy": run["by_epoch"]["test_accuracy"][:shortest]}} for run in group]
    _accuracy(figure, cut)


def _by_seconds(figure, own, seconds):
    """Epochs times what an epoch costs when nothing else runs: the seconds of the runs themselves are those of a busy machine."""
    axes = figure.axes[0]
    timed = {key: group for key, group in own.items() if key[0] in seconds}
    _lines(axes, timed, "test_accuracy", x=lambda arm, epochs: [seconds[arm] * (i + 1) for i in range(epochs)])
    axes.set_xlabel("seconds of training: epochs × measured seconds of one"), axes.set_ylabel("test accuracy, %")
    axes.set_ylim(bottom=_bottom(own)), axes.set_xscale("log")
    _legend(figure)


def _exploration(figure, own):
    evolving = {key: group for key, group in own.items() if "dense" not in key[0]}
    wanted = (
        ("zeta", "zeta of the change before the epoch, %"),
        ("survived", "connections kept since the start, %"),
        ("tried", "share of all positions ever connected, %"),
    )
    for axes, (name, label) in zip(figure.axes, wanted, strict=True):
        _lines(axes, evolving, name)
        axes.set_xlabel("epoch"), axes.set_ylabel(label), axes.set_ylim(bottom=0)
    _legend(figure)
