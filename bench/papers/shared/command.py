"""What the command lines of all experiments have: where results are, threads, and reporting without training."""

import argparse
import pathlib

from sparsemlp import set_num_threads
from sparsemlp.commands.files import output_path

RESULTS = pathlib.Path(__file__).parents[2] / "results"


def parser(name, text, threads=None):
    """The parser that an experiment adds its own arguments to.

    Parameters
    ----------
    name : str
        The experiment's folder, in `bench/papers/` and in `bench/results/`.
    text : str
        Docstring of its `__main__.py`.
    threads : int, optional
        Default of --threads; None: every usable CPU.
    """
    found = argparse.ArgumentParser(
        prog=f"python -m bench.papers.{name}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = found.add_argument
    add("--threads", type=int, default=threads, help=f"default: {threads or 'every usable CPU'}")
    add("--out", type=output_path, default=RESULTS / name, metavar="FOLDER", help="of runs, figures and summary (default: %(default)s)")
    add("--seconds", type=float, help="begin no further run after so long; the rest is left for another time")
    add("--processes", type=int, default=1, help="that train side by side; each loads the data (default: %(default)s)")
    add("--report", action="store_true", help="train and time nothing; write figures and summary from the runs that are there")
    return found


def begin(args):
    """Set what the arguments say about threads; whether there is to be more than a report."""
    if not args.report:
        set_num_threads(args.threads)
    return not args.report
