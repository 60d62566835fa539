"""The one rule of the pages: intervals and adjusted p-values against other ways to compute them, and the words that follow."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.papers.shared.claims import Claim, Table, section
from bench.papers.shared.statistics import Comparison, Family, holm, interval, settled, verdict


def test_interval_is_students():
    values = [0.3, 0.5, 0.1, 0.45]
    half = stats.t.ppf(0.975, 3) * np.std(values, ddof=1) / math.sqrt(4)
    assert interval(values) == pytest.approx((np.mean(values) - half, np.mean(values) + half))
    assert interval([0.2, 0.2, 0.2]) == (0.2, 0.2)


def test_holm_by_its_definition():
    rng = np.random.default_rng(0)
    for n in (1, 2, 7):
        p = rng.random(n) / n
        order = np.argsort(p)
        wanted = np.empty(n)
        wanted[order] = np.minimum(1, np.maximum.accumulate((n - np.arange(n)) * p[order]))
        assert holm(list(p)) == pytest.approx(wanted)
    assert holm([]) == []


def test_settled_is_the_last_ten_or_the_last_quarter():
    assert settled(list(range(100))) == 94.5 and settled(list(range(40))) == 34.5
    assert settled(list(range(20))) == 17 and settled([1, 2, 3, 4]) == 3 and settled([5]) == 5
    assert settled(list(range(20)), most=3) == 18


def comparison(values, **options):
    return Comparison("a", "b", values, **options)


@pytest.mark.parametrize(
    ("values", "options", "word"),
    [
        ((1.0, 1.1, 0.9), {}, "above"),
        ((-1.0, -1.1, -0.9), {}, "below"),
        ((1.0, -1.1, 0.9), {}, "not told apart"),
        ((1.0, 1.1), {}, "open"),
        ((0.0, 0.0, 0.0), {}, "equal"),
        ((0.01, -0.02, 0.015), {"question": "alike"}, "alike"),
        ((0.3, -0.4, 0.2), {"question": "alike"}, "not told apart"),  # no difference was found, and no likeness either
        ((0.9, 1.0, 1.1), {"question": "alike"}, "above"),
        ((-0.9, -1.0, -1.1), {"question": "no gain"}, "no gain"),
        ((0.01, -0.02, 0.015), {"question": "no loss"}, "no loss"),
        ((-0.3, -0.31, -0.29), {"question": "no loss", "margin": 0.5}, "no loss"),
        ((-0.9, -1.0, -1.1), {"question": "no loss", "margin": 0.5}, "below"),
        ((-2.0, -2.0, -2.0), {}, "below"),  # without any spread
    ],
)
def test_words(values, options, word):
    c = comparison(values, **options)
    assert Family([c]).word(c) == word


def test_many_comparisons_make_each_harder():
    c = comparison((0.8, 1.0, 1.2))
    others = [comparison((1.0, -1.0 - 0.01 * k, 0.2)) for k in range(20)]
    assert Family([c]).word(c) == "above" and Family([c, *others]).word(c) == "not told apart"
    assert len(Family([c, *others, c])) == 21  # asked twice, counted once
    twice = Comparison(c.arm, c.base, c.values, question="no gain")
    assert len(Family([c, twice])) == 2


def test_verdicts():
    up, down, nothing, few = (comparison(v) for v in ((1.0, 1.1, 0.9), (-1.0, -1.1, -0.9), (1.0, -1.1, 0.9), (3.0,)))
    family = Family([up, down, nothing, few])
    assert verdict(family, []) == "Open: not run" and verdict(family, [few]) == "Open: 1 seed"
    assert verdict(family, [up]) == "**Holds**" and verdict(family, [up], "below") == "**Contradicted**"
    assert verdict(family, [nothing]) == "Not told apart"
    assert verdict(family, [up, down]) == "**Mixed**: 1 of 2 beyond chance, 1 against it"
    assert verdict(family, [up, few]) == "**Holds**; 1 of 2 rest on fewer than 3 seeds"
    alike = comparison((0.01, -0.02, 0.015), question="alike")
    assert verdict(Family([alike]), [alike]) == "**Holds**"


def test_a_page_is_one_family():
    claims = [Claim("one", None, (comparison((1.0, 1.1, 0.9)),)), Claim("two", "seen", judge=lambda family: str(len(family)))]
    lines = section([Table(("Claim", "Measured", "Verdict"), claims[:1]), Table(("Other", "Measured", "Answer"), claims[1:])], "fold")
    assert "| one | a − b +1.00 [+0.75, +1.25] | **Holds** |" in lines and "| two | seen | 1 |" in lines
    assert "for the 1 tests of this page" in lines[1]


def test_wrong_questions_are_refused():
    with pytest.raises(ValueError, match="one of the questions"):
        comparison((1.0,), question="better")
    with pytest.raises(ValueError, match="needs values"):
        comparison(())
