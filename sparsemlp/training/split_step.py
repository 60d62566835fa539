"""A step in two halves: gradients added up over batches and ranks, then the update."""

import math

import numpy as np

from ..errors import NonFiniteError
from .communicator import share


def total_of(trainer, rows, weights):
    """What the loss of a batch of these samples is divided by: samples, or weights as `Trainer(weight_by=)` says."""
    if weights is None:
        return rows.size
    return rows.size * float(weights.mean()) if trainer.weight_by == "data" else float(weights[rows].sum())


def split_step(trainer, source, rows, targets, weights, batch_size, lr, store=None):
    """Take one step; returns (loss, right answers) of all ranks.

    Parameters
    ----------
    trainer : Trainer
    source : Rows
    rows : int64[n]
        The samples of the global batch, the same on every rank, which takes its share of them.
    targets : Targets or StepTargets
    weights : float64[n_samples] or None
    batch_size : int
        Samples of all ranks that are worked on at a time; more are added up.
    lr : float
    store : dict of int to list of float[1, n], optional
        By layer, where the policy wants the gradients, before clipping.

    Raises
    ------
    NonFiniteError
        On every rank, if the loss of one is NaN or infinite; the weights are as they were.
    """
    step, ranks = trainer.stepper, trainer.communicator
    mine = share(rows.size, ranks.rank, ranks.size)
    total = total_of(trainer, rows, weights)
    piece, found = -(-batch_size // ranks.size), None
    try:
        for a in range(mine.start, mine.stop, piece):
            part = rows[a : min(a + piece, mine.stop)]
            batch = step.batch(source, part, targets, weights, first=a, total=total, capacity=piece)
            found = step.gradients(batch, add=found is not None)
        found = step.no_gradients() if found is None else found
    except NonFiniteError:
        if ranks.size == 1:
            raise
        found = step.no_gradients()  # the others wait for this rank: they hear of it by the sum
        found.flat[-2] = np.nan
    ranks.allreduce(found.flat)
    if not math.isfinite(found.loss):
        raise NonFiniteError(f"The loss became {found.loss} on some rank in step {step.number}. The weights are those before it.")
    for k, buffers in (store or {}).items():
        for buffer, gradient in zip(buffers, found.layers[k], strict=True):
            buffer[0] = gradient
    found.clear_removed(trainer.network)
    if trainer.clip_norm is not None:
        norm = found.norm()
        if norm > trainer.clip_norm:
            found.values[...] *= trainer.clip_norm / norm
    if trainer.on_gradients is not None:
        trainer.on_gradients(found)
    loss, right = found.loss, found.right
    step.update(found, lr)
    return loss, right


def mean_gradients(trainer, source, order, targets, weights, batch_size):
    """The weights' mean gradients over the first batches that the policy asks for: float[data.size] by layer, None without weights."""
    step, ranks = trainer.stepper, trainer.communicator
    n_batches, total = min(trainer.policy.start_batches, -(-order.size // batch_size)), 0
    for s in range(n_batches):
        rows = order[s * batch_size : (s + 1) * batch_size]
        mine, of = share(rows.size, ranks.rank, ranks.size), total_of(trainer, rows, weights)
        if mine.start == mine.stop:
            found = step.no_gradients()
        else:
            capacity = -(-batch_size // ranks.size)
            found = step.gradients(step.batch(source, rows[mine], targets, weights, first=mine.start, total=of, capacity=capacity))
        ranks.allreduce(found.flat)
        total = total + found.flat / n_batches
    found.flat[:] = total
    return [row[0].copy() if layer.weights is not None else None for layer, row in zip(trainer.network.layers, found.layers, strict=True)]
