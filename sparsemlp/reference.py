r"""A net that is sparse while it trains, in NumPy alone: slow, short, to be read from the first line to the last.

This page is the tutorial of the method and the tests' oracle: `tests/test_reference.py` trains the library and this net side by side and
finds the same weights. It stores what the library never stores, a dense matrix with a mask, so that each equation is one line of code.
Rows are samples, columns are units; a **cell** (i, j) of a layer's matrix may hold a connection from input unit i to output unit j.

**1. A layer.** A mask M says which cells hold a connection. The weights W are 0 everywhere else, and *stay* 0:

    W = W * M                                    density = connections / (n_in * n_out)

**2. Forward.** Each unit adds up what its connections bring and applies an activation f. The last layer keeps its sums, the logits:

    Z = H W + b          H' = f(Z)               H is the layer's input [n, n_in], H' its output [n, n_out]

**3. The loss** is the mean cross-entropy of the softmax of the logits; y[s] is the class of sample s:

    P[s, c] = exp(Z[s, c]) / sum_k exp(Z[s, k])          L = -1/n sum_s log P[s, y[s]]

Its gradient at the logits is as simple as a gradient can be, and it starts the backward pass:

    dZ = (P - onehot(y)) / n

**4. Backward**, from the last layer to the first. By the chain rule, with * for products cell by cell:

    dW = (H^T dZ) * M        db = sum_s dZ[s]        dH = dZ W^T        dZ_below = dH * f'(Z_below)

The mask in dW is all that sparse training changes: a connection that does not exist has no gradient. (What H^T dZ holds in the *empty*
cells says how much the loss would fall if a connection grew there; RigL grows by it.) The library computes only the masked cells,
connection by connection, which is why it is fast.

**5. Momentum.** Every parameter w keeps a velocity v, by the learning rate lr and the momentum mu:

    v = mu v + dw            w = w - lr v

**6. Evolve.** Between epochs, SET (sparse evolutionary training) removes the connections that matter least and grows as many others:

    drop: the floor(zeta * n+) smallest of the n+ positive weights and the floor(zeta * n-) largest of the n- negative ones
    grow: as many cells, drawn uniformly from all that are empty now; weight and velocity 0

The number of connections never changes; where they are follows what the net has learned.

References
----------
Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network science", Nature
Communications 2018 (SET and the Erdos-Renyi start).

Examples
--------
Which quadrant is a point in? A net of 108 connections, a quarter of the dense one's, learns it:

>>> rng = np.random.default_rng(0)
>>> X = rng.uniform(-1, 1, (400, 2))
>>> y = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)
>>> net = random_net([2, 16, 20, 4], density=0.25, rng=rng)
>>> net.n_connections
108
>>> losses = train(net, X, y, epochs=60, batch_size=20, lr=0.1, momentum=0.9, zeta=0.1, rng=rng)
>>> net.n_connections, bool(losses[-1] < losses[0] / 10), bool((net.predict(X) == y).mean() > 0.95)
(108, True, True)
"""

import math

import numpy as np

ACTIVATIONS: dict = {
    "identity": (lambda z: z, lambda h: np.ones_like(h)),
    "relu": (lambda z: np.maximum(z, 0), lambda h: (h > 0).astype(h.dtype)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda h: h * (1 - h)),
    "tanh": (np.tanh, lambda h: 1 - h * h),
}
"""By name: (f, f' as a function of the output h = f(z))."""


class MaskedLayer:
    """A layer as a dense matrix with a mask: part 1 of the tutorial.

    Parameters
    ----------
    weights : float[n_in, n_out]
        Copied, and set to 0 outside the mask.
    mask : bool[n_in, n_out]
        True where there is a connection. Copied.
    bias : float[n_out]
        Copied.
    activation : {"identity", "relu", "sigmoid", "tanh"}

    Attributes
    ----------
    velocity, bias_velocity : float[n_in, n_out], float[n_out]
        The momentum of every weight and bias, 0 at first.
    """

    def __init__(self, weights: np.ndarray, mask: np.ndarray, bias: np.ndarray, activation: str) -> None:
        self.mask = np.array(mask, bool)
        self.weights = np.array(weights, float) * self.mask
        self.bias = np.array(bias, float)
        self.velocity, self.bias_velocity = np.zeros_like(self.weights), np.zeros_like(self.bias)
        self.activation = activation

    @property
    def n_connections(self) -> int:
        """How many cells hold a connection."""
        return int(self.mask.sum())


class ReferenceNet:
    """A chain of masked layers; the last one gives logits.

    Parameters
    ----------
    layers : list of MaskedLayer
    """

    def __init__(self, layers: list[MaskedLayer]) -> None:
        self.layers = layers

    @property
    def n_connections(self) -> int:
        """The connections of all layers."""
        return sum(layer.n_connections for layer in self.layers)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """int[n]: the class with the largest logit for each row of X."""
        return forward(self, X)[-1].argmax(axis=1)


def random_net(sizes: list[int], density: float, rng: np.random.Generator, activation: str = "relu") -> ReferenceNet:
    """Draw a net: each layer has round(density * cells) connections, each set of cells equally likely, and weights by He's rule.

    He's rule gives a weight the deviation sqrt(2 / fan-in), so that a signal neither dies nor explodes on its way. The fan-in that counts
    is that of the connections that exist: density * n_in.
    """
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        mask = np.zeros(n_in * n_out, bool)
        mask[rng.choice(mask.size, round(density * mask.size), replace=False)] = True
        weights = rng.standard_normal((n_in, n_out)) * math.sqrt(2 / (density * n_in))
        layers.append(MaskedLayer(weights, mask.reshape(n_in, n_out), np.zeros(n_out), activation))
    layers[-1].activation = "identity"
    return ReferenceNet(layers)


def forward(net: ReferenceNet, X: np.ndarray) -> list[np.ndarray]:
    """Part 2: [the input, then the output of each layer]; backward needs them all."""
    outputs = [np.asarray(X, float)]
    for layer in net.layers:
        f, _ = ACTIVATIONS[layer.activation]
        outputs.append(f(outputs[-1] @ layer.weights + layer.bias))
    return outputs


def softmax_cross_entropy(logits: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Part 3: (the loss, its gradient at the logits)."""
    samples = np.arange(len(y))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))  # the same P, without overflow
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[samples, y]).mean()
    p[samples, y] -= 1
    return loss, p / len(y)


def backward(net: ReferenceNet, outputs: list[np.ndarray], dz: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Part 4: [(dW, db) of each layer], from the gradient at the logits."""
    gradients = []
    for k in range(len(net.layers) - 1, -1, -1):
        layer, h = net.layers[k], outputs[k]
        gradients.append(((h.T @ dz) * layer.mask, dz.sum(axis=0)))
        if k > 0:
            _, derivative = ACTIVATIONS[net.layers[k - 1].activation]
            dz = (dz @ layer.weights.T) * derivative(h)
    return gradients[::-1]


def momentum_step(net: ReferenceNet, gradients: list[tuple[np.ndarray, np.ndarray]], lr: float, momentum: float) -> None:
    """Part 5: one update of all weights and biases. A weight outside the mask has gradient and velocity 0, and so it stays 0."""
    for layer, (dw, db) in zip(net.layers, gradients, strict=True):
        layer.velocity = momentum * layer.velocity + dw
        layer.bias_velocity = momentum * layer.bias_velocity + db
        layer.weights -= lr * layer.velocity
        layer.bias -= lr * layer.bias_velocity


def train_step(net: ReferenceNet, X: np.ndarray, y: np.ndarray, lr: float, momentum: float) -> float:
    """Parts 2 to 5 on one batch: returns the loss before the step."""
    outputs = forward(net, X)
    loss, dz = softmax_cross_entropy(outputs[-1], y)
    momentum_step(net, backward(net, outputs, dz), lr, momentum)
    return loss


def weakest(layer: MaskedLayer, zeta: float) -> np.ndarray:
    """Part 6, first half: the cells i * n_out + j of the connections that SET removes, ascending.

    A weight of exactly 0 is the smallest of the positive ones; of equal weights the first in the matrix goes first.
    """
    cells = np.flatnonzero(layer.mask)
    w = layer.weights.ravel()[cells]
    chosen = []
    for of_this_sign in (~np.signbit(w), np.signbit(w)):
        candidates = cells[of_this_sign]
        by_magnitude = np.argsort(np.abs(w[of_this_sign]), kind="stable")
        chosen.append(candidates[by_magnitude[: int(zeta * candidates.size)]])
    return np.sort(np.concatenate(chosen))


def change(layer: MaskedLayer, drop: np.ndarray, grow: np.ndarray) -> None:
    """Remove the connections in the cells `drop`, then connect the empty cells `grow`, which start with weight and velocity 0."""
    flat_mask, flat_weights, flat_velocity = layer.mask.reshape(-1), layer.weights.reshape(-1), layer.velocity.reshape(-1)
    flat_mask[drop] = False
    flat_mask[grow] = True
    for cells in (drop, grow):
        flat_weights[cells] = 0
        flat_velocity[cells] = 0


def evolve(layer: MaskedLayer, zeta: float, rng: np.random.Generator) -> None:
    """Part 6: replace a fraction zeta of a layer's connections. A full layer has nowhere to grow and is left alone."""
    if layer.mask.all():
        return
    drop = weakest(layer, zeta)
    empty = np.union1d(np.flatnonzero(~layer.mask), drop)
    change(layer, drop, rng.choice(empty, drop.size, replace=False))


def train(
    net: ReferenceNet,
    X: np.ndarray,
    y: np.ndarray,
    epochs: int,
    batch_size: int,
    lr: float,
    momentum: float,
    zeta: float,
    rng: np.random.Generator,
) -> list[float]:
    """The whole method: evolve (but before the first epoch), then an epoch of steps over the samples in a new order.

    Parameters
    ----------
    net : ReferenceNet
        Changed in place.
    X : float[n, n_in]
    y : int[n]
        Classes, from 0.
    epochs, batch_size : int
    lr, momentum : float
    zeta : float in [0, 1)
        The fraction of each layer's connections that is replaced before every epoch but the first.
    rng : numpy.random.Generator

    Returns
    -------
    list of float
        The mean loss of each epoch, each batch's before its step.
    """
    losses = []
    for epoch in range(epochs):
        if epoch > 0:
            for layer in net.layers:
                evolve(layer, zeta, rng)
        order, total = rng.permutation(len(X)), 0.0
        for s in range(0, len(X), batch_size):
            rows = order[s : s + batch_size]
            total += train_step(net, X[rows], y[rows], lr, momentum) * rows.size
        losses.append(total / len(X))
    return losses
