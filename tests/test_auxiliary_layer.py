"""The auxiliary layer: where it goes, what stays, what the low-rank start keeps, and the loop around it."""

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.procedures.auxiliary_layer import insert_auxiliary_layer, middle
from sparsemlp.procedures.low_rank import factor

ACTIVATIONS = {
    "identity": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "leaky_relu": lambda a: np.where(a > 0, a, 0.01 * a),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
}


def low_rank(rng, n_in, n_out, rank):
    return rng.standard_normal((n_in, rank)) @ rng.standard_normal((rank, n_out)) / np.sqrt(n_in)


@pytest.mark.parametrize(
    ("activation", "n_units", "rank"),
    [("identity", 4, 4), ("identity", 7, 4), ("relu", 8, 4), ("relu", 11, 4), ("leaky_relu", 8, 4), ("relu", 3, 1)],
)
def test_factors_are_exact_where_the_units_suffice(activation, n_units, rank):
    rng = np.random.default_rng(0)
    w, x = low_rank(rng, 12, 9, rank), rng.standard_normal((50, 12))
    a, b, shift, error = factor(w, rng.standard_normal((12, n_units)), activation)
    np.testing.assert_allclose(ACTIVATIONS[activation](x @ a) @ b + shift, x @ w, atol=1e-10)
    assert error < 1e-10


@pytest.mark.parametrize(("activation", "units"), [("identity", 1), ("relu", 2), ("tanh", 1), ("sigmoid", 1)])
def test_with_fewer_units_the_error_is_that_of_the_best_approximation(activation, units):
    rng = np.random.default_rng(1)
    w = rng.standard_normal((12, 9))
    s = np.linalg.svd(w, compute_uv=False)
    for r in (1, 4, 8):
        error = factor(w, np.zeros((12, r * units)), activation)[3]
        assert error == pytest.approx(np.sqrt((s[r:] ** 2).sum() / (s**2).sum()))


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_saturating_units_are_nearly_linear_for_small_inputs(activation):
    rng = np.random.default_rng(2)
    w, x = low_rank(rng, 12, 9, 4), rng.uniform(-0.1, 0.1, (200, 12))
    a, b, shift, error = factor(w, np.zeros((12, 5)), activation)
    assert error < 1e-10
    difference = ACTIVATIONS[activation](x @ a) @ b + shift - x @ w
    assert abs(difference).max() < 0.01 * abs(x @ w).max()


def test_a_zero_matrix():
    a, b, shift, error = factor(np.zeros((4, 3)), np.ones((4, 2)), "sigmoid")
    assert not b.any() and not shift.any() and error == 0 and (a == 1).all()


def test_the_middle_splits_the_hidden_units_evenly():
    assert middle(sm.MLP([100, 80, 60, 40, 10], seed=0)) == 1
    assert middle(sm.MLP([5, 10, 10, 10, 40, 2], seed=0)) == 3
    assert middle(sm.MLP([5, 10, 10, 10, 2], seed=0)) == 1  # the first of equals
    with pytest.raises(ValueError, match="between two hidden layers; the network has 1"):
        middle(sm.MLP([5, 10, 2], seed=0))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_everything_else_stays(activation):
    net = sm.MLP([20, 16, 12, 8, 4], density=0.5, activation=activation, dropout=0.1, seed=3)
    trainer = sm.Trainer(net, optimizer=sm.Adam())
    trainer.train_step(np.ones((4, 20)), np.arange(4))
    before = [layer.weights.csr.toarray() for layer in net.layers]
    larger, error = insert_auxiliary_layer(net, 6)
    assert larger.sizes == [20, 16, 6, 12, 8, 4] and error is None
    assert [layer.dropout for layer in larger.layers] == [0.1, 0.1, 0.1, 0.1, 0]
    for k, old in ((0, 0), (3, 2), (4, 3)):
        np.testing.assert_array_equal(larger.layers[k].weights.csr.toarray(), before[old])
        np.testing.assert_array_equal(larger.layers[k].bias, net.layers[old].bias)
    np.testing.assert_array_equal(larger.layers[2].bias, net.layers[1].bias)
    assert all(layer.weights.state.size == 0 and layer.bias_state.size == 0 for layer in larger.layers)
    assert [layer.weights.density for layer in larger.layers[1:3]] == [1, 1]
    larger.layers[0].weights.data[:] = 7  # its own memory
    np.testing.assert_array_equal(net.layers[0].weights.csr.toarray(), before[0])


def test_a_low_rank_start_keeps_the_function_of_a_relu_net():
    net = sm.MLP([20, 16, 12, 8, 4], density=0.6, dtype="float64", seed=3)
    X = np.random.default_rng(0).random((40, 20))
    larger, error = insert_auxiliary_layer(net, 24, "lowrank")
    assert error < 1e-6
    np.testing.assert_allclose(larger.predict_proba(X), net.predict_proba(X), atol=1e-6)
    fewer, error = insert_auxiliary_layer(net, 6, "lowrank")
    assert 0.1 < error < 1
    other = insert_auxiliary_layer(net, 6)[0]
    change = [abs(n.predict_proba(X) - net.predict_proba(X)).mean() for n in (fewer, other)]
    assert change[0] < change[1]


def test_the_same_seed_gives_the_same_weights():
    net = sm.MLP([20, 16, 12, 4], density=0.6, seed=3)
    first, again, other = (insert_auxiliary_layer(net, 6, seed=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first.layers[1].weights.data, again.layers[1].weights.data)
    assert not np.array_equal(first.layers[1].weights.data, other.layers[1].weights.data)


@pytest.mark.parametrize("init", ["random", "lowrank"])
def test_the_loop_inserts_retrains_and_prunes(tmp_path, init):
    X, y, X_valid, y_valid = (a[:400] for a in sm.datasets.load("digits"))
    X, X_valid = X / 16, X_valid / 16
    options = {"validation_data": (X_valid, y_valid), "batch_size": 50}
    trainer = sm.Trainer(sm.MLP([64, 24, 16, 10], activation="tanh", seed=0), optimizer=sm.Adam(lr=0.005))
    again = sm.AdaptivePruneRetrain(0.6, retrain_epochs=2, trial_drop=0.05, max_rounds=2)
    first = sm.AdaptivePruneRetrain(0.05, retrain_epochs=2, max_rounds=2, train_epochs=6).run(trainer, X, y, **options)
    counts = first.network.n_connections
    procedure = sm.AuxiliaryLayer(10, again, retrain_epochs=3, init=init)
    outcome = procedure.run(first.trainer, X, y, base_accuracy=first.base["accuracy"], folder=tmp_path, **options)
    assert outcome.network.sizes == [64, 24, 10, 16, 10]
    assert first.network.sizes == [64, 24, 16, 10] and first.network.n_connections == counts
    at, removed = outcome.base["auxiliary_at"], first.network.layers[1].weights.n_connections
    assert at == 1 and outcome.base["connections"] == counts - removed + 24 * 10 + 10 * 16
    assert (outcome.base["factor_error"] is None) == (init == "random")
    assert 0 <= outcome.base["accuracy_inserted"] <= 1
    assert list(outcome.histories)[:2] == ["inserted", "round-1"]
    assert outcome.network.n_connections < outcome.base["connections"]
    resumed = procedure.run(first.trainer, X, y, base_accuracy=first.base["accuracy"], folder=tmp_path, **options)
    np.testing.assert_array_equal(resumed.network.predict_proba(X_valid), outcome.network.predict_proba(X_valid))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: sm.AuxiliaryLayer(0, p, 1), "n_units must be a whole number at least 1"),
        (lambda p: sm.AuxiliaryLayer(5, p, 1, init="zeros"), "init must be one of 'random', 'lowrank'"),
        (lambda p: sm.AuxiliaryLayer(5, sm.AdaptivePruneRetrain(0.05, 2, train_epochs=3), 1), "train_epochs=0"),
        (lambda p: insert_auxiliary_layer(sm.MLP([4, 4, 4, 4], seed=0), 3, at=0), "at must be a whole number from 1 to 1"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(sm.AdaptivePruneRetrain(0.05, 2))
