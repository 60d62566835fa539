"""Dynamic pruning rates re-run: dense, static, SET, EXD, LDV and OSV nets on Fashion-MNIST, and what each choice is worth.

    python -m bench.papers.dynamic_pruning --nets mlp-1k --epochs 100
    python -m bench.papers.dynamic_pruning --time 10 --arms dense static set exd ldv osv small-dense
    python -m bench.papers.dynamic_pruning --report

Runs are independent; what has been run is never run again, so an interrupted sweep goes on where it stopped.
"""

from ..shared import command, runs
from . import memory, times
from .report import report
from .run import load_data, shared, train
from .settings import ARMS, NETS, PAPER_ARMS, STARTS, run_name


def main(argv=None):
    """Train (or time) what is missing, then report. Seeds come before arms before nets: a sweep cut short has whole comparisons."""
    parser = command.parser("dynamic_pruning", __doc__)
    add = parser.add_argument
    add("--nets", nargs="+", default=["mlp-1k"], choices=NETS, metavar="NET", help=", ".join(NETS))
    add("--arms", nargs="+", default=list(PAPER_ARMS), choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--start", default="code", choices=STARTS, help="initial weights: those of the paper's code, or He's by the actual fan-in")
    add("--epochs", type=int, default=500, help="length of each run; the zeta schedules stretch over it")
    text = "instead of runs, time this many epochs of each arm, the arms taking turns; for an otherwise idle machine"
    add("--time", type=int, metavar="ROUNDS", help=text)
    add("--memory", action="store_true", help="instead of runs, count the bytes of training, prediction and files")
    args = parser.parse_args(argv)
    if command.begin(args):
        if args.memory:
            runs.put(args.out, "memory", memory.measure())
        elif args.time:
            data = load_data()
            for net in args.nets:
                times.write(args.out, net, args.arms, args.time, data)
        else:
            wanted = [(net, arm, seed, args.epochs, args.start) for net in args.nets for seed in args.seeds for arm in args.arms]
            named = [(run_name(*w), dict(zip(("net", "arm", "seed", "epochs", "start"), w, strict=True))) for w in wanted]
            runs.sweep(args.out, named, train, shared, args)
    report(args.out)


if __name__ == "__main__":
    main()
