"""The time of a training step and of a prediction for every structure of the experiment, measured in turn in one process."""

import os
import statistics
import time

from sparsemlp import MLP, SGD, Dense, Trainer, get_num_threads
from sparsemlp.environment import machine

from ..shared import runs
from .run import found_network
from .settings import BATCH, LR, MOMENTUM, SIZES, SPARSITIES, Setting, settings, topology

REPEATS, STEPS, PREDICTED = 31, 5, 10_000


def structures(work, data, epochs):
    """(part, arm, sparsity, net): the dense net, nets sparse from the start, and the seed 0's pruned ones that have been trained."""
    yield "dense", "dense", 0.0, MLP(SIZES, topology=Dense(), seed=0)
    for s in settings(("structures", "connections"), [0], epochs):
        sizes, shape = topology(s)
        yield s.part, s.arm, s.sparsity, MLP(sizes, topology=shape, seed=0)
    for sparsity in SPARSITIES:
        for found in ("one-time", "iterative"):
            setting = Setting(found, found, sparsity, LR, None, 0, epochs)
            yield found, found, sparsity, found_network(found, setting, work, data)


def measure(folder, work, data, epochs):
    """Time all structures by turns, and write medians and minima, in seconds, with the dense net's minimum over each one's.

    A step is the public `Trainer.train_step`: batch 100, momentum. A prediction is `predict` of 10,000 images.
    """
    (X, y), _, (X_test, _) = data
    found = list(structures(work, data, epochs))
    trainers = [Trainer(net, optimizer=SGD(lr=LR, momentum=MOMENTUM)) for *_, net in found]
    batches = [(X[k : k + BATCH], y[k : k + BATCH].astype(int)) for k in range(0, min(len(X), STEPS * BATCH), BATCH)]
    steps, predictions = ([[] for _ in found] for _ in range(2))
    for repeat in range(REPEATS + 2):
        for k, trainer in enumerate(trainers):
            start = time.perf_counter()
            for batch in batches:
                trainer.train_step(*batch)
            middle = time.perf_counter()
            trainer.network.predict(X_test[:PREDICTED])
            end = time.perf_counter()
            if repeat > 1:  # the first two warm up
                steps[k].append((middle - start) / len(batches))
                predictions[k].append(end - middle)
    busy = hasattr(os, "getloadavg") and os.getloadavg()[0] > 1.5 * get_num_threads()  # others ran beside it
    rows = []
    for (part, arm, sparsity, net), step, prediction in zip(found, steps, predictions, strict=True):
        rows.append(
            {
                "part": part,
                "arm": arm,
                "sparsity": sparsity,
                "connections": net.n_connections,
                "step_median": statistics.median(step),
                "step_minimum": min(step),
                "predict_median": statistics.median(prediction),
                "predict_minimum": min(prediction),
                "step_speedup": min(steps[0]) / min(step),
                "predict_speedup": min(predictions[0]) / min(prediction),
            }
        )
    result = {"timing": rows, "machine": machine(), "busy": busy, "repeats": REPEATS, "batch_size": BATCH, "predicted": PREDICTED}
    runs.put(folder, "timing", result)
