"""Losses: what targets they take, which outputs they fit, and how value and gradient are computed.

A loss is the weighted mean over the batch: sum of weight·loss over the sum of the weights. Losses of several outputs are averaged over
the outputs. Gradients are taken at the sums of the output layer, before its activation. Nobody outside asks a loss for its name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from . import checks
from .kernels.codes import Activation


@functools.cache
def _kernels() -> Any:
    """kernels.losses, imported when it is first needed: it brings numba."""
    from .kernels import losses

    return losses


class Loss:
    """What the trainer asks of a loss.

    Attributes
    ----------
    name : str
        What the history and saved files say.
    outputs : tuple of str
        The output activations it goes with.
    logits : bool
        Whether it wants the output layer's sums before their activation (softmax and sigmoid are then part of the loss).
    targets : {"classes", "numbers"}
        Labels, or float[n, n_out].
    interval : (float, float) or None
        Where numbers must be.
    has_accuracy : bool
        Whether right answers can be counted.
    """

    name: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]] = ("softmax", "sigmoid", "identity")
    logits: ClassVar[bool] = True
    targets: ClassVar[str] = "numbers"
    interval: ClassVar[tuple[float, float] | None] = None
    has_accuracy: ClassVar[bool] = False

    def run(self, plan: Any, targets: np.ndarray, rows: np.ndarray, output: str) -> None:
        """Fill `plan.output_gradient`, its sums and `plan.stats` (the loss; how many answers were right) for the plan's batch.

        Parameters
        ----------
        plan : Plan
            After its forward pass; `plan.scale` : float[n] holds each sample's share of the loss.
        targets : int64[n_batch] class indices; or float[n, n_out], of which `rows` are taken
        rows : int64[n_batch]
        output : str
            The network's.
        """
        raise NotImplementedError(f"{type(self).__name__} must define run(plan, targets, rows, output).")

    def output_activation(self, output: str) -> str:
        """What the last layer applies during training."""
        return "identity" if self.logits or output == "softmax" else output

    def answers(self, n_out: int) -> int:
        """How many right answers a sample can get."""
        return 1

    def right(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """How many right answers each sample got, float[n]; ties go to the lower class, as in the kernels."""
        raise NotImplementedError(f"{type(self).__name__} counts no right answers.")


def _arguments(plan: Any) -> tuple:
    """(outputs, gradient, sums), and what follows the targets."""
    return (plan.outputs, plan.output_gradient, plan.sums[-1]), (plan.scale, plan.scale_tiles, plan.stats)


class CrossEntropy(Loss):
    """Softmax cross-entropy of logits against class indices."""

    name, outputs, targets, has_accuracy = "cross_entropy", ("softmax",), "classes", True

    def run(self, plan: Any, targets: np.ndarray, rows: np.ndarray, output: str) -> None:
        first, last = _arguments(plan)
        _kernels().softmax_cross_entropy(plan.context.w, *first, targets, *last)

    def right(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return (outputs.argmax(axis=1) == targets).astype(np.float64)


class BinaryCrossEntropy(Loss):
    """Cross-entropy of a sigmoid for each output against targets in [0, 1], averaged over the outputs."""

    name, outputs, interval, has_accuracy = "binary_cross_entropy", ("sigmoid",), (0.0, 1.0), True

    def run(self, plan: Any, targets: np.ndarray, rows: np.ndarray, output: str) -> None:
        first, last = _arguments(plan)
        _kernels().binary_cross_entropy(plan.context.w, *first, targets, rows, *last)

    def answers(self, n_out: int) -> int:
        return n_out

    def right(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return ((outputs > 0) == (targets > 0.5)).sum(axis=1).astype(np.float64)


class MeanSquaredError(Loss):
    """Squared error of the outputs after their activation, averaged over the outputs."""

    name, outputs, logits = "mse", ("identity", "sigmoid"), False

    def run(self, plan: Any, targets: np.ndarray, rows: np.ndarray, output: str) -> None:
        first, last = _arguments(plan)
        code = int(Activation.SIGMOID if output == "sigmoid" else Activation.IDENTITY)
        _kernels().squared_error(plan.context.w, code, *first, targets, rows, *last)


@dataclass(frozen=True)
class CustomLoss(Loss):
    """A loss of your own, written with NumPy; slower than those of the library, as exact.

    Parameters
    ----------
    function : callable(outputs, targets) -> (values, gradient)
        Of float[n, n_out] arrays: the outputs are the last layer's sums, before a softmax or sigmoid; the values are one loss a sample,
        float[n]; the gradient is that of each sample's loss at its outputs, float[n, n_out]. Weights of samples and the mean over the
        batch are applied afterwards.
    name : str
        What the history says.

    Notes
    -----
    A checkpoint cannot save a function. To save a trainer, subclass this as a frozen dataclass, define `value_and_gradient` in place of
    giving `function`, and load with `sm.load(path, custom=[YourLoss])`.

    Examples
    --------
    A Huber loss:

    >>> import sparsemlp as sm
    >>> def huber(outputs, targets):
    ...     error = outputs - targets
    ...     small = np.abs(error) < 1
    ...     values = np.where(small, error**2 / 2, np.abs(error) - 0.5)
    ...     return values.sum(axis=1), np.where(small, error, np.sign(error))
    >>> X = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    >>> net = sm.MLP([5, 20, 1], density=0.5, output="identity", seed=0)
    >>> history = sm.Trainer(net, optimizer=sm.SGD(lr=0.03), loss=sm.CustomLoss(huber)).fit(X, X[:, :1], epochs=20)
    >>> bool(history["loss"][-1] < 0.5 * history["loss"][0])
    True
    """

    function: Callable | None = None
    name: str = "custom"  # type: ignore[misc]

    def __post_init__(self) -> None:
        own = type(self).value_and_gradient is not CustomLoss.value_and_gradient
        if not own and not callable(self.function):
            raise TypeError(f"CustomLoss must be given a function of (outputs, targets); got {self.function!r}.")

    def value_and_gradient(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(values float[n], gradient float[n, n_out]) of a batch; to be defined by a subclass that is not given a function."""
        return self.function(outputs, targets)  # type: ignore[misc]  # checked at construction

    def run(self, plan: Any, targets: np.ndarray, rows: np.ndarray, output: str) -> None:
        from .kernels.tiles import from_tiles

        z, dz, n = plan.outputs, plan.output_gradient, plan.n
        outputs = np.empty((n, z.shape[1]), z.dtype)
        from_tiles(plan.context.w, z, outputs)
        values, gradient = self.value_and_gradient(outputs, targets[rows])
        values, gradient = np.asarray(values), np.asarray(gradient)
        if values.shape != (n,) or gradient.shape != outputs.shape:
            raise ValueError(
                f"{self.name} must return values of shape ({n},) and a gradient of shape {outputs.shape}; "
                f"got {values.shape} and {gradient.shape}."
            )
        gradient = gradient * plan.scale[:, None]
        padded = np.zeros((dz.shape[0] * dz.shape[2], dz.shape[1]), z.dtype)
        padded[:n] = gradient
        dz[...] = padded.reshape(dz.shape[0], dz.shape[2], dz.shape[1]).transpose(0, 2, 1)
        plan.sums[-1][...] = gradient.sum(axis=0)
        plan.stats[:] = float(values @ plan.scale.astype(np.float64)), 0


LOSSES = {loss.name: loss for loss in (CrossEntropy(), BinaryCrossEntropy(), MeanSquaredError())}


def get_loss(loss: str | Loss, output: str) -> Loss:
    """Return the loss of this name, or the loss itself; ValueError if it is unknown or does not go with the output."""
    found = loss if isinstance(loss, Loss) else LOSSES[checks.choice("loss", loss, LOSSES)]
    if output not in found.outputs:
        fitting = [k for k, v in LOSSES.items() if output in v.outputs]
        raise ValueError(
            f"loss={found.name!r} must come with output {' or '.join(map(repr, found.outputs))}; the network has output={output!r}. "
            f"For that output use loss={' or '.join(map(repr, fitting))}."
        )
    return found
