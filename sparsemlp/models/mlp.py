"""`MLP`: a network built from its widths."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import checks
from ..engine.memory_limit import require_for_network
from ..initializers import for_activation
from ..layers import ACTIVATIONS, Layer, Linear, SReLU
from ..randomness import stream
from ..topology import Dense, ErdosRenyi, fit_to_data, resolve
from ..weights.checks import INDEX_LIMIT
from .network import OUTPUTS, Network


class MLP(Network):
    """An MLP is a multi-layer perceptron whose connections are sparse from the start.

    Parameters
    ----------
    sizes : sequence of int
        Widths: inputs, hidden layers, outputs.
    topology : topology or sequence of them, one a layer
        Which connections exist, such as `ErdosRenyi(epsilon=20)`; `Dense()` multiplies by BLAS. Default: `density`, else dense.
    density : float in (0, 1], optional
        Short for `topology=ErdosRenyi(density=density)`: that of the whole net.
    data : (X, y), optional
        For topologies that look at what they will be trained on, such as `Correlated(fan_in=36)`; y may be None where no scores of
        labels are asked for. Read while the net is built, not kept.
    activation : {"relu", "leaky_relu", "sigmoid", "tanh", "identity"}, a class such as SReLU, or a list with one for each hidden layer
        Of the hidden layers. A class, of the library or your own (`ActivationLayer`), becomes a layer behind each hidden layer.
    output : {"softmax", "sigmoid", "identity"}
    dropout : float in [0, 1), or a list with one for each hidden layer
        After every hidden layer.
    input_dropout : float in [0, 1)
    slope : float
        Of the leaky ReLU.
    initializer : initializer, optional
        Default: He for ReLU and leaky ReLU, else Glorot. New connections of a policy follow it too.
    dtype : {"float32", "float64"}
    seed : int

    Raises
    ------
    ValueError, TopologyError
        Wrong widths, densities, names; more than 2³¹ − 1 connections in a layer.
    MemoryError
        It would not fit in the memory that is available; says which density would.

    Notes
    -----
    O(connections + units) time and memory; nothing of size n_in·n_out is made for a sparse layer.

    Examples
    --------
    >>> import sparsemlp as sm
    >>> net = sm.MLP([784, 1000, 1000, 1000, 10], topology=sm.ErdosRenyi(epsilon=20), seed=0)
    >>> net.n_parameters, net.layers[0].weights.csr.shape
    (128690, (784, 1000))
    """

    def __init__(
        self,
        sizes: Any,
        topology: Any = None,
        activation: Any = "relu",
        dropout: Any = 0.0,
        output: str = "softmax",
        *,
        density: float | None = None,
        data: Any = None,
        input_dropout: float = 0.0,
        slope: float = 0.01,
        initializer: Any = None,
        dtype: Any = "float32",
        seed: int = 0,
    ) -> None:
        sizes = [checks.integer(f"sizes[{k}]", n, 1, INDEX_LIMIT) for k, n in enumerate(sizes)]
        if len(sizes) < 2:
            raise ValueError(f"sizes must name at least inputs and outputs; got {sizes}.")
        if topology is not None and density is not None:
            raise ValueError("Give topology or density, not both.")
        if topology is None:
            topology = Dense() if density is None else ErdosRenyi(density=density)
        kinds = _by_hidden_layer("activation", activation, len(sizes) - 2)
        drops = _by_hidden_layer("dropout", dropout, len(sizes) - 2)
        for kind in kinds:
            if not callable(kind):
                checks.choice("activation", kind, ACTIVATIONS)
        checks.choice("output", output, OUTPUTS)
        checks.choice("dtype", np.dtype(dtype).name, ("float32", "float64"))
        checks.integer("seed", seed, 0)
        self.initializer = initializer
        last = len(sizes) - 2
        layers: list[Layer] = []
        shapes = fit_to_data(resolve(topology, sizes), data, sizes[0])
        require_for_network(shapes, sizes, np.dtype(dtype).itemsize)
        for k, shape in enumerate(shapes):
            hidden = k < last
            kind = kinds[k] if hidden else "identity" if output == "softmax" else output
            own = callable(kind)  # an activation that is a layer of its own
            init = initializer or for_activation("relu" if own else kind if hidden else output, slope)
            weights = _build(shape, sizes[k], sizes[k + 1], init, np.dtype(dtype), seed, k)
            drop = drops[k] if hidden else 0.0
            bias = np.zeros(sizes[k + 1], dtype)
            layers.append(Linear(weights, bias, "identity" if own else kind, slope, 0.0 if own else drop, init))
            if own:
                layers.append(_activation_layer(kind, sizes[k + 1], drop, dtype))
        super().__init__(layers, output, input_dropout, seed)


def _by_hidden_layer(name: str, value: Any, n: int) -> list:
    """Return a list with one value for each of n hidden layers."""
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise ValueError(f"{name} must be one for all hidden layers, or one for each of the {n}; got {len(value)}: {value!r:.100}.")
    return list(value)


def _activation_layer(kind: Any, n_units: int, dropout: Any, dtype: Any) -> Layer:
    """Return the layer that an activation class makes for so many units."""
    typed: dict[str, Any] = {"dtype": dtype} if isinstance(kind, type) and issubclass(kind, SReLU) else {}
    layer = kind(n_units, dropout=dropout, **typed) if dropout or typed else kind(n_units)
    checks.instance("activation(n_units)", layer, Layer, "sm.SReLU(100)")
    if layer.n_in != layer.n_out or layer.n_in != n_units:
        raise ValueError(f"activation must make a layer of {n_units} units for {n_units} units; got {layer!r:.80}.")
    return layer


def _build(topology: Any, n_in: int, n_out: int, initializer: Any, dtype: Any, seed: int, k: int) -> Any:
    """Return weights of layer k, drawn from the streams (seed, "topology", k) and (seed, "weights", k)."""
    return topology.weights(n_in, n_out, initializer, dtype, stream(seed, "topology", k), stream(seed, "weights", k))
