"""Dropout of a network's inputs."""

import numpy as np

from .. import checks

KEEP_ALL = 2**32 - 1


def epilogue_arrays(activation, slope, dropout, dtype):
    """The arrays `ints` and `reals` that kernels take: activation, dropout threshold (0: none), key; slope, 1 / keep, keep."""
    keep = 1 - dropout
    ints = np.array([activation, int(keep * KEEP_ALL) if dropout else 0, 0], np.int64)
    return ints, np.array([slope, 1 / keep, keep], dtype)


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

    def __init__(self, dropout):
        self.dropout = checks.fraction("input_dropout", dropout, open_high=True)

    def forward_call(self, context, x):
        """(kernel, arguments) that drop out x : float[tiles, n_in, lanes] in place; the loss needs no gradient of the inputs."""
        from ..kernels import epilogue

        ints, reals = epilogue_arrays(0, 0, self.dropout, x.dtype)
        kernel = epilogue.dropout_inputs if context.n_threads > 1 else epilogue.dropout_inputs_serial
        return ints, (kernel, (context.w, context.n_threads, x, ints, reals))
