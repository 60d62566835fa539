"""Numerical faults: each has a defined outcome, and what is in memory afterwards is a valid network."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import sparsemlp as sm

OPTIMIZERS = [sm.SGD(lr=0.05), sm.SGD(lr=0.05, momentum=0.9), sm.Adam(lr=0.01), sm.AdamW(lr=0.01), sm.RMSprop(lr=0.01)]


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 10)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(np.int64)


def make(optimizer=None, topology=None, sizes=(10, 30, 20, 2), **more):
    net = sm.MLP(list(sizes), topology or sm.Uniform(0.4), seed=1, **more)
    return sm.Trainer(net, optimizer or sm.SGD(lr=0.05, momentum=0.9), policy=sm.SET(), debug=True)


def finite(net):
    return all(
        np.isfinite(a).all() for layer in net.layers for a in (layer.weights.data, layer.weights.state, layer.bias, layer.bias_state)
    )


# ---- exploding ----
@pytest.mark.parametrize("topology", [sm.Uniform(0.4), sm.Dense()])
@pytest.mark.parametrize("output", ["softmax", "identity"])
def test_exploding_loss_raises_and_says_where(problem, topology, output):
    X, y = problem
    trainer = make(sm.SGD(lr=1e30), topology, output=output)
    target = y if output == "softmax" else np.stack([y, 1 - y], axis=1).astype(float)
    with np.errstate(all="ignore"), pytest.raises(sm.NonFiniteError, match=r"epoch 0.*step|layer \d"):
        trainer.fit(X, target, epochs=20, batch_size=20)
    assert len(trainer.history) < 20


def test_a_step_that_raises_leaves_the_weights(problem):
    X, y = problem
    trainer = make()
    trainer.network.layers[-1].bias[:] = [3e38, -3e38]
    trainer.network.layers[-1].weights.data[:] = 3e38
    before = [layer.weights.data.copy() for layer in trainer.network.layers]
    with np.errstate(all="ignore"), pytest.raises(sm.NonFiniteError, match="layer 2"):
        trainer.train_step(X, y)
    assert all(np.array_equal(a, layer.weights.data) for a, layer in zip(before, trainer.network.layers, strict=True))


def test_a_checkpoint_never_holds_what_exploded(problem, tmp_path):
    X, y = problem
    trainer = make(sm.SGD(lr=0.01))
    trainer.callbacks.append(sm.Checkpoint(tmp_path / "x.sm"))
    trainer.fit(X, y, epochs=2)
    trainer.lr = 1e35
    with np.errstate(all="ignore"), pytest.raises(sm.NonFiniteError):
        trainer.fit(X, y, epochs=9, resume=True)
    assert finite(sm.load(tmp_path / "x.sm").network)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_input(problem, bad):
    X, y = problem
    X[5, 3] = bad
    trainer = make()
    with pytest.raises(ValueError, match="row 5"):
        trainer.fit(X, y, epochs=1)
    with pytest.raises(ValueError, match="row 5"):
        trainer.network.predict(X)
    assert trainer.step == 0


# ---- extreme but finite ----
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_inputs_of_1e30(problem, optimizer):
    """Trains to finite weights, or says which layer became infinite."""
    X, y = problem
    trainer = make(optimizer)
    try:
        with np.errstate(all="ignore"):
            trainer.fit(X * np.float32(1e30), y, epochs=3, batch_size=30)
    except sm.NonFiniteError as error:
        assert "layer" in str(error)
    else:
        assert finite(trainer.network)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_weights_of_1e30(problem, optimizer):
    X, y = problem
    trainer = make(optimizer)
    for layer in trainer.network.layers:
        layer.weights.data *= np.float32(1e30)
    with np.errstate(all="ignore"), pytest.raises(sm.NonFiniteError, match="outputs of layer 1|loss itself"):
        trainer.fit(X, y, epochs=3, batch_size=30)
    assert finite(trainer.network)


def test_probabilities_of_extreme_scores():
    net = make().network
    net.layers[-1].bias[:] = [1e30, -1e30]
    assert net.predict_proba(np.zeros((1, 10), np.float32)).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("topology", [sm.Uniform(0.4), sm.Dense()], ids=repr)
def test_all_zero_inputs(problem, optimizer, topology):
    """Only biases learn: the prior of the classes; the first layer's weights keep their values but for weight decay."""
    _, y = problem
    trainer = make(optimizer, topology)
    trainer.policy = sm.Static()
    before = trainer.network.layers[0].weights.data.copy()
    trainer.fit(np.zeros((120, 10)), y, epochs=30, batch_size=30)
    assert finite(trainer.network)
    if getattr(optimizer, "weight_decay", 0) == 0:
        assert np.array_equal(trainer.network.layers[0].weights.data, before)
    p = trainer.network.predict_proba(np.zeros((1, 10)))[0]
    assert abs(p[1] - y.mean()) < 0.1


def test_constant_features(problem):
    X, y = problem
    X[:, 3:] = 7
    trainer = make(sm.Adam(lr=0.003), sm.Uniform(0.8), activation="tanh")
    trainer.fit(X, y, epochs=60, batch_size=30)
    assert finite(trainer.network) and trainer.network.score(X, y) > 0.9


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_one_class_only(problem, optimizer):
    X, _ = problem
    trainer = make(optimizer)
    trainer.fit(X, np.ones(120, int), epochs=30, batch_size=30)
    assert finite(trainer.network) and trainer.network.score(X, np.ones(120, int)) == 1
    with pytest.raises(ValueError, match="2 classes"):
        make(optimizer).fit(X, np.full(120, "only"), epochs=1)


def test_one_sample_and_one_connection():
    trainer = make(sizes=(1, 1, 2), topology=sm.Uniform(1.0))
    trainer.fit(np.ones((1, 1)), [1], epochs=5)
    assert finite(trainer.network)


def test_learning_rate_of_zero_changes_nothing(problem):
    X, y = problem
    trainer = make()
    trainer.policy = sm.Static()
    trainer.lr = 0.0
    before = [layer.weights.data.copy() for layer in trainer.network.layers]
    trainer.fit(X, y, epochs=2)
    assert all(np.array_equal(a, layer.weights.data) for a, layer in zip(before, trainer.network.layers, strict=True))


# ---- denormals ----
def denormal_case(scale):
    """Seconds per epoch, of the fastest of some, on inputs and weights of this size."""
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((512, 200)) * scale).astype(np.float32)
    y = rng.integers(0, 2, 512)
    net = sm.MLP([200, 400, 400, 2], sm.Uniform(0.2), activation="identity", seed=0)
    for layer in net.layers[:2]:
        layer.weights.data *= np.float32(1 if scale == 1 else 0.05)
    trainer = sm.Trainer(net, sm.SGD(lr=1e-3, momentum=0.9))
    history = trainer.fit(X, y, epochs=8, batch_size=128)
    assert finite(net)
    return min(history["seconds"][1:])


def test_denormal_numbers_train():
    trainer = make()
    X = np.full((60, 10), 1e-40, np.float32)
    for layer in trainer.network.layers:
        layer.weights.data[:] = np.float32(1e-41)
        layer.weights.data[::2] *= -1
    trainer.fit(X, np.arange(60) % 2, epochs=3)
    assert finite(trainer.network)


@pytest.mark.skipif(not os.environ.get("SPARSEMLP_SLOW"), reason="times two trainings: run with SPARSEMLP_SLOW=1 on a quiet machine")
def test_denormal_numbers_are_not_slow():
    ordinary, tiny = denormal_case(1.0), denormal_case(1e-39)
    assert tiny < 1.5 * ordinary


# ---- memory ----
@pytest.mark.parametrize(
    "make_net",
    [
        lambda: sm.MLP([3_000_000, 3_000_000, 2]),
        lambda: sm.MLP([1_000_000, 1_000_000, 2], density=1.9e-3),
        lambda: sm.MLP([1_000_000, 1_000_000, 2], sm.SmallWorld(2e-3, rewire=0.1), dtype="float64"),
    ],
)
def test_memory_is_asked_for_before_it_is_taken(make_net, monkeypatch):
    monkeypatch.setattr("sparsemlp.engine.memory_limit.available_memory", lambda: 10**9)
    with pytest.raises(MemoryError, match=r"This network needs about .* GB of memory; 1 GB are available. A density of .* would fit"):
        make_net()


def test_the_density_that_would_fit_does(monkeypatch):
    monkeypatch.setattr("sparsemlp.engine.memory_limit.available_memory", lambda: 10**6)
    with pytest.raises(MemoryError) as caught:
        sm.MLP([1000, 1000, 10])
    density = float(str(caught.value).split("density=")[1].rstrip(")."))
    assert 0.001 < sm.MLP([1000, 1000, 10], density=density).density < 0.1


# ---- interruption ----
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot signal its own thread")
def test_interrupts_leave_a_valid_network(problem):
    """Ctrl-C at many instants of a training that changes its topology all the time; checked each time."""
    X, y = problem
    rng = np.random.default_rng(2)
    trainer = make(sm.Adam(), sizes=(10, 200, 200, 2))
    trainer.debug = False
    trainer.fit(X, y, epochs=2, batch_size=60)
    interrupted = 0
    for _ in range(40):
        timer = threading.Timer(0.002 + rng.random() * 0.05, lambda: signal.raise_signal(signal.SIGINT))
        try:
            timer.start()
            trainer.fit(X, y, epochs=10**5, batch_size=120)
        except KeyboardInterrupt:
            interrupted += 1
        trainer.network.check()
        assert finite(trainer.network)
        for layer in trainer.network.layers:
            assert layer.weights.state.shape[1] == layer.weights.n_connections
        assert np.isfinite(trainer.network.predict_proba(X)).all()
        time.sleep(0.001)
    assert interrupted == 40


def test_debug_is_switched_by_the_environment(monkeypatch):
    net = make().network
    monkeypatch.setenv("SPARSEMLP_DEBUG", "1")
    assert sm.Trainer(net).debug is True
    assert sm.Trainer(net, debug=False).debug is False
    monkeypatch.delenv("SPARSEMLP_DEBUG")
    assert sm.Trainer(net).debug is False
