"""Removing what is smaller than a number: `prune_below`, the one step that the prune-and-retrain procedures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..engine.threads import engine
from ..weights.change import Change, apply_change

if TYPE_CHECKING:
    from ..models.network import Network


THRESHOLDS = ("absolute", "std")


def thresholds_of(network: Network, rate: Any, threshold: Any) -> list:
    """float for each layer that has weights: `rate` itself ("absolute"), or times the deviation of the layer's connections ("std")."""
    if threshold == "absolute":
        return [rate] * sum(1 for _ in network.weighted)
    return [rate * float(np.std(layer.weights.values, dtype=np.float64)) for _, layer in network.weighted]


def slots_below(weights: Any, threshold: Any) -> np.ndarray:
    """Slots in `weights.data` of the existing connections with |w| < threshold, int64, ascending; the largest is never among them."""
    magnitude = np.abs(weights.values)
    below = magnitude < threshold
    if magnitude.size:
        below[magnitude.argmax()] = False
    return weights.slots[below]


def prune_below(network: Network, rate: Any, threshold: Any = "absolute", *, dense_above: float = 0.5) -> dict:
    """Remove the connections with |w| < rate, in place; dense layers that are sparse enough afterwards turn sparse.

    Parameters
    ----------
    network : Network
    rate : float >= 0
        The magnitude, or how many standard deviations.
    threshold : {"absolute", "std"}
        "std": times the standard deviation of the layer's connections (Han et al. 2015).
    dense_above : float in [0, 1]
        A dense layer stays one 2-D array, with a mask, while its density is at least this.

    Returns
    -------
    dict
        "removed" : int; "turned_sparse" : list of layer numbers.

    Notes
    -----
    The largest connection of a layer stays whatever the rate. Survivors keep value and optimizer state; biases stay. O(connections);
    O(n_in * n_out) for a dense layer.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> net = sm.MLP([64, 100, 10], seed=0)
    >>> prune_below(net, 2, "std")["turned_sparse"]
    [0, 1]
    >>> net.density < 0.06
    True
    """
    checks.real("rate", rate, 0)
    checks.choice("threshold", threshold, THRESHOLDS)
    checks.fraction("dense_above", dense_above)
    removed, turned = 0, []
    for (k, layer), least in zip(network.weighted, thresholds_of(network, rate, threshold), strict=True):
        drop = slots_below(layer.weights, least)
        removed += drop.size
        with engine():
            if drop.size:
                apply_change(layer.weights, Change(drop=drop))
            settled = layer.weights.settle(dense_above)
            if settled is not layer.weights:
                layer.weights = settled
                turned.append(k)
    return {"removed": int(removed), "turned_sparse": turned}
