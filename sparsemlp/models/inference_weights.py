"""`for_prediction`: a network without what only training needs."""

from __future__ import annotations

import copy
from typing import Any

from ..engine.threads import engine
from ..layers.dropout import InputDropout
from .network import Network


def for_prediction(what: Any) -> Any:
    """Return a copy of a network that predicts the same, bit for bit, and holds nothing that only training needs.

    Parameters
    ----------
    what : Network or Trainer

    Returns
    -------
    Network
        Of the same class, with everything that predicts, evaluates and reports. `save` stores it in 6 bytes a connection, or 8 where
        a layer has more than 65,536 inputs; a trainer's file takes 12 and more.

    Raises
    ------
    TypeError
        `what` is neither a network nor a trainer.

    Notes
    -----
    8 bytes a connection in float32, and once 4 bytes a connection of the largest layer; a sparse layer in training takes 16 and 4 for
    each row of optimizer state. O(connections) time. It shares no memory with what it was made from, and cannot be trained; dense layers
    lose their optimizer state only.

    Examples
    --------
    >>> import numpy as np, sparsemlp as sm
    >>> net = sm.MLP([100, 200, 10], topology=sm.ErdosRenyi(epsilon=5), seed=0)
    >>> small = sm.for_prediction(net)
    >>> small
    MLP(100-200-10, 2,550 connections, density 0.116)
    >>> X = np.random.default_rng(0).standard_normal((5, 100))
    >>> np.array_equal(small.predict_proba(X), net.predict_proba(X))
    True
    >>> sm.memory_report(net).bytes_per_connection, sm.memory_report(small).bytes_per_connection
    (16.0, 8.0)
    """
    network = getattr(what, "network", what)
    if not isinstance(network, Network):
        raise TypeError(f"for_prediction takes a network or a trainer; got {type(what).__name__}.")
    with engine():  # between two steps of whatever thread trains it
        small = copy.copy(network)
        small.layers = [layer.for_prediction() for layer in network.layers]
    small.input_dropout, small.trained_by = InputDropout(0.0), None
    return small
