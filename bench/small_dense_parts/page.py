"""The tables of docs/sparse_or_small_dense.md and of README.md, from the stored runs, put between their markers."""

import re
import statistics
from collections import defaultdict

from bench.papers.shared.statistics import interval

from .experiments import CHOSEN_ON, EXPERIMENTS, NEW

DENSE = re.compile(r"dense, \d layers?")
IMAGES = {
    "fashion-mnist": "Fashion-MNIST, 60,000 images, shifted by a pixel and mirrored, 12 epochs, weight decay 5e-4",
    "full dense": "The same, the wide dense net 784-1000-1000-1000-10",
    "fashion-mnist, plain": "Fashion-MNIST without augmentation, 12 epochs",
    "full dense, PyTorch": "The same, the wide dense net in PyTorch",
    "fashion-mnist, 30 epochs": "Fashion-MNIST, augmented, 30 epochs",
    "mnist": "MNIST, 60,000 images, shifted, 8 epochs",
    "rates": "Fashion-MNIST, 30,000 images without augmentation, 5 epochs, 10,000 held-out training images",
    "cifar10": "CIFAR-10, 50,000 images, shifted and mirrored, 8 epochs (a JPEG copy, not the original bytes)",
    "cifar10, 20,000 rows": "CIFAR-10, 20,000 images, 5 epochs, 10,000 held-out training images (a JPEG copy)",
}
TABLES = {
    "madelon": "Madelon, 2,000 rows of 500 inputs, 20 of them informative, 30 epochs, its validation set",
    "PCMAC": "PCMAC, newsgroup texts, 1,360 rows of 3,289 word counts, 15 epochs",
    "RELATHE": "RELATHE, newsgroup texts, 998 rows of 4,322 word counts, 15 epochs",
}


def write(lines, epochs, root):
    """Fill the page and the README."""
    runs = defaultdict(dict)
    for line in lines:
        runs[line["experiment"], line["arm"]][line["seed"]] = line
    parts = {
        "images": "\n\n".join(f"**{title}**\n\n{of_experiment(runs, name)}" for name, title in IMAGES.items() if arms(runs, name)),
        "tables": "\n\n".join(f"**{title}**\n\n{of_experiment(runs, name)}" for name, title in TABLES.items() if arms(runs, name)),
        "budgets": budgets(runs),
        "recipes": recipes(runs),
        "new": new_connections(runs),
        "times": times(runs, epochs),
    }
    fill(root / "docs" / "sparse_or_small_dense.md", parts)
    fill(root / "README.md", {"accuracy": headline(runs)})


def fill(path, parts):
    """Replace what stands between <!-- name --> and <!-- end -->."""
    text = path.read_text(encoding="utf-8")
    for name, content in parts.items():
        content = content or "No runs are stored yet: `python bench/small_dense.py` makes them."
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda found, content=content: f"{found[1]}{content}\n{found[2]}", text, flags=re.S
        )
    path.write_text(text, encoding="utf-8")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


# ---- figures


def arms(runs, name):
    """The arms of an experiment that have runs, in the order of the experiment."""
    return [arm for arm in EXPERIMENTS[name].arms if runs.get((name, arm))]


def accuracies(runs, name, arm):
    """Accuracy by seed, without runs that diverged."""
    return {seed: line["accuracy"] for seed, line in sorted(runs[name, arm].items()) if line["accuracy"] is not None}


def mean(found):
    """Mean ± standard deviation over the seeds, and how many there are where it is not three."""
    values = list(found.values())
    if not values:
        return "diverged"
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}" + (f" ({len(values)})" if len(values) != 3 else "")


def difference(one, other):
    """Paired: mean and Student's 95 % interval."""
    values = [one[s] - other[s] for s in one if s in other]
    if len(values) < 2:
        return f"{values[0]:+.2f}" if values else ""
    low, high = interval(values)
    return f"{statistics.mean(values):+.2f} [{low:+.2f}, {high:+.2f}]"


def best_small(runs, name):
    """The small dense arm of equal parameters and epochs with the highest mean: chosen by the test, in its favour.

    Of those with the most seeds, so that one lucky run of an unfinished experiment decides nothing.
    """
    small = [arm for arm in arms(runs, name) if DENSE.fullmatch(arm) and accuracies(runs, name, arm)]
    most = max((len(accuracies(runs, name, arm)) for arm in small), default=0)
    small = [arm for arm in small if len(accuracies(runs, name, arm)) == most]
    return max(small, key=lambda arm: statistics.mean(accuracies(runs, name, arm).values()), default=None)


# ---- tables


def of_experiment(runs, name):
    base = best_small(runs, name)
    rows = []
    for arm in arms(runs, name):
        found = accuracies(runs, name, arm)
        parameters = f"{next(iter(runs[name, arm].values()))['parameters']:,}"
        against = "best small dense" if arm == base else difference(found, accuracies(runs, name, base)) if base else ""
        rows.append([arm, parameters, mean(found), against])
    return table(["net", "parameters", "test accuracy, %", "minus best small dense [95 %]"], rows)


def budgets(runs):
    names = [name for name in EXPERIMENTS if name.startswith("budget") and arms(runs, name)]
    rows = []
    for name in names:
        found = {arm: accuracies(runs, name, arm) for arm in arms(runs, name)}
        dense = found.get("dense, 1 layer", {})
        cells = [mean(found[arm]) if arm in found else "" for arm in EXPERIMENTS[name].arms]
        rows.append(
            [name.removeprefix("budget "), *cells, *(difference(found[arm], dense) if arm in found else "" for arm in ("Random", "Local"))]
        )
    if not rows:
        return ""
    return table(["parameters", *EXPERIMENTS[names[0]].arms, "Random − dense", "Local − dense"], rows)


def recipes(runs):
    rows = []
    for group, names in (("new", NEW), ("chosen on", CHOSEN_ON)):
        for short in names:
            name = f"recipes, {short}"
            if not arms(runs, name):
                continue
            found = {arm: accuracies(runs, name, arm) for arm in arms(runs, name)}
            base = best_small(runs, name)
            taken = next(iter(runs[name, "recipe"].values()))["recipe"] if "recipe" in found else ""
            cells = [mean(found[arm]) if arm in found else "" for arm in EXPERIMENTS[name].arms]
            rows.append(
                [f"{short} ({group})", taken, *cells, difference(found["recipe"], found[base]) if base and "recipe" in found else ""]
            )
    if not rows:
        return ""
    return table(["set", "recipe taken", *EXPERIMENTS[f"recipes, {NEW[0]}"].arms, "recipe − best small dense [95 %]"], rows)


def times(runs, epochs, target=89.0):
    """Epochs until a test accuracy is first reached, of the seeds that reach it, times the seconds of an epoch."""
    if epochs is None:
        return ""
    rows = []
    for arm, of_one in epochs["seconds"].items():
        name = next((n for n in ("fashion-mnist, plain", "full dense, PyTorch") if runs.get((n, arm))), None)
        if name is None:
            continue
        lines = [line for line in runs[name, arm].values() if line.get("curve")]
        reached = [next((k + 1 for k, (_, accuracy) in enumerate(line["curve"]) if accuracy >= target), None) for line in lines]
        found = [n for n in reached if n is not None]
        build = statistics.median(line["build"] for line in lines)
        until = f"{statistics.median(found) * of_one + build:.3g}" if found else "never"
        rows.append([arm, f"{of_one:.3g}", f"{len(found)} of {len(lines)}", f"{statistics.median(found):g}" if found else "", until])
    head = [
        "net",
        f"seconds an epoch, {epochs['threads']} threads",
        f"runs that reach {target:g} %",
        "after epochs, median",
        "seconds until then",
    ]
    return table(head, rows)


def new_connections(runs):
    """SET's ways to begin a connection, against zero."""
    name = "new connections"
    zero = accuracies(runs, name, "SET, zero") if arms(runs, name) else {}
    rows = [[arm, mean(found := accuracies(runs, name, arm)), difference(found, zero)] for arm in arms(runs, name)]
    return table(["arm", "held-out accuracy, %", "minus zero [95 %]"], rows) if rows else ""


def headline(runs):
    rows = []
    wanted = ("fashion-mnist", "mnist", "cifar10", "cifar10, 20,000 rows", "madelon", "PCMAC", "RELATHE")
    for name in wanted:
        base = best_small(runs, name) if arms(runs, name) else None
        if base is None:
            continue
        small = accuracies(runs, name, base)
        cells = []
        for kinds in (("Erdős–Rényi", "random"), ("Correlated",), ("Local",), ("Weighted",)):
            arm = next((a for a in kinds if a in arms(runs, name)), None)
            cells.append("" if arm is None else mean(accuracies(runs, name, arm)))
        parameters = next(iter(runs[name, base].values()))["parameters"]
        rows.append([name, f"{round(parameters, -3):,}", mean(small), *cells])
    return table(["set", "parameters", "best small dense", "random sparse", "Correlated", "Local", "Weighted"], rows)
