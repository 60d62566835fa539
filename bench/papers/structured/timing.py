"""The time of a training step and of a prediction for every structure of the experiment, measured in turn in one process."""

import os
import statistics
import time

from sparsemlp import MLP, SGD, Dense, Trainer, get_num_threads
from sparsemlp.environment import machine

from ..shared import runs
from .run import found_network
from .settings import BATCH, LR, MOMENTUM, SIZES, SPARSITIES, Setting, settings, topology

REPEATS, STEPS, PREDICTED = 5, 5, 10_000
SLICE, REST = 0.5, 0.2  # seconds


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
    """Time all structures by turns, and write medians and minima, in seconds, with the dense net's median and minimum over each one's.

    A step is the public `Trainer.train_step`: batch 100, momentum. A prediction is `predict` of 10,000 images. Each structure rests, then
    steps for half a second at least and predicts for as long; what a slice gives is its mean.
    """
    (X, y), _, (X_test, _) = data
    found = list(structures(work, data, epochs))
    trainers = [Trainer(net, optimizer=SGD(lr=LR, momentum=MOMENTUM)) for *_, net in found]
    batches = [(X[k : k + BATCH], y[k : k + BATCH].astype(int)) for k in range(0, min(len(X), STEPS * BATCH), BATCH)]
    steps, predictions = ([[] for _ in found] for _ in range(2))
    for repeat in range(REPEATS + 1):
        for k, trainer in enumerate(trainers):
            time.sleep(REST)
            step = _slice(lambda i, one=trainer: one.train_step(*batches[i % len(batches)]))
            prediction = _slice(lambda i, one=trainer: one.network.predict(X_test[:PREDICTED]))
            if repeat:  # the first warms up
                steps[k].append(step)
                predictions[k].append(prediction)
    busy = hasattr(os, "getloadavg") and os.getloadavg()[0] > 1.5 * get_num_threads()  # others ran beside it
    rows = []
    for (part, arm, sparsity, net), step, prediction in zip(found, steps, predictions, strict=True):
        one = {"part": part, "arm": arm, "sparsity": sparsity, "connections": net.n_connections}
        for name, own, dense in (("step", step, steps[0]), ("predict", prediction, predictions[0])):
            one |= {f"{name}_median": statistics.median(own), f"{name}_minimum": min(own)}
            one |= {f"{name}_speedup": min(dense) / min(own), f"{name}_speedup_median": statistics.median(dense) / statistics.median(own)}
        rows.append(one)
    result = {"timing": rows, "machine": machine(), "busy": busy, "repeats": REPEATS, "slice": SLICE, "rest": REST}
    runs.put(folder, "timing", {**result, "batch_size": BATCH, "predicted": PREDICTED})


def _slice(call):
    """Seconds of one call, the mean of those that fit into a slice."""
    n, start = 0, time.perf_counter()
    while True:
        call(n)
        n, now = n + 1, time.perf_counter()
        if now - start >= SLICE:
            return (now - start) / n
