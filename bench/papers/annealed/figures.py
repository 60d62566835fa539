"""Figures of the experiment on annealed pruning."""

import statistics

from .settings import ARMS, SAMPLES

COLOURS = {arm: f"C{k}" for k, arm in enumerate(ARMS)}


def figures(folder, groups):
    """Draw a PNG file for each number of training images; the README's lines that show them."""
    lines = ["## Figures", ""]
    for samples in SAMPLES:
        own = {arm: group for (s, arm, _), group in groups.items() if s == samples}
        if not own:
            continue
        file, title = f"annealed_{samples}.png", f"{own[next(iter(own))][0]['n_samples']:,} training images"
        _draw(own, folder / file, title)
        text = (
            "Lines: mean over the seeds; bands: smallest to largest. All pruned arms keep the same number of connections, of which some are"
        )
        lines += [f"![{title}]({file})", "", text, f"exactly 0 at the end: non-zero {_nonzero(own)}.", ""]
    return lines


def _nonzero(own):
    """The share of non-zero weights of the pruned layer at the end, of arms that prune, smallest to largest run."""
    ends = {arm: [100 * run["by_epoch"]["nonzero"][-1] for run in group] for arm, group in own.items()}
    return ", ".join(f"{arm} {min(v):.1f} to {max(v):.1f} %" for arm, v in ends.items() if max(v) < 50)


def _draw(own, path, title):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 8.5), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    wanted = (
        ("test_accuracy_before_change", "test accuracy before the epoch's change, %", 100),
        ("test_accuracy", "test accuracy right after the epoch's change, %", 100),
        ("nonzero", "non-zero weights of the pruned layer after it, %", 100),
        ("held_out_loss", "held-out loss before the change", 1),
    )
    for axes, (name, label, scale) in zip(panels, wanted, strict=True):
        for arm, group in own.items():
            columns = list(zip(*(run["by_epoch"][name] for run in group), strict=True))
            at, color = range(1, len(columns) + 1), COLOURS[arm]
            line = "--" if arm == "smallest" else "-"
            axes.plot(at, [scale * statistics.mean(c) for c in columns], line, color=color, label=arm)
            low, high = ([scale * bound(c) for c in columns] for bound in (min, max))
            axes.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
        axes.set_xlabel("epoch"), axes.set_ylabel(label), axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=80, metadata={"Software": None})
