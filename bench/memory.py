"""Memory: bytes counted by `memory_report` beside the resident memory of real training runs in child processes, and bytes on disk.

    python bench/memory.py

large ...: runs whose counted bytes are a gigabyte or more. Counted: what the report adds up. Training: the most memory that was resident
during an epoch of `Trainer.fit`, less what was resident after import, compilation and a warm-up with a small net. Building: the same while
the net was made; evolution: during a second epoch, which SET begins. width: the same for growing nets, dense and Erdős–Rényi. disk: what
`save` writes. Linux only.
"""

import ctypes
import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from functools import partial

import numpy as np
from common import HERE, bound_threads, each_part, options

import sparsemlp as sm
from sparsemlp.benchmark import record
from sparsemlp.models.named_nets import NETS
from sparsemlp.reports.speed import memory_against_width

BATCH = 100
LARGE = {
    "large sparse momentum": ((784, 20000, 20000, 10), {"density": 0.12}, "momentum"),
    "large sparse Adam": ((784, 20000, 20000, 10), {"density": 0.12}, "adam"),
    "large dense momentum": ((784, 10000, 10000, 10), {}, "momentum"),
    "large dense Adam": ((784, 10000, 10000, 10), {}, "adam"),
}
WIDTHS = {"dense": (500, 1000, 2000, 4000, 8000), "sparse": (500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)}


def resident():
    """(bytes resident now, the most since the last reset)"""
    with open("/proc/self/status") as file:
        found = {line.split(":")[0]: line.split()[1] for line in file if line.startswith(("VmRSS", "VmHWM"))}
    return int(found["VmRSS"]) * 1024, int(found["VmHWM"]) * 1024


def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def train(trainer, sizes, epochs):
    """Epochs of four steps; returns the most that was resident meanwhile."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((4 * BATCH, sizes[0]), np.float32), rng.integers(0, sizes[-1], 4 * BATCH)
    reset_peak()
    trainer.fit(X, y, epochs, BATCH, resume=epochs > 1)
    return resident()[1]


def child(sizes, topology, optimizer):
    """What a run holds, as JSON on standard output."""

    def make(sizes):
        choice = sm.ErdosRenyi(**topology) if topology else sm.Dense()
        net = sm.MLP(sizes, topology=choice, seed=0)
        rule = sm.Adam(lr=1e-4) if optimizer == "adam" else sm.SGD(1e-4, 0.9)
        return sm.Trainer(net, optimizer=rule, policy=sm.SET(zeta=0.3) if topology else sm.Static())

    train(make([sizes[0], 50, 50, sizes[-1]]), sizes, 2)  # compiles, starts threads
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    base = resident()[0]
    reset_peak()
    trainer = make(sizes)
    found = {"building": resident()[1] - base}
    found["training"] = train(trainer, sizes, 1) - base
    report = sm.memory_report(trainer)
    found |= {"counted": report.total, "base": base, **report.to_dict(), "inference": report.inference}
    if topology:
        found["evolution"] = train(trainer, sizes, 2) - base
    json.dump(found, sys.stdout)


def measured(args, sizes, topology, optimizer):
    """A row of a run in a child process."""
    what = json.dumps([list(sizes), topology, optimizer])
    command = [sys.executable, str(HERE / "memory.py"), "--threads", str(args.threads), "--child", what]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    row = {"sizes": sizes, "topology": topology, "optimizer": optimizer, **json.loads(done.stdout)}
    row["training_over_counted"] = row["training"] / row["counted"]
    text = ", ".join(f"{k} {row[k] / 1e6:,.1f} MB" for k in ("counted", "training", "building", "evolution") if k in row)
    name = f"{'-'.join(map(str, sizes))} {topology or 'dense'} {optimizer}"
    print(f"{name}: {text}; training / counted {row['training_over_counted']:.3f}", flush=True)
    return row


def large(args, *what):
    environment = record.environment(args.threads)
    return {"environment": environment, "rows": [measured(args, *what)]}


def width(args):
    """Nets 784-w-w-w-10, momentum."""
    environment, rows = record.environment(args.threads), []
    for kind, widths in WIDTHS.items():
        topology = {"epsilon": 20} if kind == "sparse" else {}
        rows += [{"kind": kind, "width": w, **measured(args, (784, w, w, w, 10), topology, "momentum")} for w in widths]
    return {"environment": environment, "rows": rows}


def disk(args):
    """Bytes of saved nets and trainers."""
    environment, rows = record.environment(args.threads), []
    for name, sizes in NETS.items():
        for kind, topology in (("sparse", sm.ErdosRenyi(epsilon=20)), ("dense", sm.Dense())):
            trainer = sm.Trainer(sm.MLP(sizes, topology=topology, seed=0), optimizer=sm.SGD(1e-4, 0.9))
            trainer.train_step(np.zeros((1, sizes[0]), np.float32), np.zeros(1, int))
            with tempfile.TemporaryDirectory() as folder:
                found = {}
                for what, value in (("net", trainer.network), ("trainer", trainer)):
                    path = pathlib.Path(folder) / what
                    sm.save(path, value)
                    found[f"{what}_bytes"] = os.path.getsize(path)
            rows.append({"net": name, "kind": kind, "connections": trainer.network.n_connections, **found})
            print(f"{name} {kind}: net {found['net_bytes']:,} bytes, trainer {found['trainer_bytes']:,} bytes")
    return {"environment": environment, "rows": rows}


def main():
    args = options(__doc__, "memory", child="")
    bound_threads(args.threads)
    sm.set_num_threads(args.threads)
    if args.child:
        child(*json.loads(args.child))
        return
    parts = {name: partial(large, args, *what) for name, what in LARGE.items()}
    each_part(args, parts | {"width": partial(width, args), "disk": partial(disk, args)})
    pieces = record.load(args.json)
    if "width" in pieces and not args.list:
        memory_against_width(pieces["width"]["rows"], args.json.parent / "memory_against_width.png")


if __name__ == "__main__":
    main()
