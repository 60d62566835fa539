"""The one rule by which every page says that something is so: paired differences, Student's t, Holm over the page, three seeds or more.

A `Comparison` holds the differences of two arms, seed by seed. A `Family` holds all comparisons that a page judges, adjusts their
p-values for their number (Holm, 1979), and alone hands out words. What is to be "alike", "no gain" or "no loss" needs a margin: a
difference that was not found is no agreement.
"""

import statistics
from dataclasses import dataclass

ENOUGH = 3  # seeds; the deviation of two differences is too often small by chance
LEVEL = 0.05
MARGIN = 0.2  # points of accuracy, unless a page says otherwise
QUESTIONS = ("differs", "alike", "no gain", "no loss")


def settled(accuracies, most=10):
    """The accuracy that a run is compared by: the mean of its last ten epochs, of the last quarter of a run of fewer than 40.

    Parameters
    ----------
    accuracies : list of float
        By epoch.
    most : int
        Epochs, in place of ten.

    Examples
    --------
    >>> settled([0.1, 0.8, 0.9, 0.7]), round(settled([0.0] * 90 + [0.5] * 10), 3)
    (0.8, 0.5)
    """
    return statistics.mean(accuracies[-min(most, max(3, len(accuracies) // 4)) :])


def interval(values):
    """Student's 95 % interval of the mean of two values or more.

    Examples
    --------
    >>> [round(v, 3) for v in interval([1.0, 1.2, 1.1])]
    [0.852, 1.348]
    """
    from scipy.stats import ttest_1samp

    if min(values) == max(values):
        return values[0], values[0]
    found = ttest_1samp(values, 0).confidence_interval(1 - LEVEL)
    return float(found.low), float(found.high)


def holm(p_values):
    """p-values adjusted so that all of them together err by chance no more often than one alone would (Holm, 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = largest
    return adjusted


@dataclass(frozen=True)
class Comparison:
    """Differences arm - base of one measure, paired by seed.

    Parameters
    ----------
    arm, base : str
    values : tuple of float
        One a seed, in the unit that is printed: points of accuracy, weights.
    where : str
        What else tells the comparison apart from others of its page: net, data set, steps, measure.
    question : {"differs", "alike", "no gain", "no loss"}
        What the paper says of the mean difference: not 0; within the margin on both sides; below the margin; above minus the margin.
    margin : float
        In the unit of the values.
    digits : int
        Printed behind the point.

    Examples
    --------
    >>> Comparison("exd", "set", (0.3, 0.5, 0.4)).text()
    'exd − set +0.40 [+0.15, +0.65]'
    >>> Comparison("exd", "set", (0.3,)).text()
    'exd − set +0.30 (1 seed)'
    """

    arm: str
    base: str
    values: tuple
    where: str = ""
    question: str = "differs"
    margin: float = MARGIN
    digits: int = 2

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(map(float, self.values)))
        if self.question not in QUESTIONS or not self.values:
            raise ValueError(f"A comparison needs values and one of the questions {', '.join(QUESTIONS)}; got {self}.")

    @property
    def mean(self):
        return statistics.mean(self.values)

    @property
    def enough(self):
        """Whether there are seeds enough for a word."""
        return len(self.values) >= ENOUGH

    def number(self):
        """The mean difference with its 95 % interval, or with the number of seeds if they are too few."""
        mean = f"{self.mean:+,.{self.digits}f}"
        if not self.enough:
            return f"{mean} ({n_seeds(len(self.values))})"
        low, high = (f"{end:+,.{self.digits}f}" for end in interval(self.values))
        return f"{mean} [{low}, {high}]"

    def text(self):
        """ "arm − base" and the number."""
        return f"{self.arm} − {self.base} {self.number()}"

    def p_values(self):
        """(p of "the mean is not 0", p of the question's own alternative or None), both before any adjustment."""
        difference = _p(self.values, 0.0, "two-sided")
        inside = {
            "alike": lambda: max(_p(self.values, -self.margin, "greater"), _p(self.values, self.margin, "less")),
            "no gain": lambda: _p(self.values, self.margin, "less"),
            "no loss": lambda: _p(self.values, -self.margin, "greater"),
        }
        return difference, inside[self.question]() if self.question in inside else None


def _p(values, mean, alternative):
    from scipy.stats import ttest_1samp

    if min(values) == max(values):  # no spread: the mean is known
        true = {"two-sided": values[0] != mean, "greater": values[0] > mean, "less": values[0] < mean}[alternative]
        return 0.0 if true else 1.0
    return float(ttest_1samp(values, mean, alternative=alternative).pvalue)


class Family:
    """All comparisons that one page judges.

    Parameters
    ----------
    comparisons : iterable of Comparison
        A test that is asked for twice counts once; comparisons of too few seeds do not count.

    Examples
    --------
    >>> a, b = Comparison("a", "c", (0.9, 1.1, 1.0)), Comparison("b", "c", (0.1, -0.1, 0.05))
    >>> family = Family([a, b, Comparison("d", "c", (5.0,))])
    >>> family.word(a), family.word(b), len(family)
    ('above', 'not told apart', 2)
    """

    def __init__(self, comparisons):
        tests = {}
        for c in comparisons:
            if c.enough:
                difference, inside = c.p_values()
                tests[self._key(c)] = difference
                if inside is not None:
                    tests[self._key(c, c.question)] = inside
        self._p = dict(zip(tests, holm(list(tests.values())), strict=True))

    @staticmethod
    def _key(comparison, question="differs"):
        """One test: the same difference may be asked about twice."""
        return comparison.arm, comparison.base, comparison.where, comparison.values, question

    def __len__(self):
        return len(self._p)

    def p(self, comparison):
        """The adjusted p-value of "the mean is not 0"; None for too few seeds."""
        return self._p.get(self._key(comparison))

    def word(self, comparison):
        """What the comparison says.

        Returns
        -------
        str
            "open" of too few seeds; "equal" if every difference is 0; the question's own word ("alike", "no gain", "no loss") if that is
            beyond chance; "above" or "below" if the difference from 0 is; else "not told apart".
        """
        if not comparison.enough:
            return "open"
        if not any(comparison.values):
            return "equal"
        if comparison.question != "differs" and self._p[self._key(comparison, comparison.question)] < LEVEL:
            return comparison.question
        if self.p(comparison) < LEVEL:
            return "above" if comparison.mean > 0 else "below"
        return "not told apart"


AGREES = {"alike": ("alike", "equal"), "no gain": ("no gain", "below", "equal"), "no loss": ("no loss", "above", "equal")}
DENIES = {"alike": ("above", "below"), "no gain": ("above",), "no loss": ("below",)}


def verdict(family, comparisons, wanted="above"):
    """One word for several comparisons of which a paper says the same, and how many of them say so.

    Parameters
    ----------
    family : Family
        Of the page, with these comparisons in it.
    comparisons : sequence of Comparison
    wanted : {"above", "below"}
        What the paper says where the question is "differs".

    Returns
    -------
    str
        Open: no comparison has seeds enough. Holds, Contradicted: all that have them say so. Mixed: some agree, or some deny. Not told
        apart: none does either.

    Examples
    --------
    >>> a, b = Comparison("a", "c", (0.9, 1.1, 1.0)), Comparison("b", "c", (0.1, -0.1, 0.05))
    >>> verdict(Family([a, b]), [a]), verdict(Family([a, b]), [a, b]), verdict(Family([a, b]), [a], "below")
    ('**Holds**', '**Mixed**: 1 of 2 beyond chance, 0 against it', '**Contradicted**')
    """
    if not comparisons:
        return "Open: not run"
    judged = [c for c in comparisons if c.enough]
    few = len(comparisons) - len(judged)
    if not judged:
        return f"Open: {n_seeds(max(len(c.values) for c in comparisons))}"
    other = {"above": "below", "below": "above"}[wanted]
    agree = sum(family.word(c) in AGREES.get(c.question, (wanted,)) for c in judged)
    deny = sum(family.word(c) in DENIES.get(c.question, (other,)) for c in judged)
    n = len(judged)
    text = {(n, 0): "**Holds**", (0, n): "**Contradicted**", (0, 0): "Not told apart"}.get((agree, deny))
    if text is None:
        text = f"**Mixed**: {agree} of {n} beyond chance, {deny} against it"
    return text + (f"; {few} of {len(comparisons)} rest on fewer than {ENOUGH} seeds" if few else "")


def n_seeds(n):
    """ "1 seed", "2 seeds"."""
    return f"{n} seed{'s' * (n > 1)}"


def rule(family, pairs="seed"):
    """Lines that say by what the page judges."""
    return [
        f"Differences are paired by {pairs}; in brackets Student's 95 % interval of their mean. Verdicts: t-tests of the differences, the",
        f"p-values adjusted by Holm's method for the {len(family)} tests of this page, level {100 * LEVEL:g} %; fewer than {ENOUGH}",
        f'{pairs}s are open, whatever they show. "Alike", "no gain" and "no loss" need a difference that stays within a margin beyond',
        "chance: not to have found one is no agreement.",
    ]
