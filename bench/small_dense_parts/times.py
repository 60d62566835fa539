"""Seconds an epoch of several systems on Fashion-MNIST, in turns, each in the same process with the same number of threads."""

import dataclasses
import json
import statistics

from sparsemlp.environment import machine

from .experiments import EXPERIMENTS, WIDE, torch
from .sets import load

ROUNDS = 3
ARMS = ("Local", "Correlated", "Erdős–Rényi", "dense, 1 layer", "dense, 3 layers", "torch dense, 3 layers", "torch full dense")


def measure(path, threads):
    """Write the medians, and all rounds, of one epoch of each system on 60,000 images without augmentation."""
    import sparsemlp as sm

    sm.set_num_threads(threads)
    experiment = EXPERIMENTS["fashion-mnist, plain"]
    experiment = dataclasses.replace(experiment, training={**experiment.training, "epochs": 1})
    arms = {**experiment.arms, "torch full dense": torch(hidden=WIDE, lr=0.05)}
    split = load(**experiment.data, seed=0)
    rounds = {arm: [] for arm in ARMS}
    for turn in range(ROUNDS + 1):
        for arm in ARMS if turn % 2 else reversed(ARMS):
            seconds = arms[arm](experiment, split, turn)["curve"][-1][0]
            if turn:  # the first turn compiles and warms up
                rounds[arm].append(seconds)
    medians = {arm: round(statistics.median(found), 3) for arm, found in rounds.items()}
    found = {"threads": threads, "machine": machine(), "seconds": medians, "rounds": rounds}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
