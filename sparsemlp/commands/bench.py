"""Time training steps of a sparse net against the same net dense, in this package and in plain NumPy.

Each system in its own process, with the same number of threads, in interleaved turns; medians and minima. Only the ratios of one run mean
anything: times move with what else the machine does. --densities sweeps one square layer instead and says at which density dense wins.
bench/dense_vs_sparse.py in the repository compares with PyTorch, MKL and scikit-learn.
"""

import sys

from .. import checks
from .files import output_path


def add_arguments(parser):
    """The command's arguments."""
    add = parser.add_argument
    add("--net", default="mlp-1k", help="mlp-1k, mlp-4k, mlp-4k4l, or widths such as 784-1000-10 (default: %(default)s)")
    add("--epsilon", type=float, help="Erdős–Rényi; default 20 without --density")
    add("--density", type=float, help="the same in every layer, in place of --epsilon")
    add("--densities", type=float, nargs="+", metavar="DENSITY", help="sweep a layer of --width units on both sides instead of --net")
    add("--width", type=int, default=1024, help="of the layer that is swept (default: %(default)s)")
    add("--batch-size", type=int, default=128, help="(default: %(default)s)")
    add("--optimizer", default="momentum", choices=("momentum", "adam", "sgd"), help="(default: %(default)s)")
    add("--activation", default="relu", choices=("relu", "sigmoid", "tanh"), help="(default: %(default)s)")
    add("--threads", type=int, help="of every system (default: every usable CPU)")
    add("--repeats", type=int, default=32, help="timed steps a system, at least (default: %(default)s)")
    add("--turns", type=int, default=8, help="that the steps are spread over (default: %(default)s)")
    add("--one-process", action="store_true", help="no worker processes; BLAS keeps the threads it has")
    add("--seed", type=int, default=0, help="of topology, weights and data")
    add("--json", type=output_path, metavar="FILE", help="write the rows to this file")
    add("--figure", type=output_path, metavar="FILE", help="draw them to this PNG")


def run(args):
    """Measure and print."""
    import sparsemlp as sm

    from ..benchmark import record
    from ..benchmark.systems import OWN
    from ..benchmark.turns import Job, measure
    from ..files import write_json
    from ..reports import speed

    threads = (
        sm.get_num_threads() if args.threads is None else checks.integer("--threads", args.threads, 1, sm.engine.threads.available_cpus())
    )
    sparse, dense = _problems(args)
    jobs = [Job("sparsemlp", OWN["sparsemlp"], problem) for problem in sparse]
    jobs += [Job(name, OWN[name], dense) for name in ("sparsemlp dense", "numpy dense")]
    environment = record.environment(threads)

    def log(text):
        sys.stderr.write(text + "\n")

    rows, skipped = measure(
        jobs, threads=threads, repeats=args.repeats, turns=min(args.turns, args.repeats), processes=not args.one_process, log=log
    )
    found = {"environment": environment, "rows": rows, "skipped": skipped}
    print(f"{'-'.join(map(str, dense.sizes))}, batch {dense.batch_size}, {args.optimizer}, threads: {threads}\n")
    if args.densities:
        found["sweep"] = swept = speed.sweep(rows, "numpy dense")
        own = swept["sparsemlp"]
        print("density  connections  times faster than numpy dense")
        for density, n, times in zip(own["densities"], own["connections"], own["speedups"], strict=True):
            print(f"{density:>7g}  {n:>11,}  {times:.2f}")
        at = own["break_even"]
        print(f"\nbreak-even density: {at:.2f}" if at else "\nno break-even within these densities")
    print("\n" + speed.table(rows, None if args.densities else "sparsemlp"))
    if args.figure and args.densities:
        speed.speedup_against_density({f"{args.width} x {args.width}, batch {args.batch_size}": found["sweep"]}, args.figure, "numpy dense")
    elif args.figure:
        speed.step_times({args.net: rows}, args.figure, f"batch {args.batch_size}, threads: {threads}")
    if args.json:
        write_json(args.json, found)


def _problems(args):
    """(sparse problems, dense problem)"""
    from ..benchmark.problem import Problem
    from ..models.named_nets import widths

    common = {"batch_size": args.batch_size, "optimizer": args.optimizer, "activation": args.activation, "seed": args.seed}
    if args.densities:
        checks.integer("--width", args.width, 1)
        if args.epsilon is not None or args.density is not None:
            raise ValueError("--densities takes the place of --epsilon and --density; leave them out.")
        for density in args.densities:
            checks.fraction("--densities", density, open_low=True)
        sizes = (16, args.width, args.width, 10)
        return [Problem(sizes, density=d, **common) for d in sorted(set(args.densities))], Problem(sizes, **common)
    sizes = widths(args.net)
    epsilon = 20 if args.epsilon is None and args.density is None else args.epsilon
    return [Problem(sizes, epsilon=epsilon, density=args.density, **common)], Problem(sizes, **common)
