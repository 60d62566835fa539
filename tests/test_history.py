"""History: what it keeps of a run, and its questions."""

import json
import math

import numpy as np
import pytest

import sparsemlp as sm


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny nets: several threads would only wait for each other. The bits are the same (test_determinism.py)."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


def run(policy=None, **settings):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 6)), rng.integers(0, 4, 20)
    net = sm.MLP([6, 10, 8, 4], topology=sm.Uniform(0.5), seed=2)
    trainer = sm.Trainer(net, optimizer=sm.Adam(lr=0.01), policy=policy)
    return trainer, trainer.fit(X, y, 3, 8, **settings)


def test_a_record_of_a_run():
    trainer, history = run(sm.SET(zeta=sm.LinearDecrease(0.4, 0.1)))
    assert history is trainer.history and len(history) == 3
    net = trainer.network
    for epoch, record in enumerate(history.records):
        assert record["epoch"] == epoch
        assert record["steps"] == 3 and record["samples"] == 20 and record["lr"] == 0.01
        assert record["connections"] == [30, 40, 16] and record["density"] == [0.5] * 3
        assert record["bytes"] == sum(sum(layer.nbytes().values()) for layer in net.layers)
        for name in ("seconds", "evolution_seconds", "evaluation_seconds"):
            assert 0 <= record[name] < 100
        assert record["dropped"] == record["grown"]
        assert "val_loss" not in record
    assert history["zeta"] == [None, 0.4, sm.LinearDecrease(0.4, 0.1)(1, 3)]
    assert history["dropped"][0] == [0, 0, 0] and min(history["dropped"][1]) > 0


def test_bytes_are_those_of_the_arrays():
    """Values, indices both ways, two rows of Adam's state; biases with theirs."""
    trainer, history = run()
    want = 0
    for n_in, n_out, n in ((6, 10, 30), (10, 8, 40), (8, 4, 16)):
        want += 4 * (n + n + n_in + 1 + 2 * n + n_out + 1 + 2 * n) + 4 * 3 * n_out
    assert history.last["bytes"] == want


def test_values_are_plain_python():
    """So that every record is JSON as it is."""
    _, history = run(sm.SET(), validation_data=(np.zeros((4, 6)), [0, 1, 2, 3]))

    def plain(value):
        if isinstance(value, list):
            return all(plain(v) for v in value)
        return value is None or type(value) in (int, float, str)

    for record in history.records:
        for name, value in record.items():
            assert plain(value), (name, value)
    assert json.loads(history.to_json()) == {"stopped": None, "epochs": history.records}


def test_questions():
    history = sm.History([{"epoch": 0, "a": 3.0}, {"epoch": 1, "a": 1.0, "b": 2.0}, {"epoch": 2, "a": 3.0, "b": None}])
    assert history["a"] == [3.0, 1.0, 3.0] and history["b"] == [None, 2.0, None]
    assert history.last["epoch"] == 2
    assert history.best("a")["epoch"] == 0  # the first of equals
    assert history.best("a", largest=False)["epoch"] == 1
    assert history.best("b")["epoch"] == 1
    with pytest.raises(KeyError, match="The history has no 'c'; it has a, epoch"):
        history["c"]
    with pytest.raises(KeyError, match="No epoch has a finite 'c'"):
        history.best("c")


def test_best_passes_over_numbers_that_are_none():
    history = sm.History([{"a": math.nan}, {"a": 1.0}, {"a": math.inf}, {"a": 2.0}])
    assert history.best("a")["a"] == 2.0 and history.best("a", largest=False)["a"] == 1.0


def test_an_empty_history():
    history = sm.History()
    assert len(history) == 0 and history["loss"] == [] and history.stopped is None
    assert repr(history) == "History(no epochs)"
    assert json.loads(history.to_json()) == {"stopped": None, "epochs": []}
    with pytest.raises(IndexError, match="No epoch has ended yet"):
        history.last  # noqa: B018


def test_how_it_looks():
    history = sm.History([{"epoch": 0, "loss": 0.123456, "val_accuracy": 0.9, "seconds": 3.0}])
    assert repr(history) == "History(1 epochs: loss 0.1235, val_accuracy 0.9)"


def test_histories_do_not_share_their_records():
    records = [{"epoch": 0}]
    history = sm.History(records)
    history.append({"epoch": 1})
    assert len(records) == 1 and len(history) == 2
