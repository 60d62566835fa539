"""Dropout of a network's inputs; that of a layer's outputs is part of its `Epilogue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import checks
from .base import Call, Epilogue

if TYPE_CHECKING:
    from ..engine.context import Context


class InputDropout:
    """Each input value is 0 with probability `dropout` during training, else divided by 1 - `dropout` (inverted dropout).

    Parameters
    ----------
    dropout : float in [0, 1)

    Examples
    --------
    >>> InputDropout(0.2).dropout
    0.2
    """

    def __init__(self, dropout: float) -> None:
        self.dropout = checks.fraction("input_dropout", dropout, open_high=True)

    def forward(self, ctx: Context, x: np.ndarray) -> tuple[np.ndarray, Call]:
        """Return (ints, call) : the call drops out x : float[tiles, n_in, lanes] in place; the loss needs no gradient of the inputs."""
        ints, reals = Epilogue(dropout=self.dropout).arrays(x.dtype, training=True)
        return ints, dropout(ctx, x, ints, reals)


def dropout(ctx: Context, x: np.ndarray, ints: np.ndarray, reals: np.ndarray) -> Call:
    """Return the call that drops out x : float[tiles, units, lanes] in place."""
    from ..kernels import epilogue

    return Call(epilogue.dropout_inputs.of(ctx.n_threads), ctx.w, ctx.n_threads, x, ints, reals)
