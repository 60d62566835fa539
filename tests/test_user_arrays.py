"""What users can replace or write to: checked before a kernel sees it, trained if it fits, a clear error if not."""

import copy
import pickle
import threading
import time

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.errors import TopologyError

TOPOLOGIES = {"sparse": sm.Uniform(0.5), "dense": sm.Dense()}


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(np.int64)


def make(topology="sparse", optimizer=None, **more):
    net = sm.MLP([6, 9, 8, 2], TOPOLOGIES[topology], seed=1, **more)
    return sm.Trainer(net, optimizer or sm.SGD(lr=0.05, momentum=0.9))


# ---- the index
@pytest.mark.parametrize("name", ["indptr", "indices", "perm", "inputs", "out_ptr"])
def test_the_index_cannot_be_written_to(name):
    w = make().network.layers[0].weights
    with pytest.raises(ValueError, match="read-only"):
        getattr(w, name)[0] = 10**6
    with pytest.raises(TopologyError, match=f"{name} cannot be replaced.*apply_change"):
        setattr(w, name, getattr(w, name).copy())
    w.check()


def test_csr_shares_values_and_guards_indices(problem):
    X, y = problem
    trainer = make()
    csr = trainer.network.layers[0].weights.csr
    for array in (csr.indices, csr.indptr):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 10**6
    csr.data[:] = 0
    assert (trainer.network.layers[0].weights.data == 0).all()
    with pytest.raises(ValueError, match="read-only|[Rr]ead|writ"):
        csr.eliminate_zeros()  # would rewrite the indices in place
    trainer.fit(X, y, epochs=1)
    trainer.network.check()


@pytest.mark.parametrize(
    ("name", "value"), [("indices", 10**6), ("indices", -1), ("perm", 10**6), ("inputs", -5), ("indptr", 99), ("out_ptr", 99)]
)
def test_an_index_spoilt_all_the_same_is_found_before_training(problem, name, value):
    """By way of an array that was handed over and kept, say."""
    trainer = make()
    getattr(trainer.network.layers[1].weights, f"_{name}")[1] = value
    with pytest.raises(TopologyError, match=f"{name} must"):
        trainer.fit(*problem, epochs=1)
    assert trainer.step == 0


# ---- values, biases, optimizer state
BAD = {
    "dtype": lambda a: a.astype(np.float64),
    "shorter": lambda a: a[..., :-1].copy(),
    "shape": lambda a: a[None].copy(),
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "locked": lambda a: locked(a),
    "list": lambda a: a.tolist(),
    "integers": lambda a: a.astype(np.int32),
    "None": lambda a: None,
}


def locked(a):
    a = a.copy()
    a.flags.writeable = False
    return a


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["data", "state", "bias", "bias_state"])
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_wrong_array_is_refused(problem, topology, name, bad):
    X, y = problem
    trainer = make(topology)
    trainer.fit(X, y, epochs=1)
    layer = trainer.network.layers[1]
    owner = layer if "bias" in name else layer.weights
    setattr(owner, name, BAD[bad](getattr(owner, name)))
    for use in (lambda: trainer.fit(X, y, epochs=2), lambda: trainer.train_step(X, y), lambda: trainer.network.predict(X)):
        with pytest.raises((TopologyError, ValueError), match=r"layers\[1\].*must be"):
            use()


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_right_array_is_trained(problem, topology):
    """Not the old one, which plans were made for."""
    X, y = problem
    trainer = make(topology)
    trainer.train_step(X, y)
    layer = trainer.network.layers[0]
    twin = copy.deepcopy(trainer)
    layer.weights.data = np.full_like(layer.weights.data, 0.01)
    twin.network.layers[0].weights.data[:] = 0.01
    layer.bias = layer.bias + 1
    twin.network.layers[0].bias[:] += 1
    for t in (trainer, twin):
        t.train_step(X, y)
    assert np.array_equal(layer.weights.data, twin.network.layers[0].weights.data)
    assert np.array_equal(trainer.network.predict_proba(X), twin.network.predict_proba(X))
    assert (layer.weights.data != np.float32(0.01)).any()


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_copies_and_pickles_train_like_the_original(problem, topology):
    X, y = problem
    trainer = make(topology, sm.Adam())
    trainer.train_step(X, y)
    copies = [copy.deepcopy(trainer), pickle.loads(pickle.dumps(trainer))]
    want = [trainer.train_step(X, y) for _ in range(3)]
    for other in copies:
        assert [other.train_step(X, y) for _ in range(3)] == want
        assert np.array_equal(other.network.predict_proba(X), trainer.network.predict_proba(X))


def test_layers_that_do_not_fit_any_more(problem):
    X, y = problem
    trainer = make()
    trainer.train_step(X, y)
    trainer.network.layers[1] = sm.MLP([5, 8], density=1.0).layers[0]
    for use in (lambda: trainer.fit(X, y, epochs=1), lambda: trainer.train_step(X, y), lambda: trainer.network.predict(X)):
        with pytest.raises(ValueError, match="must take the 9 outputs of layer 0; it takes 5 inputs"):
            use()


# ---- optimizers and learning rates
@pytest.mark.parametrize(
    ("lr", "error", "words"),
    [
        (lambda epoch, n: float("nan"), ValueError, "learning rate at epoch 0 must be in .*got nan"),
        (lambda epoch, n: 0.1 if epoch < 0.5 else float("nan"), ValueError, "learning rate at epoch 0.5 must be"),
        (lambda epoch, n: -1.0, ValueError, "learning rate at epoch 0 must be"),
        (lambda epoch, n: "fast", TypeError, "learning rate at epoch 0 must be a real number; got 'fast'"),
        (lambda epoch, n: None, TypeError, "learning rate at epoch 0 must be a real number; got None"),
        (lambda epoch, n: np.array([0.1, 0.2]), TypeError, "must be a real number"),
        (lambda epoch, n: 1j, TypeError, "must be a real number"),
        (float("inf"), ValueError, "learning rate at epoch 0 must be"),
        ("fast", TypeError, "learning rate"),
    ],
)
def test_learning_rates_that_are_none(problem, lr, error, words):
    X, y = problem
    trainer = make()
    trainer.lr = lr
    with pytest.raises(error, match=words):
        trainer.fit(X, y, epochs=2, batch_size=15)
    trainer.network.check()
    if "0.5" not in words:
        with pytest.raises(error, match=words):
            trainer.train_step(X, y)
        assert trainer.step == 0


def test_another_optimizer_on_the_same_trainer(problem):
    """Momentum is no mean of squares: the new rule starts from zeros and equals a trainer that never had another."""
    X, y = problem
    trainer = make()
    trainer.train_step(X, y)
    fresh = sm.Trainer(copy.deepcopy(trainer.network), sm.RMSprop(lr=0.01))
    for t in (trainer, fresh):
        t.network.layers[0].weights.state -= 1  # what a root of would be NaN
    trainer.optimizer = sm.RMSprop(lr=0.01)
    assert trainer.lr == 0.01
    assert [trainer.train_step(X, y) for _ in range(3)] == [fresh.train_step(X, y) for _ in range(3)]
    trainer.network.check()
    with pytest.raises(TypeError, match="optimizer must be like"):
        trainer.optimizer = "adam"


def test_a_second_trainer_starts_from_zero_state(problem):
    X, y = problem
    first = make(optimizer=sm.Adam())
    for _ in range(5):
        first.train_step(X, y)
    net = copy.deepcopy(first.network)
    for layer in net.layers:
        layer.weights.state[:], layer.bias_state[:] = 0, 0
    again, want = sm.Trainer(first.network, sm.Adam()), sm.Trainer(net, sm.Adam())
    assert [again.train_step(X, y) for _ in range(3)] == [want.train_step(X, y) for _ in range(3)]


# ---- labels
def test_classes_may_be_a_list(problem):
    X, y = problem
    trainer = make()
    trainer.fit(X, y, epochs=20)
    net = trainer.network
    net.classes = ["no", "yes"]
    assert isinstance(net.classes, np.ndarray) and set(net.predict(X)) <= {"no", "yes"}
    assert net.score(X, np.array(["no", "yes"])[y]) == (net.predict(X) == np.array(["no", "yes"])[y]).mean()
    for bad in (["a"], ["a", "a"], [["a", "b"]], "ab", 3, ["a", "b", "c"]):
        with pytest.raises(ValueError, match="classes must be 2 different labels"):
            net.classes = bad
    net.classes = None
    assert set(net.predict(X)) <= {0, 1}


# ---- memory
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_buffers_ask_for_memory_first(problem, topology, monkeypatch):
    X, y = problem
    trainer = make(topology)
    trainer.train_step(X, y)
    monkeypatch.setattr("sparsemlp.engine.memory_limit.WORTH_ASKING", 0)
    monkeypatch.setattr("sparsemlp.engine.memory_limit.available_memory", lambda: 2000)
    with pytest.raises(MemoryError, match=r"The buffers for batches of 30 need.* batch_size=\d+ would fit"):
        trainer.fit(X, y, epochs=1, batch_size=30)
    with pytest.raises(MemoryError, match=r"The buffers for batches of 60 need.* \d+ samples at a time would fit"):
        trainer.network.predict(X)
    monkeypatch.undo()
    trainer.fit(X, y, epochs=1, batch_size=30)


def test_optimizer_state_asks_for_memory_first(problem, monkeypatch):
    trainer = make(optimizer=sm.Adam())
    monkeypatch.setattr("sparsemlp.engine.step.WORTH_ASKING", 0)
    monkeypatch.setattr("sparsemlp.engine.memory_limit.available_memory", lambda: 500)
    with pytest.raises(MemoryError, match="The state of Adam needs"):
        trainer.train_step(*problem)
    assert all(layer.weights.state.size == 0 for layer in trainer.network.layers)


# ---- two trainings of one network
def test_one_network_is_trained_by_one_thread(problem):
    X, y = problem
    trainer, seen = make(), []

    class Look(sm.Callback):
        def on_epoch_end(self, t, record):
            def other():
                try:
                    sm.Trainer(trainer.network).fit(X, y, epochs=1)
                except RuntimeError as error:
                    seen.append(str(error))

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            sm.Trainer(t.network).fit(X, y, epochs=1)  # the same thread may

    trainer.callbacks.append(Look())
    trainer.fit(X, y, epochs=2)
    assert len(seen) == 2 and "trained in another thread" in seen[0]
    trainer.callbacks.clear()
    threading.Thread(target=lambda: seen.append(len(trainer.fit(X, y, epochs=2)))).start()
    while len(seen) < 3:
        time.sleep(0.01)
    assert seen[2] == 2
    with pytest.raises(ValueError, match="epochs"):
        trainer.fit(X, y, epochs=0)
    trainer.fit(X, y, epochs=1)


def test_resuming_drops_the_record_of_an_epoch_that_did_not_count(problem):
    """An interrupt may come between the record and the counter."""
    X, y = problem
    trainer = make()
    trainer.fit(X, y, epochs=2)
    trainer.history.append({**trainer.history.last, "epoch": 2})
    assert len(trainer.fit(X, y, epochs=4, resume=True)) == 4
