"""Differences between two arms of an experiment, seed by seed, and what they allow to say."""

import math
import statistics
from dataclasses import dataclass

LAST = 10  # epochs that a settled accuracy is the mean of
ENOUGH = 3  # seeds; the deviation of two differences is too often small by chance


@dataclass(frozen=True)
class Difference:
    """Arm minus base, in points of test accuracy, of the seeds and the epochs that both have.

    Attributes
    ----------
    arm, base : str
    epoch : int
        How many epochs the runs are compared after: those of the shorter one.
    seeds : tuple of int
    last, chosen, settled : tuple of float, by seed
        After that epoch; after the epoch with the best held-out accuracy up to it; mean over the last ten up to it.
    """

    arm: str
    base: str
    epoch: int
    seeds: tuple
    last: tuple
    chosen: tuple
    settled: tuple

    def verdict(self):
        """What the differences after the last epoch say about "arm is above base".

        Returns
        -------
        {"above", "below", "not told apart"} or "1 seed: above" and the like
            "above" and "below" if Student's 95 % interval of the mean difference leaves out 0. Fewer than three seeds have no interval
            worth the name: the sign of the mean over the last ten epochs, which is no proof.

        Examples
        --------
        >>> Difference("a", "b", 9, (0, 1, 2), (1.0, 1.2, 1.1), (), ()).verdict()
        'above'
        >>> Difference("a", "b", 9, (0, 1, 2), (1.0, -1.2, 0.1), (), ()).verdict()
        'not told apart'
        >>> Difference("a", "b", 9, (0,), (1.0,), (), (-0.5,)).verdict()
        '1 seed: below'
        """
        if len(self.seeds) < ENOUGH:
            return f"{n_seeds(len(self.seeds))}: {'above' if statistics.mean(self.settled) > 0 else 'below'}"
        low, high = interval(self.last)
        return "above" if low > 0 else "below" if high < 0 else "not told apart"


def interval(values):
    """Student's 95 % interval of the mean of two values or more.

    Examples
    --------
    >>> [round(v, 3) for v in interval([1.0, 1.2, 1.1])]
    [0.852, 1.348]
    """
    from scipy.stats import t

    mean, n = statistics.mean(values), len(values)
    half = float(t.ppf(0.975, n - 1)) * statistics.stdev(values) / math.sqrt(n)
    return mean - half, mean + half


def side(values):
    """Of differences: "above" or "below" if the 95 % interval of their mean leaves out 0, "not told apart"; "open" of fewer than three.

    Examples
    --------
    >>> side([1.0, 1.2, 1.1]), side([1.0, -1.2, 0.1]), side([1.0, 1.1])
    ('above', 'not told apart', 'open')
    """
    if len(values) < ENOUGH:
        return "open"
    low, high = interval(values)
    return "above" if low > 0 else "below" if high < 0 else "not told apart"


def in_points(values):
    """Fractions as text in points: the mean with its 95 % interval, or, of fewer than three, with each.

    Examples
    --------
    >>> in_points([0.010, 0.012, 0.011]), in_points([0.01, -0.01])
    ('+1.10 (+0.85 … +1.35, 3 seeds)', '+0.00 (+1.00, -1.00)')
    """
    mean = f"{100 * statistics.mean(values):+.2f}"
    if len(values) < ENOUGH:
        return f"{mean} (1 seed)" if len(values) == 1 else f"{mean} ({', '.join(f'{100 * v:+.2f}' for v in values)})"
    low, high = interval(values)
    return f"{mean} ({100 * low:+.2f} … {100 * high:+.2f}, {n_seeds(len(values))})"


def n_seeds(n):
    """ "1 seed", "2 seeds"."""
    return f"{n} seed{'s' * (n > 1)}"


def difference(runs, arm, base, bound=()):
    """The paired difference of two arms, or None if no seed has both.

    Parameters
    ----------
    runs : list of dict
        Of one net: "arm", "seed", "epochs", "by_epoch" with "test_accuracy" and "held_out_accuracy".
    arm, base : str
    bound : set of str
        Arms whose first epochs depend on the length of the run: compared with runs of the same length only.

    Returns
    -------
    Difference or None
    """
    a, b = longest(runs, arm), longest(runs, base)
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return None
    lengths = {run["epochs"] for s in seeds for run in (a[s], b[s])}
    if len(lengths) > 1 and {arm, base} & set(bound):
        return None
    epoch = min(lengths)
    columns = [tuple(100 * (value(a[s], epoch) - value(b[s], epoch)) for s in seeds) for value in (last, chosen, settled)]
    return Difference(arm, base, epoch, tuple(seeds), *columns)


def longest(runs, arm):
    """The longest run of each seed of an arm: {seed: run}."""
    return {run["seed"]: run for run in sorted(runs, key=lambda r: r["epochs"]) if run["arm"] == arm}


def last(run, epoch):
    """Test accuracy after `epoch` epochs."""
    return run["by_epoch"]["test_accuracy"][epoch - 1]


def chosen(run, epoch):
    """Test accuracy after the epoch, of the first `epoch`, with the best held-out accuracy (the first of equals)."""
    held_out = run["by_epoch"]["held_out_accuracy"][:epoch]
    return run["by_epoch"]["test_accuracy"][held_out.index(max(held_out))]


def settled(run, epoch):
    """Mean test accuracy of the last ten epochs up to `epoch`."""
    return statistics.mean(run["by_epoch"]["test_accuracy"][max(0, epoch - LAST) : epoch])
