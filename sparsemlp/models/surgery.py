"""Changes of a network as a whole, for procedures: another layer, other weights. Trainers notice them before their next step.

A trainer that has begun a run cannot resume it with another number of layers: fit anew, or make another trainer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import TopologyError
from ..layers.base import Layer
from ..weights.dense import DenseWeights
from ..weights.sparse import SparseWeights

if TYPE_CHECKING:
    from .network import Network


def insert_layer(network: Network, k: int, layer: Layer) -> None:
    """Make `layer` the network's layer k; the one that was there, and those after it, move up.

    Parameters
    ----------
    network : Network
        Changed in place.
    k : int from 0 to the number of layers
        0 is before the first layer, the number of layers after the last.
    layer : Layer
        Of the network's dtype; takes as many inputs as it finds there, and gives as many outputs as the next layer takes.

    Raises
    ------
    ValueError, TypeError
        It does not fit. Nothing has been changed then.

    Examples
    --------
    >>> import numpy as np, sparsemlp as sm
    >>> net = sm.MLP([4, 3, 2], seed=0)
    >>> insert_layer(net, 1, sm.Linear(DenseWeights(np.eye(3, dtype=np.float32)), np.zeros(3, np.float32), "identity"))
    >>> net.sizes
    [4, 3, 3, 2]
    """
    k = checks.integer("k", k, 0, len(network.layers))
    checks.instance("layer", layer, Layer, "sm.Linear(weights, bias)")
    replace_layers(network, [*network.layers[:k], layer, *network.layers[k:]])


def replace_layers(network: Network, layers: list[Layer]) -> None:
    """Give a network other layers, of the same inputs and outputs.

    Parameters
    ----------
    network : Network
        Changed in place.
    layers : list of Layer

    Raises
    ------
    ValueError
        Widths or dtypes do not fit. Nothing has been changed then.
    """
    from .network import Network

    new = Network(layers, network.output, network.input_dropout.dropout, network.seed)  # checks the chain
    if (new.n_in, new.n_out, new.dtype) != (network.n_in, network.n_out, network.dtype):
        raise ValueError(
            f"layers must lead from {network.n_in} inputs to {network.n_out} outputs in {network.dtype}; these lead from "
            f"{new.n_in} to {new.n_out} in {new.dtype}."
        )
    network.layers[:] = layers


def replace_weights(network: Network, k: int, weights: Any) -> None:
    """Give layer k other weights of the same shape and dtype; its bias stays.

    Parameters
    ----------
    network : Network
        Changed in place.
    k : int
    weights : SparseWeights or DenseWeights
        Taken over. Without optimizer state theirs starts at zero.

    Raises
    ------
    ValueError, TypeError
        They do not fit. Nothing has been changed then.
    """
    layer = network.layers[checks.integer("k", k, 0, len(network.layers) - 1)]
    if layer.weights is None:
        raise ValueError(f"Layer {k} must have weights to replace; it is {layer!r:.80}.")
    checks.instance("weights", weights, (SparseWeights, DenseWeights), "layer.weights")
    if weights.shape != layer.weights.shape or weights.dtype != layer.weights.dtype:
        raise ValueError(
            f"Layer {k} takes weights {layer.weights.dtype}{list(layer.weights.shape)}; got {weights.dtype}{list(weights.shape)}."
        )
    if not weights.state.shape[0]:
        weights.allocate_state(layer.weights.state.shape[0])
    layer.weights = weights


def restricted(weights: Any, keep: np.ndarray) -> SparseWeights:
    """Return sparse weights of those connections that `keep` marks: values and optimizer state bit for bit, in new arrays.

    Parameters
    ----------
    weights : SparseWeights or DenseWeights
        Left as they are.
    keep : bool[n_in, n_out]
        Cells to keep; where there is no connection none is made.

    Returns
    -------
    SparseWeights

    Examples
    --------
    >>> restricted(DenseWeights(np.arange(4.0).reshape(2, 2)), np.eye(2, dtype=bool)).csr.toarray().tolist()
    [[0.0, 0.0], [0.0, 3.0]]
    """
    keep = np.asarray(keep)
    if keep.dtype != bool or keep.shape != weights.shape:
        raise TopologyError(f"keep must be bool{list(weights.shape)}; got {keep.dtype}{list(keep.shape)}.")
    n_in, n_out = weights.shape
    cells = weights.cells
    chosen = keep.reshape(-1)[cells]
    at, cells = weights.slots[chosen], cells[chosen]
    indptr = np.searchsorted(cells, np.arange(n_in + 1) * n_out).astype(np.int32)
    found = SparseWeights(weights.shape, indptr, (cells % n_out).astype(np.int32), weights.data[at])
    found.state = np.ascontiguousarray(weights.state[:, at])
    return found


def with_values(weights: Any, values: np.ndarray) -> Any:
    """Return weights on the same connections with other values and no optimizer state, in new arrays.

    Parameters
    ----------
    weights : SparseWeights or DenseWeights
        Left as they are.
    values : float[connections]
        In the order of `weights.cells`.

    Returns
    -------
    SparseWeights or DenseWeights
        Of the same kind.
    """
    values = np.asarray(values, weights.dtype)
    if values.shape != (weights.n_connections,):
        raise ValueError(f"values must be {weights.n_connections} numbers, one a connection; got shape {values.shape}.")
    return weights.with_values(values)


def redrawn(layer: Layer, rng: np.random.Generator) -> Any:
    """Return weights on the same connections with values that the layer's initializer draws for so many.

    Parameters
    ----------
    layer : Layer
        With weights and an `initializer`.
    rng : numpy.random.Generator

    Returns
    -------
    SparseWeights or DenseWeights
    """
    if layer.initializer is None:
        raise ValueError(
            f"{layer!r:.80} must have an initializer to draw weights anew; got None. Give sm.Linear(..., initializer=sm.He())."
        )
    weights = layer.weights
    n = weights.n_connections
    return with_values(weights, layer.initializer.sample(rng, n, *weights.shape, n, weights.dtype))
