"""Figures and tables of the experiment on annealed pruning, from the runs that are there, with a verdict for each claim."""

import pathlib
import statistics

from sparsemlp.files import write_text

from ..shared.runs import load_runs
from ..shared.statistics import in_points, n_seeds, side
from ..shared.tables import machines, row, spread
from .settings import ARMS, DROPOUT, FIRST, KEEP, POST, SAMPLES

COLOURS = {arm: f"C{k}" for k, arm in enumerate(ARMS)}
PAPER = {"none": "74.2", "dropout": "76.5", "largest": "78", "smallest": "no gain"}


def report(folder):
    """Write README.md and PNG figures beside the runs."""
    folder = pathlib.Path(folder)
    groups = grouped(load_runs(folder).values())
    if not groups:
        print(f"No runs in {folder} yet: nothing to report.")
        return
    lines = [*_head(groups), *_results(groups), *_paired(groups), *_claims(groups), *_figures(folder, groups)]
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")


def grouped(runs):
    """Runs by (samples, arm, epochs), each list by seed, in the usual order."""
    order = [(s, a) for s in SAMPLES for a in ARMS]
    groups = {}
    for run in sorted(runs, key=lambda r: (order.index((r["samples"], r["arm"])), r["epochs"], r["seed"])):
        groups.setdefault((run["samples"], run["arm"], run["epochs"]), []).append(run)
    return groups


def _head(groups):
    runs = [run for group in groups.values() for run in group]
    commits = sorted({str(r["machine"]["commit"])[:7] for r in runs})
    counts = ", ".join(f"{s} {arm} {len(g)}" for (s, arm, _), g in groups.items())
    sizes = "-".join(map(str, runs[0]["sizes"]))
    return [
        "# Annealed pruning, re-run on an MLP",
        "",
        "Written by `python -m bench.papers.annealed --report`; do not edit.",
        f"{sizes} on Fashion-MNIST, {'/'.join(map(str, sorted({r['epochs'] for r in runs})))} epochs, Adam; the first layer is pruned to "
        f"{100 * KEEP:g} % (first pruning after epoch {FIRST}, {POST} epochs after the last); dropout {DROPOUT:g} on the inputs.",
        '"all": 55,000 training images, "small": 10,000 of them; 10,000 test images. The paper\'s net is a CNN on CIFAR-10, of which this',
        f"is the dense part; its figures are means of 10 runs. Seeds per arm here: {counts}.",
        f"{machines(runs)}; commit {', '.join(commits)}.",
        "",
    ]


def _results(groups):
    names = ["images", "arm", "seeds", "test, last epoch", "test, chosen epoch", "training accuracy", "connections", "s/epoch dense"]
    names += ["s/epoch sparse", "paper (CNN)"]
    lines = ["## Test accuracy in per cent", "", row(*names), row("---", "---", *["---:"] * 8)]
    for (samples, arm, _), group in groups.items():
        by_epoch = [run["by_epoch"] for run in group]
        seconds = {
            kind: [s for b in by_epoch for s, now in zip(b["seconds"], b["storage"], strict=True) if now == kind]
            for kind in ("dense", "sparse")
        }
        lines.append(
            row(
                samples,
                arm,
                len(group),
                spread([r["test_accuracy_last"] for r in group]),
                spread([r["test_accuracy_chosen"] for r in group]),
                spread([b["training_accuracy"][-1] for b in by_epoch]),
                f"{sum(group[0]['connections']):,}",
                *(f"{statistics.median(v):.2f}" if v else "" for v in seconds.values()),
                PAPER.get(arm, ""),
            )
        )
    return [
        *lines,
        "",
        "Chosen epoch: the one with the best accuracy on 5,000 held-out training images. Mean ± standard deviation over the seeds.",
        "s/epoch: median seconds of the training steps while the pruned layer was stored dense and sparse; runs shared a busy machine.",
        "fsa and train-prune-retrain are the two algorithms that annealed pruning stands on, with the same 10 % kept.",
        "",
    ]


def differences(groups, samples, arm, base):
    """Differences of the last epoch's test accuracy by seed, arm - base, of seeds that both have."""
    found = []
    for epochs in sorted({e for _, _, e in groups}):
        a, b = ({r["seed"]: r["test_accuracy_last"] for r in groups.get((samples, x, epochs), ())} for x in (arm, base))
        found += [a[s] - b[s] for s in sorted(a.keys() & b.keys())]
    return found


def _paired(groups):
    lines = ["## Paired differences of the last epoch, points", "", row("images", "arms", "seeds", "mean (95 % interval)", "each seed")]
    lines.append(row("---", "---", "---:", "---:", "---"))
    pairs = [(arm, "none") for arm in ARMS if arm != "none"] + [("largest", "dropout"), ("largest", "smallest")]
    for samples in SAMPLES:
        for arm, base in pairs:
            found = differences(groups, samples, arm, base)
            if found:
                each = ", ".join(f"{100 * d:+.2f}" for d in found)
                lines.append(row(samples, f"{arm} − {base}", len(found), in_points(found), each))
    return [*lines, ""]


def _verdict(found):
    """Of a claim that the difference is above 0."""
    words = {"above": "Agrees", "below": "The opposite", "not told apart": "Not told apart from chance"}
    return words.get(side(found), f"Open: {n_seeds(len(found))}")


def _claims(groups):
    text = "A verdict needs three seeds and Student's 95 % interval of the paired differences without 0; that interval is in brackets."
    lines = [
        "## The claims",
        "",
        text,
        "",
        row("The paper", "images", "Measured here, points", "Verdict"),
        row("---", "---", "---", "---"),
    ]
    claims = (
        ("Pruning the largest weights improves on the baseline (+3.8)", "largest", "none"),
        ("... by more than dropout (+1.5)", "largest", "dropout"),
        ("Dropout improves on the baseline (+2.3)", "dropout", "none"),
        ("Largest is better than smallest", "largest", "smallest"),
    )
    for samples in SAMPLES:
        for text, arm, base in claims:
            found = differences(groups, samples, arm, base)
            if found:
                lines.append(row(text, samples, f"{arm} − {base}: {in_points(found)}", _verdict(found)))
        lines += _smallest(groups, samples) + _dip(groups, samples)
    return [*lines, ""]


def _smallest(groups, samples):
    found = differences(groups, samples, "smallest", "none")
    if not found:
        return []
    words = {"above": "The opposite: it does help", "open": f"Open: {n_seeds(len(found))}"}
    verdict = words.get(side(found), "Agrees: no gain")
    return [row("Pruning the smallest does not help", samples, f"smallest − none: {in_points(found)}", verdict)]


def _dip(groups, samples):
    """Accuracy right before and after the mask becomes permanent, and three epochs later."""
    lines = []
    for (s, arm, epochs), group in groups.items():
        if s != samples or arm not in ("largest", "smallest"):
            continue
        at = epochs - POST - 1
        before = [r["by_epoch"]["test_accuracy_before_change"][at] for r in group]
        after = [r["by_epoch"]["test_accuracy"][at] for r in group]
        last = [r["test_accuracy_last"] for r in group]
        fell = statistics.mean(a - b for a, b in zip(after, before, strict=True))
        text = f"{arm}: {spread(before)} before the cut, {spread(after)} right after it, {spread(last)} {POST} epochs later"
        verdict = "Agrees" if fell < -0.005 else "No dip of half a point"
        lines.append(row(f"A dip at epoch {epochs - POST}, when the mask becomes permanent", samples, text, verdict))
    return lines


def _figures(folder, groups):
    lines = ["## Figures", ""]
    for samples in SAMPLES:
        own = {arm: group for (s, arm, _), group in groups.items() if s == samples}
        if not own:
            continue
        file, title = f"annealed_{samples}.png", f"{own[next(iter(own))][0]['n_samples']:,} training images"
        _draw(own, folder / file, title)
        lines += [
            f"![{title}]({file})",
            "",
            "Lines: mean over the seeds; bands: smallest to largest. The pruned arms have the same number of non-zero weights.",
            "",
        ]
    return lines


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
