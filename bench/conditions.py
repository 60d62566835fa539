"""What a step costs under other conditions: threads, threading layers, instruction sets, activations, batches, densities; and inference.

    python bench/conditions.py                    # all pieces
    python bench/conditions.py --parts threads

threads: 1 thread against --threads. layers: numba's workqueue threads (no OpenMP library) against its OpenMP ones. instructions: numba
without AVX-512, as on a CPU that has none. extras: dropout, Adam, sigmoid and tanh over the plain step. density: a 4096 x 4096 layer down
to 0.1 permille. batch: 1 to 512. predict: 10,000 rows, and one row at a time.
"""

import platform
from functools import partial

from common import each_part, job, options, run

from sparsemlp.benchmark.problem import Problem
from sparsemlp.benchmark.statistics import ratio
from sparsemlp.models.named_nets import NETS
from sparsemlp.reports import speed

PEERS = "torch dense", "torch dense, tuned"


def erdos_renyi(name, **more):
    return Problem(NETS[name], epsilon=20, **more)


def variants(args, base, others):
    """Time variants of our own step. `base` and `others`: name to (problem, options of the job); each name begins with its net's.

    Rows carry their variant's name, and "times_base": medians and minima over those of the net's row in `base`.
    """
    named = {**base, **others}
    piece = run(args, [job("sparsemlp", problem, **more) for problem, more in named.values()])
    rows = {name: {**row, "variant": name} for name, row in zip(named, piece["rows"], strict=True)}
    plain = {name.split()[0]: rows[name] for name in base}
    for name, row in rows.items():
        row["times_base"] = median, least = ratio(row, plain[name.split()[0]])
        print(f"{name:<28} {1e3 * row['median']:9.3f} ms  {median:6.3f} (minima {least:.3f}) times {plain[name.split()[0]]['variant']}")
    return {**piece, "rows": list(rows.values())}


def threads(args):
    others = {f"{name} 1 thread": (erdos_renyi(name), {"threads": 1}) for name in NETS}
    pairs = {f"{name} {args.threads} threads": (erdos_renyi(name), {}) for name in NETS}
    piece = variants(args, pairs, others)
    for name in NETS:
        many, one = (next(row for row in piece["rows"] if row["variant"] == f"{name} {n}") for n in (f"{args.threads} threads", "1 thread"))
        piece[f"{name} speedup"] = ratio(one, many)
        print(f"{name}: {args.threads} threads are {piece[f'{name} speedup'][0]:.2f} times as fast as 1")
    return piece


def threading_layers(args):
    """Numba's OpenMP threads, and its own."""
    piece = {"rows": []}
    for name in NETS:
        regions = 2 * len(NETS[name]) - 1  # the transposition, each layer forwards and backwards
        jobs = {layer: (erdos_renyi(name), {"env": {"NUMBA_THREADING_LAYER": layer}}) for layer in ("omp", "workqueue")}
        found = variants(args, {f"{name} omp": jobs["omp"]}, {f"{name} workqueue": jobs["workqueue"]})
        omp, workqueue = found["rows"]
        more = 1e6 * (workqueue["median"] - omp["median"]) / regions
        found[f"{name} microseconds a region"] = more
        print(f"{name}: workqueue costs {more:.1f} microseconds more in each of {regions} parallel regions")
        piece = {**piece, **found, "rows": piece["rows"] + found["rows"]}
    return piece


def instructions(args):
    """As compiled for this CPU, and without what AVX-512 brings; beside torch, which keeps its own."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        raise SystemExit("instructions: this machine is no x86-64.")
    from llvmlite.binding import get_host_cpu_features

    features = get_host_cpu_features()
    without = ",".join(("-" if "avx512" in name or not on else "+") + name for name, on in features.items())
    pairs = {f"{name} this CPU": (erdos_renyi(name), {}) for name in NETS}
    others = {
        f"{name} AVX2 only": (erdos_renyi(name), {"env": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": without}}) for name in NETS
    }
    piece = variants(args, pairs, others)
    dense = run(args, [job("torch dense", Problem(NETS[name])) for name in NETS])
    piece["rows"] += dense["rows"]
    for name, row in zip(NETS, dense["rows"], strict=False):
        for variant in ("this CPU", "AVX2 only"):
            own = next(r for r in piece["rows"] if r.get("variant") == f"{name} {variant}")
            piece[f"{name} {variant} over torch dense"] = ratio(row, own)
            print(f"{name} {variant}: {ratio(row, own)[0]:.1f} times faster than torch dense")
    return piece


def extras(args):
    """What dropout, Adam and other activations add."""
    piece = {"rows": []}
    changes = {
        "dropout 0.3": {"dropout": 0.3},
        "Adam": {"optimizer": "adam"},
        "sigmoid": {"activation": "sigmoid"},
        "tanh": {"activation": "tanh"},
    }
    for name in NETS:
        others = {f"{name} {label}": (erdos_renyi(name, **change), {}) for label, change in changes.items()}
        found = variants(args, {f"{name} plain": (erdos_renyi(name), {})}, others)
        piece = {**found, "rows": piece["rows"] + found["rows"]}
    return piece


def density(args):
    """No floor: a wide layer from 10 % down to 0.1 permille."""
    sizes = 16, 4096, 4096, 10
    jobs = [job("sparsemlp", Problem(sizes, density=d)) for d in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)]
    piece = run(args, jobs + [job("torch dense", Problem(sizes))])
    print(speed.table(piece["rows"], None))
    return piece


def batch(args):
    """Every batch size has a path, against torch dense."""
    piece = {"rows": [], "skipped": {}}
    sizes = 1, 2, 4, 8, 16, 32, 64, 100, 128, 256, 512
    problems = [[erdos_renyi("mlp-1k", batch_size=n), Problem(NETS["mlp-1k"], batch_size=n)] for n in sizes]
    jobs = [job(system, pair[system != "sparsemlp"]) for pair in problems for system in ("sparsemlp", "torch dense")]
    piece = run(args, jobs)
    own = [row for row in piece["rows"] if row["system"] == "sparsemlp"]
    torch = [row for row in piece["rows"] if row["system"] != "sparsemlp"] or [None] * len(own)
    for n, mine, other in zip(sizes, own, torch, strict=True):
        times = f"{ratio(other, mine)[0]:.1f} times faster than torch dense" if other else ""
        print(f"batch {n}: {1e3 * mine['median']:.3f} ms, {1e6 * mine['median'] / n:.2f} microseconds a sample, {times}")
    return piece


def predict(args, name, rows):
    """`predict` of so many rows at once."""
    systems = ["sparsemlp", "sparsemlp dense", *PEERS[:1], "scikit-learn MLPClassifier"]
    own, dense = erdos_renyi(name, batch_size=rows, task="predict"), Problem(NETS[name], batch_size=rows, task="predict")
    piece = run(args, [job(system, own if system == "sparsemlp" else dense) for system in systems])
    print(speed.table(piece["rows"], "sparsemlp"))
    return piece


def main():
    args = options(__doc__, "conditions")
    parts = {
        "threads": threads,
        "layers": threading_layers,
        "instructions": instructions,
        "extras": extras,
        "density": density,
        "batch": batch,
    }
    parts = {name: partial(function, args) for name, function in parts.items()}
    parts |= {f"predict {name} {n} rows": partial(predict, args, name, n) for n in (10_000, 1) for name in NETS}
    each_part(args, parts)


if __name__ == "__main__":
    main()
