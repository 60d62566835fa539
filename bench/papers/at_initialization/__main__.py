"""Pruning at initialization re-run: random masks, K-starts, dissipating gradients and their combination against dense nets.

    python -m bench.papers.at_initialization
    python -m bench.papers.at_initialization --report

A run is one setting with all its trials; what has been run is never run again, so an interrupted sweep goes on where it stopped.
"""

from ..shared import command, runs
from .evidence import chosen_pair
from .report import report
from .run import load_data, run
from .settings import DATASETS, figure2_settings, figure3_settings, fitness_settings, scan_settings, table_settings

PARTS = ("table1", "figure2", "figure3", "fitness")


def main(argv=None):
    """The scan, then what is missing of each part, then the report."""
    parser = command.parser("at_initialization", __doc__)
    add = parser.add_argument
    add("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART", help=", ".join(PARTS))
    add("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS, metavar="NAME", help="of figures 2 and 3")
    add("--trials", type=int, default=10, help="seeds of each setting of table 1 and figure 3")
    add("--figure2-trials", type=int, default=3, help="seeds of each setting of figure 2")
    add("--figure2-epochs", type=int, default=3, help="length of each run of figure 2")
    args = parser.parse_args(argv)
    if command.begin(args):
        data = load_data()

        def sweep(settings, trials):
            named = [(setting.name(trials), {"setting": setting, "trials": trials, "data": data}) for setting in settings]
            runs.sweep(args.out, named, run)

        if set(args.parts) - {"figure2"}:
            sweep(scan_settings(), args.trials)
            pair = chosen_pair(runs.load_runs(args.out).values())
        for part in args.parts:
            if part == "table1":
                sweep(table_settings(*pair), args.trials)
            elif part == "fitness":
                sweep(fitness_settings(*pair), args.trials)
            elif part == "figure3":
                sweep(figure3_settings(*pair, args.datasets), args.trials)
            else:
                sweep(figure2_settings(args.figure2_epochs, args.datasets), args.figure2_trials)
    report(args.out)


if __name__ == "__main__":
    main()
