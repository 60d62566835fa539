"""What augmentation costs: a training step with and without it, on the paper's nets, taking turns.

    python -m bench.papers.dynamic_pruning.augmentation --threads 4

Batch 100, 784 pixels, uint8 images standardised on the way against ready float32 rows; best of several rounds, so that a busy machine
counts little.
"""

import argparse
import statistics
import time

import numpy as np

import sparsemlp as sm
from sparsemlp.commands.files import output_path
from sparsemlp.environment import machine
from sparsemlp.models.named_nets import NETS

from ..shared import runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--samples", type=int, default=6000, help="in an epoch; the share does not depend on it")
    parser.add_argument(
        "--out", type=output_path, metavar="FOLDER", help="of runs, where the figures go beside those of other numbers of threads"
    )
    args = parser.parse_args()
    sm.set_num_threads(args.threads)
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (args.samples, 784), dtype=np.uint8), rng.integers(0, 10, args.samples)
    standardizer = sm.datasets.Standardizer.fit(X)
    ready, augment = standardizer(X), sm.datasets.Augmentation((28, 28), standardizer=standardizer)
    measured = []
    for name, sizes in NETS.items():
        trainers = [sm.Trainer(sm.MLP(list(sizes), topology=sm.ErdosRenyi(epsilon=20), dropout=0.3)) for _ in range(2)]
        plain, augmented, cpu = [], [], []
        for _ in range(args.rounds):
            begin = time.process_time()
            plain.append(trainers[0].fit(ready, y, epochs=1).last["seconds"])
            middle = time.process_time()
            augmented.append(trainers[1].fit(X, y, epochs=1, augment=augment).last["seconds"])
            cpu.append((time.process_time() - middle) / (middle - begin) - 1)
        a, b = (1e5 * min(seconds) / args.samples for seconds in (plain, augmented))
        print(
            f"{name}: {a:.2f} ms a step, {b:.2f} with augmentation: {b - a:.2f} ms, {100 * (b / a - 1):.0f} % more "
            f"(processor time {100 * statistics.median(cpu):.0f} %)",
            flush=True,
        )
        measured.append({"net": name, "threads": sm.get_num_threads(), "plain_ms": round(a, 4), "augmented_ms": round(b, 4)})
    if args.out:
        others = runs.load_runs(args.out).get("augmentation", {"measured": []})["measured"]
        kept = [m for m in others if m["threads"] != sm.get_num_threads()]
        result = {"experiment": "augmentation", "machine": machine(), "measured": [*kept, *measured]}
        runs.put(args.out, "augmentation", result)


if __name__ == "__main__":
    main()
