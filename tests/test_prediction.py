"""Networks for prediction only: the same bits, fewer bytes."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

import sparsemlp as sm


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


@pytest.fixture(scope="module")
def digits():
    X, y, X_test, _ = sm.datasets.load("digits")
    return X / np.float32(16), y, X_test / np.float32(16)


def trained(X, y, **settings):
    net = sm.MLP([64, 100, 50, 10], **{"topology": [sm.Uniform(0.1), sm.Dense(), sm.Uniform(1.0)], "dropout": 0.2, "seed": 0, **settings})
    trainer = sm.Trainer(net, optimizer=sm.Adam(), policy=sm.SET())
    trainer.fit(X, y, 2, 32)
    return trainer


def test_the_same_bits_in_memory_on_disk_and_in_copies(digits, tmp_path):
    X, y, X_test = digits
    trainer = trained(X, y)
    net, small = trainer.network, sm.for_prediction(trainer)
    expected = net.predict_proba(X_test)
    sm.save(tmp_path / "net.sm", net)
    sm.save(tmp_path / "trainer.sm", trainer)
    sm.save(tmp_path / "small.sm", small)
    loaded = sm.load(tmp_path / "small.sm")
    again = sm.for_prediction(loaded)
    for each in (small, loaded, again, copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
        assert type(each) is sm.MLP
        each.check()
        np.testing.assert_array_equal(each.predict_proba(X_test), expected)
        np.testing.assert_array_equal(each.predict_proba(sp.csr_array(X_test[:7])), net.predict_proba(X_test[:7]))
        np.testing.assert_array_equal(each.predict(X_test), net.predict(X_test))
        assert str(each.check_connectivity()) == str(net.check_connectivity())
        for a, b in zip(each.layers, net.layers, strict=True):
            np.testing.assert_array_equal(a.weights.csr.toarray(), b.weights.csr.toarray())
            if not a.weights.is_dense:
                np.testing.assert_array_equal(a.weights.indptr, b.weights.indptr)
                np.testing.assert_array_equal(a.weights.indices, b.weights.indices)
    trainer.fit(X, y, 1, 32)  # and share nothing with it
    np.testing.assert_array_equal(small.predict_proba(X_test), expected)
    assert small.evaluate(X, y) != net.evaluate(X, y)


def test_bytes(tmp_path):
    net = sm.MLP([500, 2000, 2000, 10], topology=sm.ErdosRenyi(epsilon=20), seed=0)
    trainer = sm.Trainer(net, optimizer=sm.Adam())
    trainer.train_step(np.zeros((8, 500)), np.zeros(8, int))
    small = sm.for_prediction(trainer)
    report = sm.memory_report(small)
    assert report.bytes_per_connection == 8
    shared = 4 * max(layer.weights.n_connections for layer in net.layers)
    units = sum(4 * (layer.n_out + 1) + 4 * layer.n_out for layer in net.layers)
    assert report.total == 8 * net.n_connections + shared + units <= 12 * net.n_connections + units
    assert sm.memory_report(trainer).bytes_per_connection == 24
    small.predict(np.zeros((8, 500)))
    assert sm.memory_report(small).total == report.total
    sm.save(tmp_path / "small.sm", small)
    sm.save(tmp_path / "trainer.sm", trainer)
    size = (tmp_path / "small.sm").stat().st_size
    assert size < 6 * net.n_connections + units + 10_000
    assert (tmp_path / "trainer.sm").stat().st_size > 2.4 * size


def test_wide_layers_keep_32_bits_on_disk(tmp_path):
    net = sm.MLP([70_000, 3, 2], topology=[sm.Uniform(0.001), sm.Dense()], seed=0)
    sm.save(tmp_path / "wide.sm", sm.for_prediction(net))
    X = np.random.default_rng(0).standard_normal((3, 70_000), np.float32)
    np.testing.assert_array_equal(sm.load(tmp_path / "wide.sm").predict_proba(X), net.predict_proba(X))


def test_a_class_keeps_its_methods():
    net = sm.Autoencoder([20, 10, 4], density=0.5, seed=0)
    X = np.random.default_rng(0).standard_normal((6, 20))
    small = sm.for_prediction(net)
    np.testing.assert_array_equal(small.transform(X), net.transform(X))
    np.testing.assert_array_equal(sm.for_prediction(net.encoder).predict(X), net.encoder.predict(X))


def test_it_cannot_be_trained(digits):
    small = sm.for_prediction(sm.MLP([64, 10], density=0.5, seed=0))
    with pytest.raises(TypeError, match="cannot be trained or changed"):
        sm.Trainer(small)
    with pytest.raises(TypeError, match="takes a network or a trainer; got str"):
        sm.for_prediction("net")


@pytest.mark.parametrize("damage", ["inputs", "out_ptr", "n_state"])
def test_damaged_files(damage, tmp_path, monkeypatch):
    from sparsemlp.checkpoint import saving as model

    net = sm.for_prediction(sm.MLP([6, 5, 2], topology=sm.Uniform(0.5), seed=0))
    sm.save(tmp_path / "a.sm", net)
    real = model._layer

    def damaged(k, layer, put):
        content = real(k, layer, put)
        if damage == "n_state":
            content["fields"]["state"] = {"array": put(np.zeros((1, layer.weights.n_connections), np.float32))}
        else:
            number = content["fields"][damage]["array"]
            put.__self__.arrays[number] = put.__self__.arrays[number] + put.__self__.arrays[number].dtype.type(3)
        return content

    monkeypatch.setattr(model, "_layer", damaged)
    sm.save(tmp_path / "a.sm", net)
    with pytest.raises(sm.CheckpointError):
        sm.load(tmp_path / "a.sm")
