"""Sparse (SET) against dense, trained the same way: test accuracy over seeds and the ratio of seconds per epoch.

    python bench/accuracy.py --seeds 0 1 2 --epochs 20 --json bench/results/accuracy.json

The learning rate may be searched for each arm on a validation split of the training data (--search); the test data is used once, after the
last epoch. Runs of the two arms take turns, seed by seed, so that both meet the same machine. Goes on where it stopped.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import sparsemlp as sm
from sparsemlp.benchmark.workers import BOUNDS, OVERRIDES, environment
from sparsemlp.commands.files import output_path
from sparsemlp.environment import machine
from sparsemlp.files import write_json
from sparsemlp.models.named_nets import NETS, widths

ARMS = ("sparse", "dense")


def train(arm, sizes, data, args, lr, seed, epochs):
    """One run; returns the trained net and its history."""
    X, y = data
    topology = sm.ErdosRenyi(epsilon=args.epsilon) if arm == "sparse" else sm.Dense()
    net = sm.MLP(sizes, topology=topology, dropout=args.dropout, seed=seed)
    policy = sm.SET(zeta=0.3) if arm == "sparse" else sm.Static()
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=lr, momentum=0.9), policy=policy, lr_scale=None)
    return net, trainer.fit(X, y, epochs=epochs, batch_size=args.batch_size)


def search(arm, sizes, X, y, args, results, save):
    """The learning rate with the best accuracy on a tenth of the training data, seed 0."""
    order = np.random.default_rng(0).permutation(len(X))
    held, kept = order[: len(X) // 10], order[len(X) // 10 :]
    for lr in args.search:
        key = f"{arm} lr {lr}"
        if key not in results["search"]:
            try:
                net, _ = train(arm, sizes, (X[kept], y[kept]), args, lr, 0, args.search_epochs)
                results["search"][key] = net.score(X[held], y[held])
            except sm.NonFiniteError:
                results["search"][key] = 0.0  # diverged
            save()
            print(key, results["search"][key], flush=True)
    return max(args.search, key=lambda lr: results["search"][f"{arm} lr {lr}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--net", default="mlp-1k", choices=NETS)
    parser.add_argument("--epsilon", type=float, default=20)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--search", type=float, nargs="+", default=[])
    parser.add_argument("--search-epochs", type=int, default=20)
    parser.add_argument("--only-search", action="store_true", help="stop before the runs, which go on from the same file later")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=output_path, required=True)
    args = parser.parse_args()
    threads = args.threads or sm.get_num_threads()
    wanted = environment(threads)  # BLAS reads it when NumPy loads: as many threads for both arms, the best kernels of this CPU
    if any(os.environ.get(name) != wanted.get(name) for name in (*BOUNDS, *OVERRIDES)):
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=wanted, check=False).returncode)
    sm.set_num_threads(threads)
    X, y, X_test, y_test = sm.datasets.load(args.dataset)
    X, X_test = sm.datasets.standardize(X, X_test)
    sizes = list(widths(args.net, X.shape[1], int(y.max()) + 1))
    results = json.loads(args.json.read_text()) if args.json.exists() else {"runs": {}, "search": {}}
    results["settings"] = {k: str(v) if isinstance(v, pathlib.Path) else v for k, v in vars(args).items() if k != "json"}
    results["machine"] = machine()

    def save():
        write_json(args.json, results)

    rates = {arm: search(arm, sizes, X, y, args, results, save) if args.search else args.lr for arm in ARMS}
    if args.only_search:
        return
    for seed in args.seeds:
        for arm in ARMS:
            key = f"{arm} seed {seed} lr {rates[arm]} epochs {args.epochs}"
            if key in results["runs"]:
                continue
            start = time.perf_counter()
            net, history = train(arm, sizes, (X, y), args, rates[arm], seed, args.epochs)
            results["runs"][key] = {
                "arm": arm, "seed": seed, "lr": rates[arm], "test_accuracy": net.score(X_test, y_test), "n_parameters": net.n_parameters,
                "seconds_per_epoch": statistics.median(history["seconds"]),
                "evolution_seconds": statistics.median(history["evolution_seconds"]),
                "bytes": history.last["bytes"], "losses": history["loss"], "wall_seconds": time.perf_counter() - start,
            }  # fmt: skip
            save()
            r = results["runs"][key]
            print(f"{key}: test {r['test_accuracy']:.4f}, {r['seconds_per_epoch']:.2f} s per epoch", flush=True)
    summary = {}
    for arm in ARMS:
        runs = [results["runs"][f"{arm} seed {s} lr {rates[arm]} epochs {args.epochs}"] for s in args.seeds]
        accuracies = [r["test_accuracy"] for r in runs]
        summary[arm] = {
            "lr": rates[arm], "accuracy_mean": statistics.mean(accuracies),
            "accuracy_min": min(accuracies), "accuracy_max": max(accuracies),
            "accuracy_deviation": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
            "seconds_per_epoch": statistics.median(r["seconds_per_epoch"] for r in runs), "n_parameters": runs[0]["n_parameters"],
            "bytes": runs[0]["bytes"],
        }  # fmt: skip
    summary["seconds_ratio"] = summary["dense"]["seconds_per_epoch"] / summary["sparse"]["seconds_per_epoch"]
    results["summary"] = summary
    save()
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
