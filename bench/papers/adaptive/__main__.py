"""Static and adaptive pruning rates, auxiliary layers and energy, re-run: MNIST in 10 x 10 pixels, an MLP 100-80-60-40-10, ten folds.

    python -m bench.papers.adaptive
    python -m bench.papers.adaptive --report

Runs are independent; what has been run is never run again, so an interrupted sweep goes on where it stopped.
"""

from ..shared import command, runs
from .evidence import chosen_trial, grouped
from .report import report
from .run import shared, train
from .settings import ADAPTIVE, ARMS, SETTINGS, STATIC, auxiliary_arms, run_name

FIRST_ARMS = [*STATIC, *(arm for arm, settings in ADAPTIVE.items() if settings.trial is not None)]


def main(argv=None):
    """Run what is missing, then report. Folds come before arms: a sweep cut short has whole comparisons.

    By default the static and adaptive arms, then, when all folds of those are there, the auxiliary arms of the trial drop that was chosen.
    """
    parser = command.parser("adaptive", __doc__, threads=1)  # more do not help nets of this size
    add, folds = parser.add_argument, list(range(SETTINGS["folds"]))
    add("--arms", nargs="+", choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    add("--folds", nargs="+", type=int, default=folds, choices=folds, metavar="FOLD", help="which tenths to test on; also the seeds")
    args = parser.parse_args(argv)
    if command.begin(args):

        def sweep(arms):
            wanted = [(arm, fold) for fold in args.folds for arm in arms]
            return runs.sweep(args.out, [(run_name(*w), {"arm": w[0], "fold": w[1]}) for w in wanted], train, shared, args)

        if sweep(args.arms or FIRST_ARMS) and not args.arms:
            trial = chosen_trial(grouped(runs.load_runs(args.out).values()))
            if trial is not None:
                sweep(auxiliary_arms(trial))
    report(args.out)


if __name__ == "__main__":
    main()
