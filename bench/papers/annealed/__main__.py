"""Annealed pruning re-run on the first hidden layer of an MLP: largest and smallest weights, dropout and none, on Fashion-MNIST.

    python -m bench.papers.annealed --samples all --arms none dropout largest smallest --seeds 0 1 2
    python -m bench.papers.annealed --report

Runs are independent; what has been run is never run again, so an interrupted sweep goes on where it stopped.
"""

from ..shared import command, runs
from .report import report
from .run import shared, train
from .settings import ARMS, SAMPLES, Setting


def main(argv=None):
    """Train what is missing, then report. Seeds come before arms: a sweep cut short has whole comparisons."""
    parser = command.parser("annealed", __doc__)
    add = parser.add_argument
    add("--samples", nargs="+", default=list(SAMPLES), choices=SAMPLES, help="training images: all, or 10,000")
    add("--arms", nargs="+", default=list(ARMS), choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    add("--seeds", nargs="+", type=int, default=list(range(10)))
    add("--epochs", type=int, default=20)
    args = parser.parse_args(argv)
    if command.begin(args):
        wanted = [Setting(samples, arm, seed, args.epochs) for samples in args.samples for seed in args.seeds for arm in args.arms]
        runs.sweep(args.out, [(s.name, {"setting": s}) for s in wanted], train, shared, args)
    report(args.out)


if __name__ == "__main__":
    main()
