"""The data that a net is given for its topologies: checked, and shown to those that ask for them."""

from typing import Any

import numpy as np
import scipy.sparse as sp


def check_data(data: Any, n_in: int | None = None) -> Any:
    """Return (X, y) of a net's `data`: X two-dimensional numbers, dense or sparse; y an array as long, or None."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"data must be a pair (X, y), or (X, None); got {type(data).__name__}.")
    X, y = data
    X = X if sp.issparse(X) else np.asarray(X)
    if X.dtype.kind not in "buif":
        raise TypeError(f"data must have real numbers in X; got dtype {X.dtype}.")
    if X.ndim != 2 or X.shape[0] < 2 or (n_in is not None and X.shape[1] != n_in):
        columns = "n_in" if n_in is None else f"the net's {n_in}"
        raise ValueError(f"data must have X of shape [at least 2 samples, {columns} inputs]; got {X.shape}.")
    if y is not None:
        y = np.asarray(y)
        if y.ndim not in (1, 2) or len(y) != X.shape[0]:
            raise ValueError(f"data must have one entry of y for each of the {X.shape[0]} rows of X; got shape {y.shape}.")
    return X, y


def fit_to_data(topologies: Any, data: Any, n_in: int) -> Any:
    """Return the topologies of a net's layers, those that need data replaced by what `fitted` makes of them.

    Raises
    ------
    ValueError
        A topology needs data and there are none, or there are data and none needs them.
    """
    asking = [t for t in topologies if t.needs_data]
    if data is None:
        if asking:
            raise ValueError(f"{asking[0]} looks at the data it will be trained on: give data=(X, y) to MLP.")
        return topologies
    if not asking:
        raise ValueError("data is for topologies that look at it, such as Correlated(fan_in=36); none of these does: leave data out.")
    X, y = check_data(data, n_in)
    return [t.fitted(X, y, k) if t.needs_data else t for k, t in enumerate(topologies)]
