"""Files from before, long names, disks that end: what was saved stays readable, what cannot be saved says why."""

import json
import os
import pathlib
import sys

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp import files as atomic
from sparsemlp.files import write_text

DATA = pathlib.Path(__file__).resolve().parent / "data"
sys.path.insert(0, str(DATA))
from make_version1 import data as version1_data  # noqa: E402
from make_version1_kinds import data as kinds_data  # noqa: E402


# ---- files of an older version
def test_a_file_of_version_1_loads():
    """Written by the first sparsemlp; every number in it comes back, and its training goes on."""
    held = json.loads((DATA / "version1.json").read_text(encoding="utf-8"))
    trainer = sm.load(DATA / "version1.sm")
    net = trainer.network
    net.check()
    assert [repr(trainer.optimizer), repr(trainer.policy), repr(net)] == held["repr"]
    assert [trainer.step, trainer.epoch, trainer.n_epochs, trainer.n_fits] == held["counters"]
    assert trainer.history["loss"] == held["loss"]
    for k, layer in enumerate(net.layers):
        w = layer.weights
        assert w.data.tolist() == held["weights"][k] and w.state.tolist() == held["state"][k]
        assert layer.bias.tolist() == held["biases"][k]
        if held["indices"][k] is None:
            assert w.is_dense
        else:
            assert w.indices.tolist() == held["indices"][k] and w.indptr.tolist() == held["indptr"][k]
    X, y = version1_data()
    assert net.predict(X).tolist() == held["labels"]
    history = trainer.fit(X, y, epochs=5, batch_size=16, resume=True)
    assert len(history) == 5 and trainer.step == 15
    net.check()


def test_a_file_of_version_1_saves_again(tmp_path):
    trainer = sm.load(DATA / "version1.sm")
    sm.save(tmp_path / "x.sm", trainer)
    again = sm.load(tmp_path / "x.sm")
    for a, b in zip(trainer.network.layers, again.network.layers, strict=True):
        assert np.array_equal(a.weights.data, b.weights.data) and np.array_equal(a.weights.state, b.weights.state)


@pytest.mark.filterwarnings("ignore::sparsemlp.ConnectivityWarning")
@pytest.mark.parametrize("kind", sorted(json.loads((DATA / "version1_kinds.json").read_text(encoding="utf-8"))))
def test_every_kind_of_file_of_version_1_loads(kind, tmp_path):
    """Predicts as it did, trains on by one rate for all as it did, and is saved in today's format."""
    held = json.loads((DATA / "version1_kinds.json").read_text(encoding="utf-8"))[kind]
    what = sm.load(DATA / f"version1_{kind}.sm")
    net = getattr(what, "network", what)
    X, y = kinds_data()
    scores = net.predict(X) if kind == "autoencoder" else np.asarray(held["scores"])
    if kind in ("rigl", "masked", "prediction"):
        scores = np.log(net.predict_proba(X))
        held["scores"] -= np.log(np.exp(held["scores"]).sum(axis=1, keepdims=True))
    assert repr(net) == held["repr"]
    np.testing.assert_allclose(scores, held["scores"], rtol=1e-4, atol=1e-5)
    sm.save(tmp_path / "again.sm", what)
    again = sm.load(tmp_path / "again.sm")
    np.testing.assert_array_equal(getattr(again, "network", again).predict(X), net.predict(X))
    if what is not net:
        assert what.stepper.rates.scale is None
        for trainer in (what, again):
            trainer.fit(X, X if kind == "autoencoder" else y, epochs=trainer.epoch + 2, batch_size=16, resume=True)
        assert what.history["loss"] == again.history["loss"]


# ---- names
@pytest.mark.parametrize("name", ["a" * 250, "é" * 125, "a" * 251, "a" * 255])
def test_long_names(tmp_path, name):
    path = tmp_path / name
    for seed in (0, 1):
        sm.save(path, sm.MLP([3, 2], seed=seed))
        assert sm.load(path).seed == seed and os.listdir(tmp_path) == [name]
    write_text(path.with_name("b" + name[1:]), "text")
    old = path.with_name(f".{atomic._stem(name)}.0123456789ab.part")
    old.write_bytes(b"")
    os.utime(old, (1, 1))
    sm.Checkpoint(path).on_fit_begin(sm.Trainer(sm.MLP([3, 2], seed=0)))
    assert not old.exists()


def test_names_that_are_too_long(tmp_path):
    with pytest.raises(OSError, match="allows no name as long as 'a+'... \\(256 bytes\\). Nothing was saved"):
        sm.save(tmp_path / ("a" * 256), sm.MLP([3, 2]))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["with space", "ünï/../cödé", "{brace}", "*?[x]", "-rf", "new\nline", "%s"])
def test_odd_names(tmp_path, name):
    (tmp_path / "ünï").mkdir()
    sm.save(tmp_path / name, sm.MLP([3, 2]))
    assert sm.load(os.fspath(tmp_path / name)).sizes == [3, 2]


# ---- a disk that ends
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_real_write_that_fails(tmp_path):
    """The system itself refuses bytes beyond a limit, in the middle of an array."""
    import resource
    import signal

    path = tmp_path / "x.sm"
    sm.save(path, sm.MLP([3, 2], seed=7))
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for limit in (len(before) + 100, 20_000, 100_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            with pytest.raises(OSError, match="Nothing was saved. The file that was there is unchanged"):
                sm.save(path, sm.MLP([300, 200], seed=8))
            assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.sm"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert sm.load(path).seed == 7


# ---- masked arrays
def test_masked_entries_are_no_data():
    X, y = version1_data()
    hidden = np.ma.masked_array(X, mask=np.zeros(X.shape, bool))
    trainer = sm.Trainer(sm.MLP([6, 4, 3], seed=0))
    trainer.fit(hidden, y, epochs=1)
    hidden[3, 2] = np.ma.masked
    for use in (lambda: trainer.fit(hidden, y, epochs=1), lambda: trainer.network.predict(hidden)):
        with pytest.raises(ValueError, match="X must have no masked entries; got 1"):
            use()
    with pytest.raises(ValueError, match="y must have no masked entries; got 2"):
        trainer.fit(X, np.ma.masked_array(np.arange(40) % 3, mask=np.arange(40) < 2), epochs=1)
