"""The claims of the paper on annealed pruning beside what an MLP shows."""

import statistics

from ..shared.claims import Claim, Table
from .evidence import accuracy, change, compared, cut
from .settings import POST, SAMPLES

OF_THE_CNN = (
    "74.2 % without regularization, overfitting from epoch 5",
    "Dropout improves on that (76.5 %)",
    "Pruning the largest weights improves on that (78 %), and on dropout",
    "Pruning the largest weights is better than pruning the smallest (figure 3)",
    "Pruning the smallest does not help (section 3.2), or improves generalization (section 1.1)",
    "A dip at epoch 17, when the mask becomes permanent",
)
OVERFITS = 5  # the epoch from which the paper's baseline does


def tables(groups):
    """The paper's claims, of its CNN; one table for each number of training images of the MLP; what the paper leaves to later work."""
    heads = "Measured, points", "Verdict for this net"
    text = "The paper of its CNN; here an MLP"
    found = [Table((f"{text}, {samples} images", *heads), _paper(groups, samples), of_paper=False) for samples in _samples(groups)]
    asked = [claim for samples in _samples(groups) for claim in _later(groups, samples)]
    cnn = [Claim(text, "the CNN has not been trained here", judge=lambda family: "Open: not run") for text in OF_THE_CNN]
    paper = Table(("The paper, of its CNN on CIFAR-10", "Measured", "Verdict"), cnn)
    return [
        paper,
        *found,
        Table(("What the paper leaves to later work, or to others", "Measured, points", "Answer"), asked, of_paper=False),
    ]


def _samples(groups):
    return [samples for samples in SAMPLES if any(s == samples for s, _, _ in groups)]


def _paper(groups, samples):
    margin = "0.2 points"
    none = change(groups, samples, "none", OVERFITS)
    return [
        Claim(f"Premise: without pruning the net overfits, accuracy falls after epoch {OVERFITS}", None, none, "below"),
        Claim("Pruning the largest weights improves on the baseline (+3.8)", None, compared(groups, samples, "largest", "none")),
        Claim("... by more than dropout (+1.5)", None, compared(groups, samples, "largest", "dropout")),
        Claim("Dropout improves on the baseline (+2.3)", None, compared(groups, samples, "dropout", "none")),
        Claim("Largest is better than smallest (figure 3)", None, compared(groups, samples, "largest", "smallest")),
        Claim(
            f"Pruning the smallest does not help (section 3.2): no gain of {margin}",
            None,
            compared(groups, samples, "smallest", "none", question="no gain"),
        ),
        Claim("Pruning small weights improves generalization (section 1.1)", None, compared(groups, samples, "smallest", "none")),
        *(_dip(groups, samples, arm) for arm in ("largest", "smallest")),
    ]


def _dip(groups, samples, arm):
    before, after, fall = cut(groups, samples, arm)
    runs = [run for (s, a, _), group in groups.items() if (s, a) == (samples, arm) for run in group]
    epochs = sorted({run["epochs"] - POST for run in runs})
    if not runs:
        return Claim(f"A dip when the mask becomes permanent, {arm}")
    ends = statistics.mean(100 * accuracy(run) for run in runs)
    text = f"{fall[0].text()}: {statistics.mean(before):.2f} before, {statistics.mean(after):.2f} right after, {ends:.2f} at the end"
    return Claim(f"A dip at epoch {'/'.join(map(str, epochs))}, when the mask becomes permanent, {arm}", text, fall, "below")


def _later(groups, samples):
    asked = (
        ("Removal that is permanent at once, largest", "largest-permanent", "largest"),
        ("Removal that is permanent at once, smallest", "smallest-permanent", "smallest"),
        ("Smallest and dropout together, over smallest alone", "smallest-dropout", "smallest"),
        ("Pruning the smallest, over feature selection with annealing (FSA)", "smallest", "fsa"),
        ("Pruning the smallest, over train, prune, retrain", "smallest", "train-prune-retrain"),
        ("FSA over no pruning", "fsa", "none"),
        ("Train, prune, retrain over no pruning", "train-prune-retrain", "none"),
    )
    found = [(f"{text}, {samples}", compared(groups, samples, arm, base)) for text, arm, base in asked]
    return [Claim(text, None, c, judge=lambda family, c=c: family.word(c[0])) for text, c in found if c]
