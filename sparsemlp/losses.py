"""Losses: which kernel computes value and gradient, and how targets are given.

A loss is the weighted mean over the batch: sum of weight·loss over the sum of the weights. Losses of several outputs are averaged over
the outputs. Gradients are taken at the pre-activation of the output layer.
"""

import functools
from dataclasses import dataclass

from . import checks


@functools.cache
def _kernels():
    """kernels.losses, imported when it is first needed: it brings numba."""
    from .kernels import losses

    return losses


@dataclass(frozen=True)
class Loss:
    """One loss of the table `LOSSES`.

    Attributes
    ----------
    outputs : tuple of str
        The output activations it goes with.
    logits : bool
        Whether the kernel wants the output layer's pre-activation (softmax and sigmoid are then part of the loss).
    """

    name: str
    outputs: tuple
    logits: bool

    def call(self, plan, targets, rows, output):
        """(kernel, arguments) over the plan's output tiles.

        targets : int64[n_batch] class indices (cross-entropy), or float[n, n_out] of which rows : int64[n_batch] are taken
        """
        losses = _kernels()
        y, dz, dbias = plan.activations[-1], plan.gradients[-1], plan.dbias[-1]
        rest = (plan.scale, plan.scale_tiles, plan.stats)
        if self.name == "cross_entropy":
            return losses.softmax_cross_entropy, (plan.context.w, y, dz, dbias, targets, *rest)
        if self.name == "binary_cross_entropy":
            return losses.binary_cross_entropy, (plan.context.w, y, dz, dbias, targets, rows, *rest)
        code = 3 if output == "sigmoid" else 0
        return losses.squared_error, (plan.context.w, code, y, dz, dbias, targets, rows, *rest)

    def output_activation(self, output):
        """What the last layer applies during training."""
        return "identity" if self.logits or output == "softmax" else output


LOSSES = {
    "cross_entropy": Loss("cross_entropy", ("softmax",), logits=True),
    "binary_cross_entropy": Loss("binary_cross_entropy", ("sigmoid",), logits=True),
    "mse": Loss("mse", ("identity", "sigmoid"), logits=False),
}


def get_loss(name, output):
    """The loss of this name, or ValueError if it is unknown or does not go with the output."""
    loss = LOSSES[checks.choice("loss", name, LOSSES)]
    if output not in loss.outputs:
        fitting = [k for k, v in LOSSES.items() if output in v.outputs]
        raise ValueError(
            f"loss={name!r} must come with output {' or '.join(map(repr, loss.outputs))}; the network has output={output!r}. "
            f"For that output use loss={' or '.join(map(repr, fitting))}."
        )
    return loss
