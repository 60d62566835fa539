"""Pruning at initialization re-run: random masks, K-starts, dissipating gradients and their combination against dense nets.

    python -m bench.papers.at_initialization
    python -m bench.papers.at_initialization --report

A run is one setting with all its trials; what has been run is never run again, so an interrupted sweep goes on where it stopped.
"""

from ..shared import command, runs
from .evidence import chosen
from .report import report
from .run import load_data, mean_images, run, shared
from .settings import DATASETS, figure2_settings, figure3_settings, fitness_settings, k_by_p_settings, scan_settings, table_settings

PARTS = {"table1": table_settings, "fitness": fitness_settings, "k-by-p": k_by_p_settings, "figure3": figure3_settings, "figure2": None}


def main(argv=None):
    """The scan, then what is missing of each part, then the report."""
    parser = command.parser("at_initialization", __doc__)
    add = parser.add_argument
    add("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART", help=", ".join(PARTS))
    add("--datasets", nargs="+", default=list(DATASETS), choices=DATASETS, metavar="NAME", help="of figure 2")
    add("--trials", type=int, default=10, help="seeds of each setting of the net 784-10")
    add("--scan-trials", type=int, default=5, help="seeds of each setting of the scan")
    add("--figure2-trials", type=int, default=3, help="seeds of each setting of figure 2")
    add("--figure2-epochs", type=int, default=25, help="length of each run of figure 2")
    args = parser.parse_args(argv)
    if command.begin(args):
        runs.put(args.out, "mean-image", mean_images(load_data()))

        def sweep(settings, trials):
            named = [(setting.name(trials), {"setting": setting, "trials": trials}) for setting in settings]
            return runs.sweep(args.out, named, run, shared, args)

        scanned = set(args.parts) == {"figure2"} or sweep(scan_settings(), args.scan_trials)
        at = chosen(runs.load_runs(args.out).values())
        for part in args.parts if scanned else ():
            if part == "figure2":
                sweep(figure2_settings(args.figure2_epochs, args.datasets), args.figure2_trials)
            else:
                sweep(PARTS[part](*at), args.trials)
    report(args.out)


if __name__ == "__main__":
    main()
