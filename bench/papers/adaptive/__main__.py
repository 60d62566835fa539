"""Static and adaptive pruning rates, auxiliary layers and energy, re-run: MNIST in 10 x 10 pixels, an MLP 100-80-60-40-10, ten folds.

    python -m bench.papers.adaptive
    python -m bench.papers.adaptive --report

Runs are independent; what has been run is never run again, so an interrupted sweep goes on where it stopped.
"""

from ..shared import command, runs
from .report import report
from .run import Starts, load_data, train
from .settings import ARMS, SETTINGS, run_name


def main(argv=None):
    """Run what is missing, then report. Folds come before arms: a sweep cut short has whole comparisons."""
    parser = command.parser("adaptive", __doc__, threads=1)  # more do not help nets of this size
    add, folds = parser.add_argument, list(range(SETTINGS["folds"]))
    add("--arms", nargs="+", default=list(ARMS), choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    add("--folds", nargs="+", type=int, default=folds, choices=folds, metavar="FOLD", help="which tenths to test on; also the seeds")
    args = parser.parse_args(argv)
    if command.begin(args):
        shared = {"data": load_data(), "starts": Starts()}
        wanted = [(arm, fold) for fold in args.folds for arm in args.arms]
        runs.sweep(args.out, [(run_name(*w), {"arm": w[0], "fold": w[1], **shared}) for w in wanted], train)
    report(args.out)


if __name__ == "__main__":
    main()
