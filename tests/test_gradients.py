"""Gradients of whole networks against central differences in float64, losses against NumPy, and one step worked by hand.

The kernels are generic in the dtype, so what is checked here in float64 is the code that trains in float32.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sparsemlp as sm
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights

LAYERS = {"sparse": sm.Uniform(0.4), "dense": sm.Dense(), "both": [sm.Uniform(0.4), sm.Dense(), sm.Uniform(0.5)]}
ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "identity")
OUTPUTS = (("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"), ("sigmoid", "mse"), ("identity", "mse"))
H = 1e-6  # of the central differences: their error is about H**2 for these functions, plus eps / H of the rounding
ATOL = 2e-9
SIZES = [7, 11, 9, 4]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny nets: several threads would only wait for each other. The bits are the same (test_determinism.py)."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


def make(layers="sparse", output="softmax", loss=None, *, sizes=SIZES, seed=3, **settings):
    """A trainer whose biases are not zero: a unit whose inputs are all dropped out would sit on the ReLU's kink."""
    net = sm.MLP(sizes, topology=LAYERS.get(layers, layers), output=output, dtype="float64", seed=seed, **settings)
    rng = np.random.default_rng(seed)
    for layer in net.layers:
        layer.bias[:] = rng.uniform(0.1, 0.5, layer.n_out) * rng.choice([-1, 1], layer.n_out)
    return sm.Trainer(net, loss=loss, lr_scale=None)


def batch(output, n=8, n_in=7, n_out=4, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_in))
    y = {"softmax": rng.integers(0, n_out, n), "sigmoid": rng.random((n, n_out)), "identity": rng.standard_normal((n, n_out))}[output]
    return X, y


def parameters(net):
    """The arrays of all parameters, in the order of `gradients`: a layer's connections, then its biases."""
    return [a for layer in net.layers for a in (layer.weights.data, layer.bias)]


def slope(trainer, array, direction, *args):
    """The loss's derivative along a direction of one array of parameters, by a central difference."""
    before = array.copy()
    array += H * direction
    up, _ = trainer.gradients(*args)
    array[:] = before - H * direction
    down, _ = trainer.gradients(*args)
    array[:] = before
    return (up - down) / (2 * H)


def check_directions(trainer, *args, seed=5):
    """Along a random direction of each layer's connections and of its biases, and along one connection and one bias alone."""
    rng = np.random.default_rng(seed)
    _, gradients = trainer.gradients(*args)
    found = [g for pair in gradients for g in pair]
    for array, g in zip(parameters(trainer.network), found, strict=True):
        one = np.zeros(array.size)
        one[rng.integers(array.size)] = 1
        for direction in (rng.standard_normal(array.size), one):
            assert_allclose(g @ direction, slope(trainer, array, direction, *args), rtol=1e-7, atol=ATOL)


@pytest.mark.parametrize("dropout", [0, 0.3], ids=["no dropout", "dropout"])
@pytest.mark.parametrize(("output", "loss"), OUTPUTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layers", ["sparse", "dense"])
def test_gradients_equal_central_differences(layers, activation, output, loss, dropout):
    trainer = make(layers, output, loss, activation=activation, dropout=dropout, input_dropout=dropout / 2, slope=0.2)
    check_directions(trainer, *batch(output))


@pytest.mark.parametrize("layers", LAYERS)
def test_every_single_parameter(layers):
    trainer = make(layers, dropout=0.2, input_dropout=0.2)
    X, y = batch("softmax")
    _, gradients = trainer.gradients(X, y)
    for array, g in zip(parameters(trainer.network), [g for pair in gradients for g in pair], strict=True):
        for k, one in enumerate(np.eye(array.size)):
            assert_allclose(g[k], slope(trainer, array, one, X, y), rtol=1e-7, atol=ATOL)


@pytest.mark.parametrize(("output", "loss"), OUTPUTS)
@pytest.mark.parametrize("layers", ["sparse", "dense"])
def test_sample_weight(layers, output, loss):
    trainer = make(layers, output, loss, dropout=0.2)
    weights = np.array([0, 3, 0.5, 1, 0, 1e-3, 2, 7])
    check_directions(trainer, *batch(output), weights)


@pytest.mark.parametrize("layers", [sm.Uniform(1.0), sm.Dense()], ids=str)
def test_one_unit_wide(layers):
    check_directions(make(layers, "sigmoid", sizes=[1, 1, 1, 1], activation="tanh"), *batch("sigmoid", n_in=1, n_out=1))


@pytest.mark.parametrize("layers", ["sparse", "dense"])
def test_batch_of_several_tiles(layers):
    """Wider than any tile, and no multiple of one: sums over tiles, and lanes beyond the batch that must not count."""
    trainer = make(layers, dropout=0.2, input_dropout=0.1)
    check_directions(trainer, *batch("softmax", n=150))


def test_units_without_connections():
    """An input nobody reads, a unit without inputs, a unit without outputs."""
    masks = [np.ones((5, 6)), np.ones((6, 3))]
    masks[0][2, :] = masks[0][:, 1] = masks[1][4, :] = 0
    net = sm.MLP([5, 6, 3], topology=[sm.Given(m) for m in masks], activation="tanh", dtype="float64")
    net.layers[0].bias[:] = 0.3
    trainer = sm.Trainer(net, lr_scale=None)
    args = batch("softmax", n_in=5, n_out=3)
    check_directions(trainer, *args)
    assert trainer.gradients(*args)[1][0][1][4] == 0  # the bias of the unit without outputs


@pytest.mark.parametrize("layers", ["sparse", "dense"])
def test_float32_gradients_are_the_rounded_ones(layers):
    """Terms of a sum of n are each rounded to half an ulp: compared with the size of the gradient as a whole."""
    exact = make(layers, dropout=0.2)
    net = sm.MLP(SIZES, topology=LAYERS[layers], seed=3, dropout=0.2)
    for a, b in zip(parameters(net), parameters(exact.network), strict=True):
        a[:] = b
        b[:] = a
    X, y = batch("softmax")
    X = X.astype(np.float32)
    loss, want = exact.gradients(X, y)
    loss32, got = sm.Trainer(net, lr_scale=None).gradients(X, y)
    assert_allclose(loss32, loss, rtol=1e-6)
    for g, e in zip(got, want, strict=True):
        for a, b in zip(g, e, strict=True):
            assert a.dtype == np.float32
            assert_allclose(a, b, rtol=0, atol=20 * np.finfo(np.float32).eps * np.abs(b).max())


# ---- the loss itself, in NumPy
def numpy_loss(net, X, y, weights, loss, hidden):
    a = X
    for k, layer in enumerate(net.layers):
        z = a @ layer.weights.csr.toarray() + layer.bias
        a = hidden(z) if k < len(net.layers) - 1 else z
    if loss == "cross_entropy":
        each = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), y]
    elif loss == "binary_cross_entropy":
        p = 1 / (1 + np.exp(-z))
        each = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=1)
    else:
        out = 1 / (1 + np.exp(-z)) if net.output == "sigmoid" else z
        each = ((out - y) ** 2).mean(axis=1)
    return np.average(each, weights=weights)


@pytest.mark.parametrize(("output", "loss"), OUTPUTS)
@pytest.mark.parametrize("layers", ["sparse", "dense"])
def test_loss_equals_its_formula(layers, output, loss):
    trainer = make(layers, output, loss, activation="tanh")
    X, y = batch(output)
    weights = np.random.default_rng(0).random(8)
    for w in (None, weights):
        want = numpy_loss(trainer.network, X, y, w, loss, np.tanh)
        assert_allclose(trainer.gradients(X, y, w)[0], want, rtol=1e-12)
        assert_allclose(trainer.network.evaluate(X, y, w, loss=loss)["loss"], want, rtol=1e-12)


def test_hidden_activations_equal_their_formulas():
    functions = {
        "relu": lambda z: np.maximum(z, 0),
        "leaky_relu": lambda z: np.where(z < 0, 0.2 * z, z),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "identity": lambda z: z,
    }
    X, y = batch("softmax")
    for name, function in functions.items():
        for layers in ("sparse", "dense"):
            trainer = make(layers, activation=name, slope=0.2)
            assert_allclose(trainer.gradients(X, y)[0], numpy_loss(trainer.network, X, y, None, "cross_entropy", function), rtol=1e-12)


# ---- the fused step uses these gradients
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize(("output", "loss"), OUTPUTS)
def test_step_applies_the_gradients(layers, output, loss):
    trainer = make(layers, output, loss, dropout=0.3, input_dropout=0.1)
    trainer.lr = 1.0
    trainer.optimizer = sm.SGD(lr=1.0)
    X, y = batch(output)
    value, gradients = trainer.gradients(X, y)
    before = [p.copy() for p in parameters(trainer.network)]
    assert trainer.train_step(X, y) == value
    for p, b, g in zip(parameters(trainer.network), before, [g for pair in gradients for g in pair], strict=True):
        assert_allclose(p, b - g, rtol=0, atol=1e-15)


def test_gradients_change_nothing():
    trainer = make(dropout=0.3)
    X, y = batch("softmax")
    trainer.train_step(X, y)
    before = [p.copy() for p in parameters(trainer.network)]
    first, second = trainer.gradients(X, y), trainer.gradients(X, y)
    assert first[0] == second[0] and trainer.step == 1
    for (a, b), (c, d) in zip(first[1], second[1], strict=True):
        assert_array_equal(a, c)
        assert_array_equal(b, d)
    for p, b in zip(parameters(trainer.network), before, strict=True):
        assert_array_equal(p, b)


@dataclass(frozen=True)
class Watch(sm.Policy):
    """Keeps what it is shown after each step."""

    needs: ClassVar[frozenset] = frozenset({"gradient"})
    seen: object = None

    def on_step(self, view, state, progress, rng):
        self.seen.append((progress.step, view.index, view.gradient.copy()))
        return None, state


@pytest.mark.parametrize("layers", LAYERS)
def test_policies_see_the_gradient_and_training_is_the_same(layers):
    """The unfused path, taken where a policy looks at gradients, makes the step of the fused one."""
    X, y = batch("softmax", n=24)
    fused, watched, policy = make(layers), make(layers), Watch(seen=[])
    watched = sm.Trainer(watched.network, policy=policy, optimizer=sm.Adam(lr=0.01), lr_scale=None)
    fused = sm.Trainer(fused.network, optimizer=sm.Adam(lr=0.01), lr_scale=None)
    _, gradients = fused.gradients(X[:8], y[:8])
    fused.fit(X, y, epochs=2, batch_size=8, shuffle=False)
    watched.fit(X, y, epochs=2, batch_size=8, shuffle=False)
    for (step, k, g), (want, _) in zip(policy.seen[:3], gradients, strict=True):
        assert step == 0
        assert_allclose(g, want, rtol=1e-13, atol=1e-16, err_msg=f"layer {k}")
    assert [s for s, _, _ in policy.seen[::3]] == list(range(6))
    for p, q in zip(parameters(fused.network), parameters(watched.network), strict=True):
        assert_allclose(p, q, rtol=0, atol=1e-12)


# ---- by hand
@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
def test_a_step_worked_by_hand(dense):
    # 2 inputs -> 2 ReLU units -> 2 classes; input 0 has no connection to unit 1, unit 1 none to class 0.
    #
    #        [0.5    .]                       [2  1]
    #   W0 = [        ]   b0 = (0, 1)    W1 = [    ]   b1 = (0, 1)
    #        [0.25  -1]                       [.  3]
    #
    # x = (1, 2), class 0.
    #   z0 = (1 * 0.5 + 2 * 0.25 + 0,  2 * -1 + 1)  = (1, -1)      h = (1, 0)
    #   z1 = (2 * 1 + 0,               1 * 1 + 3 * 0 + 1) = (2, 2) p = (1/2, 1/2), loss = ln 2
    #   dz1 = p - (1, 0) = (-1/2, 1/2)
    #   dW1 = h_i dz1_j: (0,0) -1/2, (0,1) 1/2, (1,1) 0            db1 = (-1/2, 1/2)
    #   dh  = (2 * -1/2 + 1 * 1/2,  3 * 1/2) = (-1/2, 3/2)         dz0 = (-1/2, 0): unit 1 is off
    #   dW0 = x_i dz0_j: (0,0) -1/2, (1,0) -1, (1,1) 0             db0 = (-1/2, 0)
    # SGD with lr 0.1 and momentum 0.9, first step: m = g, w -= 0.1 m
    #   W0: 0.55, 0.35, -1    b0: 0.05, 1     W1: 2.05, 0.95, 3    b1: 0.05, 0.95
    indptr = np.array([0, 1, 3])
    w0, w1 = np.array([0.5, 0.25, -1.0]), np.array([2.0, 1.0, 3.0])
    weights = [SparseWeights((2, 2), indptr, np.array([0, 0, 1]), w0), SparseWeights((2, 2), np.array([0, 2, 3]), np.array([0, 1, 1]), w1)]
    if dense:
        weights = [DenseWeights(w.csr.toarray()) for w in weights]
    layers = [sm.Linear(w, np.array([0.0, 1.0]), a) for w, a in zip(weights, ("relu", "identity"), strict=True)]
    net = sm.Network(layers)
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.1, momentum=0.9), lr_scale=None)

    loss = trainer.train_step(np.array([[1.0, 2.0]]), np.array([0]))

    # the dense net also has the two connections at 0, with gradients of their own:
    #   W0 (0,1): x_0 dz0_1 = 0    W1 (1,0): h_1 dz1_0 = 0
    assert_allclose(loss, np.log(2), rtol=1e-15)
    assert_allclose(net.layers[0].weights.csr.toarray(), [[0.55, 0], [0.35, -1]], rtol=1e-15)
    assert_allclose(net.layers[0].bias, [0.05, 1], rtol=1e-15)
    assert_allclose(net.layers[1].weights.csr.toarray(), [[2.05, 0.95], [0, 3]], rtol=1e-15)
    assert_allclose(net.layers[1].bias, [0.05, 0.95], rtol=1e-15)
    assert_allclose(net.layers[0].weights.state[0].sum(), -1.5, rtol=1e-15)
    assert_allclose(net.layers[0].bias_state, [[-0.5, 0]], rtol=1e-15)
    assert_allclose(net.layers[1].bias_state, [[-0.5, 0.5]], rtol=1e-15)
