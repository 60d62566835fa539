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

    def row(self, family):
        """The line of the table."""
        measured = self.measured or "; ".join(c.text() for c in self.comparisons) or "not run"
        said = self.judge(family) if self.judge else verdict(family, self.comparisons, self.wanted)
        return row(self.text, measured, said)


def section(tables, pairs="seed"):
    """Lines of Markdown: the rule, then tables of claims that are judged as one family.

    Parameters
    ----------
    tables : list of (heads, claims)
        `heads` are the three words above the columns.
    pairs : str
        What differences are paired by: "seed", "fold".
    """
    family = Family(c for _, claims in tables for claim in claims for c in claim.comparisons)
    lines = [*rule(family, pairs), ""]
    for heads, claims in tables:
        lines += [row(*heads), row("---", "---", "---"), *(claim.row(family) for claim in claims), ""]
    return lines
