"""Sparse nets against dense ones of as many parameters, of as much time, and of as many bytes: runs, and the page of them.

    python bench/small_dense.py                       # every run that is not stored yet, then the page
    python bench/small_dense.py --only 'mnist*'       # some experiments
    python bench/small_dense.py --seconds 250         # stop after the run that is under way then; the next call goes on
    python bench/small_dense.py --times --threads 2   # seconds an epoch, systems in turns
    python bench/small_dense.py --page                # docs/sparse_or_small_dense.md from the stored runs

Each run is a line of results/small_dense/runs.jsonl, written when the run ends: experiment, arm, seed, test accuracy, parameters, seconds.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
RUNS = HERE / "results" / "small_dense" / "runs.jsonl"
TIMES = RUNS.with_name("times.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="experiments to run")
    parser.add_argument("--arms", nargs="+", default=["*"], metavar="PATTERN", help="arms to run")
    parser.add_argument("--seeds", type=int, help="at most so many")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run after so many")
    parser.add_argument(
        "--threads", type=int, default=1, help="for accuracies (default: %(default)s); sparse nets give the same bits for any number"
    )
    parser.add_argument("--times", action="store_true", help="time epochs of several systems, interleaved, instead of other runs")
    parser.add_argument("--page", action="store_true", help="run nothing")
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)  # before anything reads them
    if args.times:
        from small_dense_parts import times

        times.measure(TIMES, args.threads)
    elif not args.page:
        run(args)
    from small_dense_parts import page

    page.write(stored(), json.loads(TIMES.read_text()) if TIMES.exists() else None, HERE.parent)


def stored():
    """The lines there are."""
    return [json.loads(text) for text in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.exists() else []


def matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def run(args):
    from small_dense_parts.experiments import EXPERIMENTS

    import sparsemlp as sm

    sm.set_num_threads(args.threads)
    begin = time.perf_counter()
    done = {(line["experiment"], line["arm"], line["seed"]) for line in stored()}
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    for name, experiment in EXPERIMENTS.items():
        for seed in range(experiment.seeds if args.seeds is None else min(args.seeds, experiment.seeds)):
            for arm in experiment.arms:
                if (name, arm, seed) in done or not matches(name, args.only) or not matches(arm, args.arms):
                    continue
                if time.perf_counter() - begin > args.seconds:
                    return
                try:
                    found = experiment.run(arm, seed)
                except (FileNotFoundError, ImportError, sm.DatasetError) as error:
                    sys.stderr.write(f"{name} is left out: {error}\n")
                    break
                with RUNS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"experiment": name, "arm": arm, "seed": seed, **found}) + "\n")
                sys.stdout.write(f"{name} | {arm} | {seed}: {found['accuracy']}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
