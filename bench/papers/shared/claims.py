"""A paper's claims beside what was measured, and the verdicts on them."""

from dataclasses import dataclass
from typing import Any

from .statistics import Family, rule, verdict
from .tables import row


@dataclass(frozen=True)
class Claim:
    """A row of a table of claims.

    Parameters
    ----------
    text : str
        What the paper says.
    measured : str or None
        What was measured; None: the comparisons in words.
    comparisons : sequence of Comparison
        What the verdict rests on.
    wanted : {"above", "below"}
        What the paper says of the differences.
    judge : callable, optional
        ``judge(family)`` returns the verdict; by default `statistics.verdict` of the comparisons does. For claims that are no
        differences: counts, or whether something was seen.
    """

    text: str
    measured: str | None = None
    comparisons: tuple = ()
    wanted: str = "above"
    judge: Any = None

    def verdict(self, family):
        """What the page says of the claim."""
        return self.judge(family) if self.judge else verdict(family, self.comparisons, self.wanted)

    def row(self, family):
        """The line of the table."""
        measured = self.measured or "; ".join(c.text() for c in self.comparisons) or "not run"
        return row(self.text, measured, self.verdict(family))


@dataclass(frozen=True)
class Table:
    """Claims that belong together.

    Parameters
    ----------
    heads : (str, str, str)
        The words above the columns.
    claims : list of Claim
    of_paper : bool
        Whether these are the paper's claims in a setting that may judge the paper; not further questions, nor settings of our own.
    """

    heads: tuple
    claims: list
    of_paper: bool = True


def family_of(tables):
    """The family of a page: the comparisons of all of its tables."""
    return Family(c for table in tables for claim in table.claims for c in claim.comparisons)


def section(tables, pairs="seed"):
    """Lines of Markdown: the rule, then tables of claims that are judged as one family.

    Parameters
    ----------
    tables : list of Table
    pairs : str
        What differences are paired by: "seed", "fold".
    """
    family = family_of(tables)
    lines = [*rule(family, pairs), ""]
    for table in tables:
        lines += [row(*table.heads), row("---", "---", "---"), *(claim.row(family) for claim in table.claims), ""]
    return lines
