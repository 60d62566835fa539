"""What pruning policies share: which layers they are for, and a ranking of the connections that exist."""

from typing import Any

import numpy as np

from .. import checks
from .view import LayerView


def check_layers(name: str, layers: Any) -> tuple[int, ...] | None:
    """Return `layers`, None or a tuple of distinct layer numbers from 0, or raise; a list becomes a tuple."""
    if layers is None:
        return None
    checks.instance(name, layers, (tuple, list), "(0, 1), layers counted from 0, or None for all")
    layers = tuple(checks.integer(f"{name}[{k}]", layer, 0) for k, layer in enumerate(layers))
    if not layers or len(set(layers)) != len(layers):
        raise ValueError(f"{name} must be one or more different layer numbers; got {layers!r}. None means all layers.")
    return layers


def is_for(layers: Any, view: LayerView) -> bool:
    """Return whether a policy with this setting of `layers` is for the layer that is shown."""
    return layers is None or view.index in layers


def n_possible(view: LayerView) -> int:
    """Return n_in * n_out: what the sparsity of a layer is a fraction of."""
    return view.shape[0] * view.shape[1]


def smallest(view: LayerView, n_kept: int) -> np.ndarray:
    """Return the slots in `view.data` of all connections but the `n_kept` largest by magnitude.

    Parameters
    ----------
    view : LayerView
    n_kept : int, >= 0

    Returns
    -------
    int64, ascending
        Empty if there are no more than `n_kept` connections. Of equal magnitudes the first go.
    """
    return view.smallest(max(0, view.n_connections - n_kept))


def threshold_of(view: LayerView, drop: np.ndarray) -> float:
    """Return the largest magnitude among the connections that go, 0 if none do: what pruning by a threshold would have been given."""
    return float(np.abs(view.data[drop]).max()) if drop.size else 0.0
