"""What `Trainer.fit` costs beyond its steps: an epoch against as many single steps, and the change of topology between epochs.

    python bench/epochs.py --rounds 7

epoch NET: Fashion-MNIST, standardised, batch 128 (469 steps), progress bar on; epochs and bare `train_step`s take turns. evolution NET:
SET with zeta 0.3 in all layers over the training seconds of the epoch. evolution by connections: one layer, 0.1 to 100 million
connections at 1 % density, seconds of one change.
"""

import contextlib
import io
import math
import statistics
import time
from functools import partial

import numpy as np
from common import bound_threads, each_part, options

import sparsemlp as sm
from sparsemlp.benchmark import record
from sparsemlp.benchmark.statistics import line, summary
from sparsemlp.models.named_nets import NETS

BATCH = 128
COUNTS = 10**5, 10**6, 10**7, 10**8


def data():
    X, y, X_test, _ = sm.datasets.load("fashion-mnist")
    return sm.datasets.standardize(X, X_test)[0], np.asarray(y)


def trainer(name, **more):
    return sm.Trainer(sm.MLP(NETS[name], topology=sm.ErdosRenyi(epsilon=20), seed=0), optimizer=sm.SGD(0.01, 0.9), **more)


class Interleaved(sm.Callback):
    """Times the epochs of a run, shuffling, progress bar and history included, and takes as many bare steps after each."""

    def __init__(self, other, batches):
        self.other, self.batches, self.epochs, self.steps = other, batches, [], []

    def on_epoch_begin(self, trainer, epoch):
        self.begin = time.perf_counter()

    def on_epoch_end(self, trainer, record):
        self.epochs.append(time.perf_counter() - self.begin)
        seconds = []
        for X, y in self.batches:
            begin = time.perf_counter()
            self.other.train_step(X, y)
            seconds.append(time.perf_counter() - begin)
        self.steps.append(statistics.median(seconds[:-1]))


def epoch(args, name):
    """An epoch over steps * the median step; an epoch and its steps in turn, of two trainers."""
    X, y = data()
    environment, order = record.environment(args.threads), np.random.default_rng(0).permutation(len(X))
    copied, labels = X[order], y[order]
    batches = [(copied[k : k + BATCH], labels[k : k + BATCH]) for k in range(0, len(X), BATCH)]
    turns = Interleaved(trainer(name), batches)
    begin = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        history = trainer(name, callbacks=[turns]).fit(X, y, epochs=args.rounds + 1, batch_size=BATCH, progress=True)
    whole = time.perf_counter() - begin
    epochs, steps = turns.epochs[1:], turns.steps[1:]  # the first compiles
    ratios = [e / (len(batches) * s) for e, s in zip(epochs, steps, strict=True)]
    row = {
        "net": name, "steps": len(batches), "epoch_seconds": summary(epochs), "step_seconds": summary(steps), "ratio": summary(ratios),
        "inside_epochs": summary([r["seconds"] for r in history.records[1:]]), "whole_run": whole,
    }  # fmt: skip
    ratio = row["ratio"]
    print(f"{name}: epoch {row['epoch_seconds']['median']:.3f} s, step {1e3 * row['step_seconds']['median']:.3f} ms, "
          f"epoch / (steps * step): median {ratio['median']:.3f}, {ratio['minimum']:.3f} to {max(ratios):.3f}")  # fmt: skip
    return {"environment": environment, "rows": [row]}


def evolution(args, name):
    """Share of an epoch that SET takes."""
    X, y = data()
    environment, run = record.environment(args.threads), trainer(name, policy=sm.SET(zeta=0.3))
    history = run.fit(X, y, epochs=args.rounds + 1, batch_size=BATCH)
    shares = [r["evolution_seconds"] / (r["seconds"] + r["evolution_seconds"]) for r in history.records[1:]]
    row = {
        "net": name, "share": summary(shares), "evolution_seconds": summary(history["evolution_seconds"][1:]),
        "connections": run.network.n_connections,
    }  # fmt: skip
    print(f"{name}: SET takes {100 * row['share']['median']:.2f} % of an epoch of {history.last['steps']} steps")
    return {"environment": environment, "rows": [row]}


def connections(args):
    """Seconds of one change by the number of connections."""
    environment, rows = record.environment(args.threads), []
    for n in COUNTS:
        width = round(math.sqrt(n / 0.01))
        net = sm.MLP([width, width], topology=sm.Uniform(n / width**2), seed=0)
        run = sm.Trainer(net, optimizer=sm.SGD(0.01, 0.9), policy=sm.SET(zeta=0.3))
        X, y = np.zeros((1, width), np.float32), np.zeros(1, int)
        with contextlib.redirect_stderr(io.StringIO()):
            history = run.fit(X, y, epochs=4 if n >= 10**8 else 8, batch_size=1)
        found = summary(history["evolution_seconds"][1:])
        rows.append({"connections": net.n_connections, "width": width, "ns_per_connection": 1e9 * found["median"] / n, **found})
        print(f"{n:>11,} connections: {found['median']:.4f} s, {rows[-1]['ns_per_connection']:.1f} ns a connection", flush=True)
    a, b, r2 = line([row["connections"] for row in rows], [row["median"] for row in rows])
    exponent = math.log(rows[-1]["median"] / rows[1]["median"]) / math.log(COUNTS[-1] / COUNTS[1])
    print(f"{1e9 * b:.1f} ns a connection, r2 {r2:.4f}; exponent from a million on {exponent:.3f}")
    return {"environment": environment, "rows": rows, "line": [a, b, r2], "exponent": exponent}


def main():
    args = options(__doc__, "epochs", rounds=7)
    bound_threads(args.threads)
    sm.set_num_threads(args.threads)
    parts = {f"epoch {name}": partial(epoch, args, name) for name in NETS}
    parts |= {f"evolution {name}": partial(evolution, args, name) for name in NETS}
    each_part(args, parts | {"evolution by connections": partial(connections, args)})


if __name__ == "__main__":
    main()
