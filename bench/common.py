"""What the scripts share: options, pieces that are measured one at a time and merged into one file, jobs by name."""

import argparse
import fnmatch
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "tests")]  # this checkout, whatever is installed

import naive  # noqa: E402, F401  the kernels' twins, for the scripts
import peers  # noqa: E402

from sparsemlp import get_num_threads  # noqa: E402
from sparsemlp.benchmark import record  # noqa: E402
from sparsemlp.benchmark.systems import OWN  # noqa: E402
from sparsemlp.benchmark.turns import Job, measure  # noqa: E402
from sparsemlp.benchmark.workers import BOUNDS, OVERRIDES  # noqa: E402
from sparsemlp.commands.files import output_path  # noqa: E402

RESULTS = HERE / "results" / "speed"
PATIENT = "sparsemlp, GOMP_SPINCOUNT=30000"  # OpenMP's idle threads wait about ten times as long before they sleep
BUILDS = {**OWN, PATIENT: OWN["sparsemlp"], **peers.DENSE, **peers.SPARSE}
ENVIRONMENT = {**peers.ENVIRONMENT, PATIENT: {"GOMP_SPINCOUNT": "30000"}}


def options(description, name, **more):
    """Parsed command line of a script whose results go to `results/speed/NAME.json`; `more`: further options, name to default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--parts", nargs="+", default=["*"], metavar="PART", help="pieces to run, wildcards allowed (default: all)")
    add("--list", action="store_true", help="name the pieces and stop")
    add("--threads", type=int, default=min(get_num_threads(), 4), help="of every system (default: %(default)s)")
    add("--repeats", type=int, default=32, help="timed runs a system, at least (default: %(default)s)")
    add("--turns", type=int, default=8)
    add("--json", type=output_path, default=RESULTS / f"{name}.json", help="pieces are merged into this file (default: %(default)s)")
    for key, value in more.items():
        add(f"--{key}", type=type(value), default=value)
    return parser.parse_args()


def bound_threads(n):
    """Start this script again with the threads of every library bounded: they read their environment when they are loaded."""
    bounds = dict.fromkeys(BOUNDS, str(n))
    if any(os.environ.get(name) != value for name, value in bounds.items()) or any(name in os.environ for name in OVERRIDES):
        kept = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
        os.execve(sys.executable, [sys.executable, *sys.argv], {**kept, **bounds})


def job(system, problem, **more):
    """A job of a system by its name."""
    env = {**ENVIRONMENT.get(system, {}), **more.pop("env", {})}
    return Job(system, BUILDS[system], problem, env=env, **more)


def run(args, jobs, **more):
    """`measure` with the script's options; returns the piece for the file."""
    environment = record.environment(args.threads)
    begin = time.perf_counter()
    settings = {"threads": args.threads, "repeats": args.repeats, "turns": args.turns}
    rows, skipped = measure(jobs, **settings, path=[HERE], log=print, **more)
    return {"environment": environment, "rows": rows, "skipped": skipped, "seconds": time.perf_counter() - begin}


def each_part(args, parts):
    """Run the pieces asked for: `parts` maps a name to a function that returns what is written under it."""
    names = [name for name in parts if any(fnmatch.fnmatch(name, pattern) for pattern in args.parts)]
    if args.list:
        print("\n".join(parts))
        return
    for name in names:
        print(f"== {name}", flush=True)
        record.merge(args.json, name, parts[name]())
