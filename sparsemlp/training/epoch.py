"""One epoch: its steps, with the policy between them, and what the history says of it."""

import contextlib
import time

import numpy as np

from ..engine.augmented_batches import AugmentedRows
from ..engine.threads import engine
from ..policies.base import Progress
from ..randomness import key, stream
from .callbacks import Callback
from .progress import compiling_notice
from .split_step import split_step, total_of


def order_of(trainer, source, epoch, shuffle):
    """The samples of an epoch in their order; it also brings the augmentation to this epoch."""
    net = trainer.network
    order = np.arange(len(source))
    if shuffle:
        stream(net.seed, "shuffle", trainer.n_fits, epoch).shuffle(order)
    if isinstance(source, AugmentedRows):
        source.key = key(net.seed, "augment", trainer.n_fits, epoch)
    return order


def train_epoch(trainer, record, source, targets, weights, batch_size, shuffle, bar):
    """Take the steps of one epoch, and complete its record with what they took and gave."""
    n, epoch, epochs, step = len(source), record["epoch"], trainer.n_epochs, trainer.stepper
    order = order_of(trainer, source, epoch, shuffle)
    constant_lr, split = not callable(trainer.lr), trainer.split
    of_a_step, capacity = batch_size * trainer.accumulate, min(batch_size, n)
    n_steps = -(-n // of_a_step)
    record["lr"] = now = trainer.rate(epoch)
    asks, acts = bool(trainer.policy.needs), trainer.evolution.acts_on_steps
    watchers = [c for c in trainer.callbacks if type(c).on_step_end is not Callback.on_step_end]
    total, seen, correct, step.where = 0.0, 0.0, 0.0, f"epoch {epoch}, "
    start = time.perf_counter()
    for s in range(n_steps):
        progress = Progress(epoch, epochs, trainer.step, n_steps, epoch * n_steps + s) if asks or acts else None
        rows = order[s * of_a_step : (s + 1) * of_a_step]
        with contextlib.nullcontext() if split else engine():
            with compiling_notice(trainer.step == 0):
                if not constant_lr:
                    now = trainer.rate(epoch + s / n_steps)
                store = trainer.evolution.ask(progress) if asks else None
                if split:
                    loss, right = split_step(trainer, source, rows, targets, weights, capacity, now, store)
                else:
                    total_weight = total_of(trainer, rows, weights)
                    batch = step.batch(source, rows, targets, weights, total=total_weight, capacity=capacity)
                    loss, right = step.train(batch, now, store), float(batch.plan.stats[1])
            if store:
                trainer.evolution.collect()
            share = total_of(trainer, rows, weights)
            total, seen = total + loss * share, seen + share
            correct += right
            if acts:
                trainer.evolution.after_step(step.last_plan, progress, s, record)
        for callback in watchers:
            callback.on_step_end(trainer)
        bar.update(1)
    record["seconds"] = time.perf_counter() - start
    step.check_finite(f"epoch {epoch}")
    record["steps"], record["samples"], record["lr_scale"] = n_steps, n, list(step.rates.factors)
    record["loss"] = total / seen if seen else 0.0
    if trainer.loss.has_accuracy:
        record["accuracy"] = correct / (n * trainer.loss.answers(trainer.network.n_out))


def evaluate_epoch(trainer, record, validation):
    """Evaluate the network on the validation data, (Rows, Targets) or None; note that, and what the layers hold now."""
    start = time.perf_counter()
    if validation is not None:
        found = trainer.network.evaluate_rows(*validation, None, trainer.loss)
        record.update({f"val_{name}": value for name, value in found.items()})
    record["evaluation_seconds"] = time.perf_counter() - start
    layers = trainer.network.layers
    weights = [layer.weights for layer in layers]
    record["connections"] = [0 if w is None else w.n_connections for w in weights]
    record["density"] = [None if w is None else w.density for w in weights]
    record["storage"] = [None if w is None else w.storage for w in weights]
    record["bytes"] = sum(sum(layer.nbytes().values()) for layer in layers)
