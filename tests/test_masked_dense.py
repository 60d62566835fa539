"""Dense layers with removed connections: the same training as sparse ones, and when they become sparse."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sparsemlp as sm
from sparsemlp.errors import TopologyError
from sparsemlp.weights.change import Change
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 12))
Y = RNG.integers(0, 3, 60)
OPTIMIZERS = [
    sm.SGD(lr=0.1),
    sm.SGD(lr=0.05, momentum=0.9, weight_decay=0.01),
    sm.SGD(lr=0.05, momentum=0.9, nesterov=True),
    sm.Adam(lr=0.01, weight_decay=0.01),
    sm.AdamW(lr=0.01),
    sm.RMSprop(lr=0.01),
]


def masked(weights):
    """The same connections as a dense layer with a mask."""
    matrix = weights.csr.toarray()
    removed = np.ones(matrix.shape, bool)
    removed[np.repeat(np.arange(matrix.shape[0]), np.diff(weights.indptr)), weights.indices] = False
    return DenseWeights(matrix, removed)


def pair(policy=None, optimizer=None, density=0.4, **settings):
    """Trainers of a sparse net and of the same net, masked and never turned sparse."""
    sparse = sm.MLP([12, 15, 14, 3], topology=sm.Uniform(density), dropout=0.2, dtype="float64", seed=3)
    dense = sm.MLP([12, 15, 14, 3], topology=sm.Uniform(density), dropout=0.2, dtype="float64", seed=3)
    for layer in dense.layers:
        layer.weights = masked(layer.weights)
    return sm.Trainer(sparse, optimizer, policy=policy, lr_scale=None), sm.Trainer(
        dense, optimizer, policy=policy, dense_above=0, **settings, lr_scale=None
    )


def assert_same(sparse, dense, atol=1e-12):
    for a, b in zip(sparse.network.layers, dense.network.layers, strict=True):
        assert b.weights.is_dense
        b.weights.check()
        c = b.weights.to_sparse()
        c.check()
        assert c.indices.tolist() == a.weights.indices.tolist() and c.indptr.tolist() == a.weights.indptr.tolist()
        assert_allclose(c.data, a.weights.data, rtol=0, atol=atol)
        assert_allclose(c.state, a.weights.state, rtol=0, atol=atol)
        assert_allclose(b.bias, a.bias, rtol=0, atol=atol)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_sparse_equals_masked_dense(optimizer):
    sparse, dense = pair(optimizer=optimizer)
    for trainer in (sparse, dense):
        trainer.fit(X, Y, epochs=3, batch_size=16)
    assert_same(sparse, dense)


@pytest.mark.parametrize("by", ["sign", "magnitude"])
def test_sparse_equals_masked_dense_while_it_evolves(by):
    policy = sm.SET(zeta=0.4, by=by, new="initializer")
    sparse, dense = pair(policy, sm.SGD(lr=0.05, momentum=0.9))
    for trainer in (sparse, dense):
        trainer.fit(X, Y, epochs=4, batch_size=16)
    assert_same(sparse, dense)
    assert sparse.history["grown"] == dense.history["grown"] and sum(sparse.history["grown"][1]) > 0
    assert dense.history.last["connections"] == sparse.history.last["connections"]
    assert sparse.network.n_connections == dense.network.n_connections and sparse.network.density == dense.network.density


def test_predictions_and_gradients_are_those_of_the_sparse_net():
    sparse, dense = pair()
    assert_allclose(dense.network.predict_proba(X), sparse.network.predict_proba(X), atol=1e-14)
    (loss, found), (want_loss, want) = dense.gradients(X[:20], Y[:20]), sparse.gradients(X[:20], Y[:20])
    assert abs(loss - want_loss) < 1e-14
    for layer, (dw, db), (v, u) in zip(dense.network.layers, found, want, strict=True):
        assert_allclose(dw[~layer.weights.removed], v, atol=1e-14)
        assert_allclose(db, u, atol=1e-14)
        assert np.abs(dw[layer.weights.removed]).max() > 1e-4  # the gradients of what is missing are there too


@dataclass(frozen=True)
class Thin(sm.Policy):
    """Removes a fifth of all connections between epochs, the smallest."""

    returns: bool = False

    def between_epochs(self, view, state, progress, rng):
        return Change(drop=view.smallest(view.n_connections // 5)), state

    def may_return(self, index, state, progress):
        return self.returns


def dense_net(**settings):
    return sm.MLP([12, 20, 3], topology=sm.Dense(), seed=0, **settings)


def test_a_dense_layer_turns_sparse_below_the_density():
    trainer = sm.Trainer(dense_net(), sm.SGD(lr=0.05, momentum=0.9), policy=Thin(), dense_above=0.6, lr_scale=None)
    twin = sm.Trainer(dense_net(), sm.SGD(lr=0.05, momentum=0.9), policy=Thin(), dense_above=0, lr_scale=None)
    for t in (trainer, twin):
        t.fit(X, Y, epochs=6, batch_size=16)
    history = trainer.history
    # 1, 0.8, 0.64, 0.512 < 0.6
    assert [r["storage"] for r in history.records] == [["dense"] * 2] * 3 + [["sparse"] * 2] * 3
    assert [len(r["turned_sparse"]) for r in history.records] == [0, 0, 0, 2, 0, 0]
    assert history.records[3]["turned_sparse"][1] == {"layer": 1, "step": 12, "density": trainer.history["density"][3][1]}
    assert history["connections"] == twin.history["connections"]
    assert [r["storage"] for r in twin.history.records] == [["dense"] * 2] * 6
    assert all(isinstance(layer.weights, SparseWeights) for layer in trainer.network.layers)
    for a, b in zip(trainer.network.layers, twin.network.layers, strict=True):
        assert_allclose(a.weights.csr.toarray(), b.weights.matrix, atol=1e-5)
    assert history["bytes"][-1] < history["bytes"][0]


def test_the_default_is_one_half():
    trainer = sm.Trainer(dense_net(), policy=Thin(), lr_scale=None)
    trainer.fit(X, Y, epochs=5, batch_size=16)
    assert [r["storage"][0] for r in trainer.history.records] == ["dense"] * 4 + ["sparse"]


def test_a_layer_whose_connections_may_return_stays_dense():
    trainer = sm.Trainer(dense_net(), policy=Thin(returns=True), lr_scale=None)
    trainer.fit(X, Y, epochs=8, batch_size=16)
    assert all(layer.weights.is_dense and layer.weights.density < 0.3 for layer in trainer.network.layers)
    assert not any(trainer.history["turned_sparse"])


def test_turning_keeps_every_bit():
    w = DenseWeights(RNG.standard_normal((7, 5)).astype(np.float32), RNG.random((7, 5)) < 0.5)
    w.allocate_state(2)
    w.state[:] = RNG.standard_normal((2, 35))
    w.clear_removed()
    s = w.to_sparse()
    s.check()
    assert s.data.tobytes() == w.data[~w.removed].tobytes() and s.state.tobytes() == w.state[:, ~w.removed].tobytes()
    assert DenseWeights(np.ones((2, 3), np.float32)).to_sparse().density == 1


@pytest.mark.parametrize("dense_above", [0.0, 0.7])
def test_resume_gives_the_same_bits(tmp_path, dense_above):
    def new():
        return sm.Trainer(dense_net(dropout=0.1), sm.Adam(lr=0.01), policy=Thin(), dense_above=dense_above, lr_scale=None)

    whole = new()
    whole.fit(X, Y, epochs=5, batch_size=16)
    for stop in (1, 2, 4):
        part = new()
        part.fit(X, Y, epochs=stop, batch_size=16)
        sm.save(tmp_path / "run.sm", part)
        again = sm.load(tmp_path / "run.sm", custom=[Thin])
        again.fit(X, Y, epochs=5, batch_size=16, resume=True)
        for a, b in zip(whole.network.layers, again.network.layers, strict=True):
            assert a.weights.is_dense == b.weights.is_dense
            assert a.weights.data.tobytes() == b.weights.data.tobytes() and a.weights.state.tobytes() == b.weights.state.tobytes()
            if a.weights.is_dense:
                assert a.weights.removed.tobytes() == b.weights.removed.tobytes()
        assert [r["connections"] for r in again.history.records] == [r["connections"] for r in whole.history.records]


def test_memory_report_counts_the_mask():
    trainer = sm.Trainer(dense_net(), sm.SGD(lr=0.05, momentum=0.9), policy=Thin(returns=True), lr_scale=None)
    trainer.fit(X, Y, epochs=2, batch_size=16)
    row = sm.memory_report(trainer).layers[0]
    assert row["indices"] == 240 and row["values"] == 960 == row["optimizer_state"] and row["connections"] == 192
    assert trainer.history["bytes"][1] - trainer.history["bytes"][0] == 240 + 60


def test_check_finds_what_a_mask_should_have_cleared():
    w = DenseWeights(np.ones((2, 3), np.float32), np.eye(2, 3, dtype=bool))
    assert w.matrix.tolist() == [[0, 1, 1], [1, 0, 1]] and repr(w) == "DenseWeights(2, 3): 4 connections, density 0.667, masked"
    w.check()
    again = copy.deepcopy(w)
    w.data[0] = 1
    with pytest.raises(TopologyError, match="must be 0, and so must their optimizer state"):
        w.check()
    again.check()
    with pytest.raises(TopologyError, match=r"removed must be bool\[2, 3\]; got bool\[3, 2\]"):
        DenseWeights(np.ones((2, 3), np.float32), np.ones((3, 2), bool))
