"""Write the pages and figures of all papers again from the runs that are there, and the summary, docs/papers.md.

python -m bench.papers
"""

import argparse

from .shared.command import RESULTS
from .summary import PAPERS, SUMMARY, report_of, write


def main(argv=None):
    """Train nothing; `python -m bench.papers.NAME` does."""
    argparse.ArgumentParser(prog="python -m bench.papers", description=__doc__.splitlines()[0]).parse_args(argv)
    for name in PAPERS:
        report_of(name).report(RESULTS / name)
    write(SUMMARY)


if __name__ == "__main__":
    main()
