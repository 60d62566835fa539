"""Time of a training step: sparsemlp against everything that could be used instead, on the same nets.

    python bench/dense_vs_sparse.py                     # all pieces, then the figures
    python bench/dense_vs_sparse.py --parts 'mlp-1k*'   # some of them; the others stay in the file
    python bench/dense_vs_sparse.py --parts none        # the figures only

Pieces: three nets with Erdős–Rényi connections (epsilon 20) at batch 128 and 32 against every system that is installed; and one square
layer (16 inputs, two times WIDTH units, 10 outputs, one density everywhere) from 1 to 100 % against the dense systems, up to 20 % against
sparse ones, with momentum and Adam.
"""

from functools import partial

from common import BUILDS, PATIENT, each_part, job, options, run

from sparsemlp.benchmark import record
from sparsemlp.benchmark.problem import Problem
from sparsemlp.models.named_nets import NETS
from sparsemlp.reports import speed

DENSITIES = 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0
SPARSE_PEERS_TO = 0.2  # density: far beyond where they lose to dense
WIDTHS, OPTIMIZERS, BATCHES = (1024, 4096), ("momentum", "adam"), (128, 32)
DENSE_SYSTEMS = "torch dense", "torch dense, tuned", "numpy dense"
NOT_DENSE = {"sparsemlp", PATIENT, "torch masked dense", "torch.sparse_csr", "MKL sparse + numba dW", "SciPy CSR + numba dW"}


def net(args, name, batch):
    """One net, every system."""
    sparse, dense = Problem(NETS[name], epsilon=20, batch_size=batch), Problem(NETS[name], batch_size=batch)
    piece = run(args, [job(system, sparse if system in NOT_DENSE else dense) for system in BUILDS])
    print(speed.table(piece["rows"], "sparsemlp"), "\n")
    return piece


def layer(args, width, optimizer):
    """One layer, all densities."""
    sizes = 16, width, width, 10
    jobs = [job(system, Problem(sizes, optimizer=optimizer)) for system in DENSE_SYSTEMS]
    for density in DENSITIES:
        systems = ["sparsemlp"] + ["torch.sparse_csr", "MKL sparse + numba dW"] * (density <= SPARSE_PEERS_TO)
        jobs += [job(system, Problem(sizes, density=density, optimizer=optimizer)) for system in systems]
    piece = run(args, jobs)
    present = [system for system in DENSE_SYSTEMS if system not in piece["skipped"]]
    piece["sweeps"] = {base: speed.sweep(piece["rows"], base) for base in present}
    for base, found in piece["sweeps"].items():
        own = found["sparsemlp"]
        print(f"times faster than {base}:", ", ".join(f"{100 * d:g} %: {s:.2f}" for d, s in zip(DENSITIES, own["speedups"], strict=True)))
        print(f"break-even with {base}: {own['break_even']}; seconds = a + b * connections, r2: {own['line']}")
    print()
    return piece


def figures(path):
    """Draw what the file holds."""
    pieces, folder = record.load(path), path.parent
    nets = {name: piece["rows"] for name, piece in pieces.items() if name.startswith("mlp")}
    layers = {name: piece["sweeps"] for name, piece in pieces.items() if not name.startswith("mlp")}
    if nets:
        about = next(piece["environment"] for name, piece in pieces.items() if name.startswith("mlp"))
        title = f"Training step, Erdős–Rényi epsilon 20, {about['cpu']}, threads: {about['threads']}"
        speed.step_times(nets, folder / "step_times.png", title)
    if layers:
        base = "torch dense" if all("torch dense" in found for found in layers.values()) else "numpy dense"
        speed.speedup_against_density({name: found[base] for name, found in layers.items()}, folder / "speedup_against_density.png", base)
        speed.time_against_connections({name: found[base] for name, found in layers.items()}, folder / "time_against_connections.png")


def main():
    args = options(__doc__, "dense_vs_sparse")
    parts = {f"{name} batch {batch}": partial(net, args, name, batch) for batch in BATCHES for name in NETS}
    parts |= {f"{n}x{n} {rule}": partial(layer, args, n, rule) for n in WIDTHS for rule in OPTIMIZERS}
    each_part(args, parts)
    if not args.list:
        figures(args.json)


if __name__ == "__main__":
    main()
