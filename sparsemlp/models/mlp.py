"""`MLP`: a network built from its widths."""

import numpy as np

from .. import checks
from ..engine.memory_limit import require_for_network
from ..initializers import for_activation
from ..layers import ACTIVATIONS, Linear
from ..randomness import stream
from ..topology import Dense, ErdosRenyi, fit_to_data, resolve
from ..weights.checks import INDEX_LIMIT
from ..weights.dense import DenseWeights
from ..weights.sparse import SparseWeights
from .network import OUTPUTS, Network


class MLP(Network):
    """A multi-layer perceptron whose connections are sparse from the start.

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
    activation : {"relu", "leaky_relu", "sigmoid", "tanh", "identity"}
        Of the hidden layers.
    output : {"softmax", "sigmoid", "identity"}
    dropout : float in [0, 1)
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
        sizes,
        topology=None,
        activation="relu",
        dropout=0.0,
        output="softmax",
        *,
        density=None,
        data=None,
        input_dropout=0.0,
        slope=0.01,
        initializer=None,
        dtype="float32",
        seed=0,
    ):
        sizes = [checks.integer(f"sizes[{k}]", n, 1, INDEX_LIMIT) for k, n in enumerate(sizes)]
        if len(sizes) < 2:
            raise ValueError(f"sizes must name at least inputs and outputs; got {sizes}.")
        if topology is not None and density is not None:
            raise ValueError("Give topology or density, not both.")
        if topology is None:
            topology = Dense() if density is None else ErdosRenyi(density=density)
        checks.choice("activation", activation, ACTIVATIONS)
        checks.choice("output", output, OUTPUTS)
        checks.choice("dtype", np.dtype(dtype).name, ("float32", "float64"))
        checks.integer("seed", seed, 0)
        self.initializer = initializer
        last = len(sizes) - 2
        layers = []
        shapes = fit_to_data(resolve(topology, sizes), data, sizes[0])
        require_for_network(shapes, sizes, np.dtype(dtype).itemsize)
        for k, shape in enumerate(shapes):
            init = initializer or for_activation(activation if k < last else output, slope)
            weights = _build(shape, sizes[k], sizes[k + 1], init, np.dtype(dtype), seed, k)
            layer = Linear(
                weights,
                np.zeros(sizes[k + 1], dtype),
                activation if k < last else ("identity" if output == "softmax" else output),
                slope,
                dropout if k < last else 0.0,
            )
            layer.initializer = init
            layers.append(layer)
        super().__init__(layers, output, input_dropout, seed)


def _build(topology, n_in, n_out, initializer, dtype, seed, k):
    """Weights of layer k, drawn from the streams (seed, "topology", k) and (seed, "weights", k)."""
    rng = stream(seed, "weights", k)
    if getattr(topology, "is_dense", False):
        return DenseWeights(initializer.sample(rng, n_in * n_out, n_in, n_out, n_in * n_out, dtype).reshape(n_in, n_out))
    indptr, indices = topology.build(n_in, n_out, stream(seed, "topology", k))
    given = getattr(topology, "values", None)
    data = initializer.sample(rng, indices.size, n_in, n_out, indices.size, dtype) if given is None else given.astype(dtype)
    return SparseWeights((n_in, n_out), indptr, indices, data)
