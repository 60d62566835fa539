"""Pruning against structurally sparse nets, re-run: one-time and iterative pruning, retraining, RadiX-Nets and random expanders on MNIST.

    python -m bench.papers.structured --epochs 20 --timing
    python -m bench.papers.structured --report

Runs are independent; what has been run is never run again, so an interrupted sweep goes on where it stopped.
"""

from ..shared import command, runs
from . import degrees, timing
from .report import report
from .run import load_data, shared, train
from .settings import PARTS, settings


def main(argv=None):
    """Train what is missing, time if asked, then report."""
    parser = command.parser("structured", __doc__)
    add = parser.add_argument
    add("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART", help=", ".join(PARTS))
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--epochs", type=int, default=10, help="length of each run; s(t) stretches over it")
    add("--work", metavar="FOLDER", help="of trained nets that other runs start from; default: OUT/work")
    add("--timing", action="store_true", help="also time a step and a prediction of every structure, in turn")
    add("--degrees", action="store_true", help="also count the connections of each pixel and unit of the pruned nets")
    args = parser.parse_args(argv)
    work = args.work or args.out / runs.WORK
    if command.begin(args):
        named = [(s.name, {"setting": s, "work": work}) for s in settings(args.parts, args.seeds, args.epochs)]
        runs.sweep(args.out, named, train, shared, args)
        for wanted, count in ((args.timing, timing.measure), (args.degrees, degrees.measure)):
            if wanted:
                count(args.out, work, load_data(), args.epochs)
    report(args.out)


if __name__ == "__main__":
    main()
