"""The library against sparsemlp/reference.py: whole runs side by side, and the reference against central differences.

In float64 both add the same numbers in another order: 1e-16 a sum, which these epochs carry to less than 1e-13; 1e-10 leaves room for any
BLAS.
"""

import ast
import pathlib
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sparsemlp as sm
from sparsemlp import reference

SIZES, N, EPOCHS, LR, MOMENTUM, ZETA = [9, 30, 21, 5], 200, 5, 0.05, 0.9, 0.3


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


def data():
    rng = np.random.default_rng(1)
    return rng.standard_normal((N, SIZES[0])), rng.integers(0, SIZES[-1], N)


def cells(weights):
    return np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr)) * weights.shape[1] + weights.indices


def as_reference(net):
    """The same net as the reference stores it."""
    layers = []
    for layer in net.layers:
        mask = np.zeros(layer.weights.shape, bool)
        mask.reshape(-1)[cells(layer.weights)] = True
        layers.append(reference.MaskedLayer(layer.weights.csr.toarray(), mask, layer.bias, layer.activation))
    layers[-1].activation = "identity"  # logits: the library's softmax is a part of its loss
    return reference.ReferenceNet(layers)


@dataclass(frozen=True)
class RecordedSET(sm.SET):
    """SET that writes down, by epoch and layer, the cells that it drops and grows."""

    changes: object = None

    def between_epochs(self, view, state, progress, rng):
        change, state = super().between_epochs(view, state, progress, rng)
        self.changes[progress.epoch + 1, view.index] = cells(view)[change.drop], change.grow
        return change, state


@pytest.mark.parametrize("batch_size", [72, 9])  # tiles of 64 lanes: a full one and a ragged one, then 56; tiles of 16, 9 of them used
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_the_library_trains_as_the_reference_does(activation, batch_size):
    X, y = data()
    net = sm.MLP(SIZES, topology=sm.Uniform(0.3), activation=activation, dtype="float64", seed=2)
    twin, changes = as_reference(net), {}
    trainer = sm.Trainer(net, sm.SGD(lr=LR, momentum=MOMENTUM), policy=RecordedSET(zeta=ZETA, changes=changes), lr_scale=None)
    history = trainer.fit(X, y, EPOCHS, batch_size=batch_size, shuffle=False)
    assert len(changes) == (EPOCHS - 1) * 3
    losses = []
    for epoch in range(EPOCHS):
        for k, layer in enumerate(twin.layers):
            if epoch:
                drop, grow = changes[epoch, k]
                assert drop.size == grow.size > 0
                assert reference.weakest(layer, ZETA).tolist() == drop.tolist()
                reference.change(layer, drop, grow)
        batches = [slice(s, s + batch_size) for s in range(0, N, batch_size)]
        steps = [reference.train_step(twin, X[b], y[b], LR, MOMENTUM) * len(y[b]) for b in batches]
        losses.append(sum(steps) / N)
    assert_allclose(history["loss"], losses, rtol=1e-10)
    assert losses[-1] < losses[0]
    for ours, theirs in zip(net.layers, twin.layers, strict=True):
        assert cells(ours.weights).tolist() == np.flatnonzero(theirs.mask).tolist()
        assert_allclose(ours.weights.csr.toarray(), theirs.weights, rtol=0, atol=1e-10)
        assert_allclose(ours.weights.state[0], theirs.velocity[theirs.mask], rtol=0, atol=1e-10)
        assert_allclose(ours.bias, theirs.bias, rtol=0, atol=1e-10)
    assert (net.predict(X) == twin.predict(X)).all()


@pytest.mark.parametrize("activation", ["identity", "relu", "sigmoid", "tanh"])
def test_the_references_gradients_are_central_differences(activation):
    X, y = (a[:20] for a in data())  # few: no sum lies so near to a ReLU's kink that a difference crosses it
    net = reference.random_net(SIZES, 0.4, np.random.default_rng(3), activation)
    outputs = reference.forward(net, X)
    gradients = reference.backward(net, outputs, reference.softmax_cross_entropy(outputs[-1], y)[1])

    def loss():
        return reference.softmax_cross_entropy(reference.forward(net, X)[-1], y)[0]

    for layer, (dw, db) in zip(net.layers, gradients, strict=True):
        assert (dw[~layer.mask] == 0).all()
        for array, gradient, at in ((layer.weights, dw, np.flatnonzero(layer.mask)), (layer.bias, db, np.arange(db.size))):
            for q in at[:: max(at.size // 12, 1)]:
                value, h = array.flat[q], 1e-6
                array.flat[q] = value + h
                above = loss()
                array.flat[q] = value - h
                below = loss()
                array.flat[q] = value
                assert abs((above - below) / (2 * h) - gradient.flat[q]) < 1e-8


def test_evolving_keeps_the_number_of_connections_and_zeros_outside_the_mask():
    rng = np.random.default_rng(5)
    net = reference.random_net(SIZES, 0.3, rng)
    before = [layer.mask.copy() for layer in net.layers]
    X, y = data()
    reference.train(net, X, y, epochs=4, batch_size=30, lr=LR, momentum=MOMENTUM, zeta=ZETA, rng=rng)
    for layer, mask in zip(net.layers, before, strict=True):
        assert layer.n_connections == mask.sum() and (layer.mask != mask).any()
        assert (layer.weights[~layer.mask] == 0).all() and (layer.velocity[~layer.mask] == 0).all()
    full = reference.random_net([3, 4], 1.0, rng)
    kept = full.layers[0].weights.copy()
    reference.evolve(full.layers[0], ZETA, rng)
    assert (full.layers[0].weights == kept).all()


def test_it_imports_numpy_alone():
    tree = ast.parse(pathlib.Path(reference.__file__).read_text(encoding="utf-8"))
    found = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert found == ["import math", "import numpy as np"]
