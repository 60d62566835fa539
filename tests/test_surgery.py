"""Surgery on networks, and which units lie on no path from an input to an output."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import sparsemlp as sm
from sparsemlp.models import surgery
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((30, 6)), RNG.integers(0, 2, 30)


def net(density=0.5, **settings):
    return sm.MLP([6, 9, 7, 2], topology=sm.Uniform(density), seed=0, **settings)


def masked(shape, seed=0):
    rng = np.random.default_rng(seed)
    w = DenseWeights(rng.standard_normal(shape).astype(np.float32), rng.random(shape) < 0.6)
    w.allocate_state(1)
    w.state[:] = rng.standard_normal(w.state.shape)
    w.clear_removed()
    return w


# ---- connectivity
def by_matrices(network):
    """Unreached units and dead ends, from the products of whole adjacency matrices."""
    masks = [(~w.removed.reshape(w.shape) if w.is_dense else sp.csr_array(w.csr != 0).toarray() | _stored(w)) for w in _weights(network)]
    reached, useful = [np.ones(network.n_in, bool)], [np.ones(network.n_out, bool)]
    for m in masks:
        reached.append(reached[-1] @ m)
    for m in masks[::-1]:
        useful.append(m @ useful[-1])
    return [np.flatnonzero(~r).tolist() for r in reached], [np.flatnonzero(~u).tolist() for u in useful[::-1]]


def _stored(w):
    m = np.zeros(w.shape, bool)
    m[np.repeat(np.arange(w.shape[0]), np.diff(w.indptr)), w.indices] = True
    return m


def _weights(network):
    return [layer.weights for layer in network.layers]


@pytest.mark.parametrize("density", [0.05, 0.15, 0.3, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_connectivity_is_that_of_the_matrices(density, seed):
    network = sm.MLP([6, 9, 7, 2], topology=sm.Uniform(density), seed=seed)
    if seed == 3:
        network.layers[1].weights = masked((9, 7))
        network.layers[0].weights.data[:2] = 0  # a connection of value 0 is one
    found = network.check_connectivity()
    unreached, dead = by_matrices(network)
    assert [u.tolist() for u in found.unreached] == unreached and [u.tolist() for u in found.dead_ends] == dead
    assert bool(found) == (not any(unreached) and not any(dead))


def test_a_dense_net_is_connected():
    found = sm.MLP([3, 4, 2], topology=sm.Dense()).check_connectivity()
    assert found and str(found) == "every unit lies on a path from an input to an output"


def test_fit_warns_once_in_one_line():
    first = sp.csr_array((np.ones(6), ([0, 1, 2, 3, 4, 4], [0, 1, 2, 3, 4, 5])), shape=(6, 9))
    trainer = sm.Trainer(sm.MLP([6, 9, 7, 2], topology=[sm.Given(first), sm.Dense(), sm.Dense()]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(X, Y, epochs=3, batch_size=10)
    (warning,) = caught
    assert warning.category is sm.ConnectivityWarning and "\n" not in str(warning.message)
    assert "no input reaches: 3 of 9 in hidden layer 1; units that reach no output: 1 of 6 in the inputs" in str(warning.message)
    assert warning.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sm.Trainer(sm.MLP([6, 9, 2])).fit(X, Y, epochs=1)


# ---- surgery
def test_an_identity_layer_keeps_the_function_and_trains_on():
    network = net()
    trainer = sm.Trainer(network, sm.SGD(lr=0.05, momentum=0.9))
    trainer.fit(X, Y, epochs=2, batch_size=10)
    before, step, state = network.predict_proba(X), trainer.step, network.layers[0].weights.state.copy()
    new = sm.Linear(DenseWeights(np.eye(7, dtype=np.float32)), np.zeros(7, np.float32), "relu")
    surgery.insert_layer(network, 2, new)
    assert network.sizes == [6, 9, 7, 7, 2] and network.layers[2] is new
    np.testing.assert_allclose(network.predict_proba(X), before, rtol=1e-6)
    assert np.array_equal(network.layers[0].weights.state, state)
    with pytest.raises(ValueError, match="The run to resume has 3 layers, the network 4 now"):
        trainer.fit(X, Y, epochs=4, batch_size=10, resume=True)
    history = trainer.fit(X, Y, epochs=2, batch_size=10)
    assert trainer.step == step + 6 and len(history["connections"][-1]) == 4
    assert not np.array_equal(new.weights.matrix, np.eye(7))


@pytest.mark.parametrize(
    ("k", "layer", "message"),
    [
        (4, (9, 9), "k must be a whole number from 0 to 3"),
        (1, (9, 8), r"Layer 2 must take the 8 outputs"),
        (3, (2, 3), "layers must lead from 6 inputs to 2 outputs in float32; these lead from 6 to 3 in float32"),
        (0, (5, 6), "these lead from 5 to 2"),
    ],
)
def test_a_layer_that_does_not_fit_changes_nothing(k, layer, message):
    network = net()
    layers = list(network.layers)
    with pytest.raises(ValueError, match=message):
        surgery.insert_layer(network, k, sm.Linear(DenseWeights(np.ones(layer, np.float32)), np.zeros(layer[1], np.float32)))
    assert network.layers == layers


@pytest.mark.parametrize("weights", [masked((9, 7)), net().layers[1].weights], ids=["dense", "sparse"])
def test_restricted_keeps_values_and_state(weights):
    weights.allocate_state(1)
    weights.state[0, weights.cells if weights.is_dense else slice(None)] = np.arange(weights.n_connections)
    keep = RNG.random((9, 7)) < 0.5
    full, state = weights.csr.toarray(), np.zeros((9, 7))
    state.reshape(-1)[weights.cells] = np.arange(weights.n_connections)
    found = surgery.restricted(weights, keep)
    found.check()
    assert isinstance(found, SparseWeights) and np.array_equal(found.csr.toarray(), np.where(keep, full, 0))
    assert found.n_connections == np.isin(np.flatnonzero(keep), weights.cells).sum()
    np.testing.assert_array_equal(found.state[0], state[keep & np.isin(np.arange(63), weights.cells).reshape(9, 7)])
    with pytest.raises(sm.TopologyError, match=r"keep must be bool\[9, 7\]"):
        surgery.restricted(weights, keep.T)


@pytest.mark.parametrize("weights", [masked((9, 7)), net().layers[1].weights, DenseWeights(np.ones((9, 7), np.float32))])
def test_with_values_keeps_the_connections(weights):
    found = surgery.with_values(weights, np.arange(1, weights.n_connections + 1))
    found.check()
    assert type(found) is type(weights) and found.state.shape[0] == 0
    assert np.array_equal(found.cells, weights.cells)
    assert found.csr.data.tolist() == list(range(1, weights.n_connections + 1))
    with pytest.raises(ValueError, match="values must be"):
        surgery.with_values(weights, np.ones(weights.n_connections + 1))


def test_redrawn_follows_the_initializer():
    network = sm.MLP([60, 50, 2], topology=sm.Uniform(0.5), seed=0)
    layer = network.layers[0]
    found = surgery.redrawn(layer, np.random.default_rng(0))
    assert np.array_equal(found.indices, layer.weights.indices) and not np.array_equal(found.data, layer.weights.data)
    assert abs(found.data.std() / layer.initializer.std(60, 50, found.n_connections) - 1) < 0.1


def test_replaced_weights_train_on():
    network = net()
    trainer = sm.Trainer(network, sm.SGD(lr=0.05, momentum=0.9))
    trainer.fit(X, Y, epochs=1, batch_size=10)
    weights = network.layers[1].weights
    surgery.replace_weights(network, 1, surgery.restricted(weights, RNG.random(weights.shape) < 0.5))
    trainer.fit(X, Y, epochs=3, batch_size=10, resume=True)
    assert trainer.history["connections"][0][1] == weights.n_connections > trainer.history["connections"][-1][1]
    surgery.replace_weights(network, 1, DenseWeights(np.zeros(weights.shape, np.float32)))
    assert network.layers[1].weights.state.shape == (1, 63)
    trainer.fit(X, Y, epochs=4, batch_size=10, resume=True)
    for wrong in (DenseWeights(np.ones((9, 8), np.float32)), DenseWeights(np.ones((9, 7)))):
        with pytest.raises(ValueError, match=r"Layer 1 takes weights float32\[9, 7\]"):
            surgery.replace_weights(network, 1, wrong)
