"""The summary of all papers: each claim with its verdict, one line each."""

import importlib

from sparsemlp.files import write_text

from .shared.claims import family_of
from .shared.command import RESULTS
from .shared.runs import load_runs
from .shared.tables import row

PAPERS = {  # folder: authors, subject, and what its claims are judged with here
    "dynamic_pruning": (
        "Chouliaras, Fragkou, Katsaros, PCI 2021",
        "Dynamic pruning rates: SET, EXD, LDV, OSV",
        "the paper's nets and data",
    ),
    "at_initialization": ("anonymous, under review", "What to prune at initialization", "the paper's nets and data"),
    "annealed": ("Bartoldson, Barbu, Erlebacher", "Annealed pruning", "nothing yet: an MLP judges no CNN"),
    "structured": ("Alford, slides of 2018", "Pruning against structurally sparse nets", "LeNet-300-100 on MNIST; not LeNet-5"),
    "adaptive": (
        "Esfandiarpoor, Hajabdollahi, Karimi",
        "Adaptive pruning rate, auxiliary layer, energy",
        "the paper's net, data and folds",
    ),
}
SUMMARY = RESULTS.parents[1] / "docs" / "papers.md"
WORDS = {"**Holds**": "hold", "**Contradicted**": "contradicted", "**Mixed**": "mixed", "Not told apart": "not told apart", "Open": "open"}


def report_of(name):
    """The module `report` of a paper."""
    return importlib.import_module(f"{__package__}.{name}.report")


def kind(verdict):
    """Which of WORDS a verdict begins with; "counted" for what no difference decides.

    Examples
    --------
    >>> kind("**Holds**; 1 of 2 rest on fewer than 3 seeds"), kind("Seen in 3 of 30 trials")
    ('hold', 'counted')
    """
    return next((word for begin, word in WORDS.items() if verdict.startswith(begin)), "counted")


def lines():
    """The page's lines."""
    found = {name: _claims(name) for name in PAPERS}
    total = _counts(verdict for claims in found.values() for _, verdict in claims)
    text = [
        "# Five papers: what stands",
        "",
        "Written by `python -m bench.papers`; do not edit. Each claim of a paper, in a setting that may judge the paper, with the verdict",
        "of the one rule in [bench/papers](../bench/papers/README.md): three seeds or more, Holm's adjustment over the page, margins for",
        "likeness. What was measured, further questions, and settings of our own that judge nothing of the paper are in each paper's page.",
        "Counted: decided by counting, not by a test.",
        "",
        f"**{sum(total.values())} claims: {_in_words(total)}.**",
        "",
        row("paper", "judged here with", "claims", *WORDS.values(), "counted"),
        row("---", "---", *["---:"] * (len(WORDS) + 2)),
    ]
    for name, claims in found.items():
        counts = _counts(verdict for _, verdict in claims)
        numbers = (counts[word] or "" for word in (*WORDS.values(), "counted"))
        text.append(row(f"[{PAPERS[name][1]}](#{_anchor(PAPERS[name][1])})", PAPERS[name][2], len(claims), *numbers))
    for name, claims in found.items():
        authors, subject, _ = PAPERS[name]
        text += ["", f"## {subject}", "", f"{authors}. [All numbers](../bench/results/{name}/README.md).", ""]
        text += [row("claim", "verdict"), row("---", "---"), *(row(*claim) for claim in claims)]
    return text


def write(path):
    """Write the page."""
    write_text(path, "\n".join(lines()) + "\n")


def _claims(name):
    """(claim, verdict) of the tables that may judge the paper; two tables of one paper say which they are."""
    tables = report_of(name).judged(load_runs(RESULTS / name))
    family, own = family_of(tables), [table for table in tables if table.of_paper]
    return [
        (claim.text + (f" ({table.heads[0].split(', ')[-1]})" if len(own) > 1 else ""), claim.verdict(family))
        for table in own
        for claim in table.claims
    ]


def _counts(verdicts):
    counts = dict.fromkeys((*WORDS.values(), "counted"), 0)
    for verdict in verdicts:
        counts[kind(verdict)] += 1
    return counts


def _in_words(counts):
    return ", ".join(f"{n} {word}" for word, n in counts.items())


def _anchor(title):
    """The fragment that a heading gets where the page is shown."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")
