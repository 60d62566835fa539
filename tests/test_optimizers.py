"""Every update rule against its formula in NumPy over several steps, learning-rate schedules, and the checks of settings."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sparsemlp as sm

OPTIMIZERS = [
    sm.SGD(lr=0.1),
    sm.SGD(lr=0.1, weight_decay=0.2),
    sm.SGD(lr=0.1, momentum=0.9),
    sm.SGD(lr=0.1, momentum=0.9, weight_decay=0.2),
    sm.SGD(lr=0.1, momentum=0.8, nesterov=True),
    sm.SGD(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.2),
    sm.Adam(lr=0.01),
    sm.Adam(lr=0.01, betas=(0.7, 0.95), eps=1e-3, weight_decay=0.2),
    sm.Adam(lr=0.01, betas=(0.0, 0.0)),
    sm.AdamW(lr=0.1, weight_decay=0.2),
    sm.AdamW(lr=0.1, betas=(0.7, 0.95), eps=1e-3, weight_decay=0.5),
    sm.RMSprop(lr=0.01),
    sm.RMSprop(lr=0.01, rho=0.7, eps=1e-3, weight_decay=0.2),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny nets: several threads would only wait for each other. The bits are the same (test_determinism.py)."""
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


def reference(optimizer, t, p, g, state, is_bias):
    """(p, state) after step t = 1, 2, ... as the papers write it; state is a list of arrays."""
    lr = optimizer.lr
    decay = 0.0 if is_bias else optimizer.weight_decay
    if isinstance(optimizer, sm.AdamW):
        p = p - lr * decay * p
    else:
        g = g + decay * p
    if isinstance(optimizer, sm.SGD):
        if not optimizer.momentum:
            return p - lr * g, []
        m = optimizer.momentum * state[0] + g
        return p - lr * (g + optimizer.momentum * m if optimizer.nesterov else m), [m]
    if isinstance(optimizer, sm.Adam):
        b1, b2 = optimizer.betas
        m = b1 * state[0] + (1 - b1) * g
        v = b2 * state[1] + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        return p - lr * m_hat / (np.sqrt(v_hat) + optimizer.eps), [m, v]
    v = optimizer.rho * state[0] + (1 - optimizer.rho) * g**2
    return p - lr * g / (np.sqrt(v) + optimizer.eps), [v]


def make(topology, dtype="float64", optimizer=None):
    net = sm.MLP([6, 7, 4], topology=topology, activation="tanh", dtype=dtype, seed=1)
    for layer in net.layers:
        layer.bias[:] = 0.5
    return sm.Trainer(net, optimizer=optimizer, lr_scale=None)


def batches(n):
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((8, 6)), rng.integers(0, 4, 8)) for _ in range(n)]


def parts(net):
    """(array, its state, whether it is a bias) of every array of parameters."""
    for layer in net.layers:
        yield layer.weights.data, layer.weights.state, False
        yield layer.bias, layer.bias_state, True


@pytest.mark.parametrize("topology", [sm.Uniform(0.5), sm.Dense()], ids=["sparse", "dense"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_rule_equals_its_formula(optimizer, topology):
    trainer = make(topology, optimizer=optimizer)
    want = [(p.copy(), [np.zeros_like(p)] * optimizer.n_state, b) for p, _, b in parts(trainer.network)]
    for t, (X, y) in enumerate(batches(6), start=1):
        gradients = [g for pair in trainer.gradients(X, y)[1] for g in pair]
        trainer.train_step(X, y)
        assert trainer.step == t
        want = [(*reference(optimizer, t, p, g, s, b), b) for (p, s, b), g in zip(want, gradients, strict=True)]
        for (p, state, _), (p_want, s_want, _) in zip(parts(trainer.network), want, strict=True):
            assert_allclose(p, p_want, rtol=1e-12, atol=1e-14)
            assert state.shape == (optimizer.n_state, p.size)
            for row, row_want in zip(state, s_want, strict=True):
                assert_allclose(row, row_want, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("optimizer", [sm.SGD(lr=0.1, momentum=0.9), sm.Adam(lr=0.01), sm.RMSprop(lr=0.01)], ids=str)
def test_float32_follows_float64(optimizer):
    """A few roundings per step: Adam's and RMSprop's steps are of the size of lr, whatever the gradient's."""
    trainers = [make(sm.Uniform(0.5), dtype, optimizer) for dtype in ("float32", "float64")]
    for (p, _, _), (q, _, _) in zip(*(parts(t.network) for t in trainers), strict=True):
        q[:] = p
    for X, y in batches(4):
        for trainer in trainers:
            trainer.train_step(X, y)
    for (p, s, _), (q, _, _) in zip(*(parts(t.network) for t in trainers), strict=True):
        assert p.dtype == s.dtype == np.float32
        assert_allclose(p, q, rtol=0, atol=2e-5)


@pytest.mark.parametrize("optimizer", [sm.SGD(lr=0.1, momentum=0.9, weight_decay=1), sm.AdamW(lr=0.1, weight_decay=1)], ids=str)
def test_weight_decay_spares_biases(optimizer):
    """With no gradient (a zero input and no class but one sure of itself), connections shrink and biases stay."""
    trainer = make(sm.Uniform(0.5), optimizer=optimizer)
    net = trainer.network
    net.layers[1].bias[:] = [800, 0, 0, 0]  # sure of class 0, so that the gradient is exactly 0
    before = [(p.copy(), b) for p, _, b in parts(net)]
    trainer.train_step(np.zeros((8, 6)), np.zeros(8, int))
    for (p, _, _), (q, is_bias) in zip(parts(net), before, strict=True):
        assert_allclose(p, q if is_bias else 0.9 * q, rtol=1e-14)


# ---- learning rates
def test_schedules_are_asked_at_fractions_of_epochs():
    asked = []

    def schedule(epoch, n_epochs):
        asked.append((epoch, n_epochs))
        return 0.01

    trainer = make(sm.Uniform(0.5), optimizer=sm.SGD(lr=schedule))
    X, y = (np.concatenate(a) for a in zip(*batches(4), strict=True))
    trainer.fit(X[:27], y[:27], epochs=2, batch_size=8)
    assert {n for _, n in asked} == {2}
    assert sorted({e for e, _ in asked}) == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]


@pytest.mark.parametrize("optimizer", [sm.SGD(lr=0.1, momentum=0.9), sm.AdamW(lr=0.1, weight_decay=0.3)], ids=str)
def test_schedule_equals_setting_the_rate_by_hand(optimizer):
    X, y = (np.concatenate(a) for a in zip(*batches(4), strict=True))
    X, y = X[:27], y[:27]
    schedule = sm.LinearDecrease(0.2, 0.01)
    scheduled = make(sm.Uniform(0.5), optimizer=dataclasses.replace(optimizer, lr=schedule))
    history = scheduled.fit(X, y, epochs=3, batch_size=8, shuffle=False)
    by_hand = make(sm.Uniform(0.5), optimizer=optimizer)
    for epoch in range(3):
        for s in range(4):
            by_hand.lr = schedule(epoch + s / 4, 3)
            by_hand.train_step(X[8 * s : 8 * s + 8], y[8 * s : 8 * s + 8])
    assert history["lr"] == [schedule(e, 3) for e in range(3)]
    for (p, _, _), (q, _, _) in zip(parts(scheduled.network), parts(by_hand.network), strict=True):
        assert_array_equal(p, q)


def test_second_optimizer_starts_with_its_own_state():
    """A network trained further by another rule: momentum becomes no second moment."""
    first = make(sm.Uniform(0.5), optimizer=sm.SGD(lr=0.1, momentum=0.9))
    X, y = batches(1)[0]
    first.train_step(X, y)
    second = sm.Trainer(first.network, optimizer=sm.Adam(lr=0.01), lr_scale=None)
    second.train_step(X, y)
    for p, state, _ in parts(second.network):
        assert state.shape == (2, p.size)


# ---- settings
@pytest.mark.parametrize(
    ("make_it", "error", "words"),
    [
        (lambda: sm.SGD(lr=-0.1), ValueError, r"SGD\.lr must be in \(0, .*got -0\.1"),
        (lambda: sm.SGD(lr=0), ValueError, r"SGD\.lr must be in \(0, .*got 0.*A learning rate is positive"),
        (lambda: sm.SGD(lr=float("nan")), ValueError, r"SGD\.lr .*got nan"),
        (lambda: sm.SGD(lr=float("inf")), ValueError, r"SGD\.lr .*got inf"),
        (lambda: sm.SGD(lr="0.1"), TypeError, r"SGD\.lr must be a real number; got '0\.1' \(str\)"),
        (lambda: sm.SGD(lr=None), TypeError, r"SGD\.lr must be a real number; got None"),
        (lambda: sm.SGD(momentum=1), ValueError, r"SGD\.momentum must be in \[0, 1\); got 1"),
        (lambda: sm.SGD(momentum=-0.1), ValueError, r"SGD\.momentum must be in \[0, 1\); got -0\.1"),
        (lambda: sm.SGD(weight_decay=-1), ValueError, r"SGD\.weight_decay must be in \[0, .*got -1"),
        (lambda: sm.SGD(nesterov=True), ValueError, r"SGD\.nesterov must come with momentum > 0; got momentum=0"),
        (lambda: sm.Adam(lr=-1), ValueError, r"Adam\.lr must be in \(0, .*got -1"),
        (lambda: sm.AdamW(lr=-1), ValueError, r"AdamW\.lr must be in \(0, .*got -1"),
        (lambda: sm.Adam(betas=(0.9,)), ValueError, r"Adam\.betas must be two numbers; got \(0\.9,\)"),
        (lambda: sm.Adam(betas=0.9), ValueError, r"Adam\.betas must be two numbers; got 0\.9"),
        (lambda: sm.Adam(betas=(0.9, 1.0)), ValueError, r"Adam\.betas\[1\] must be in \[0, 1\); got 1\.0"),
        (lambda: sm.Adam(eps=0), ValueError, r"Adam\.eps must be in \(0, .*got 0"),
        (lambda: sm.AdamW(weight_decay=-0.1), ValueError, r"AdamW\.weight_decay must be in \[0, .*got -0\.1"),
        (lambda: sm.RMSprop(lr=-1), ValueError, r"RMSprop\.lr must be in \(0, .*got -1"),
        (lambda: sm.RMSprop(rho=1), ValueError, r"RMSprop\.rho must be in \[0, 1\); got 1"),
        (lambda: sm.RMSprop(eps=-1), ValueError, r"RMSprop\.eps must be in \(0, .*got -1"),
        (lambda: sm.RMSprop(weight_decay=-1), ValueError, r"RMSprop\.weight_decay must be in \[0, .*got -1"),
    ],
)
def test_wrong_settings_are_refused_at_construction(make_it, error, words):
    with pytest.raises(error, match=words):
        make_it()


def test_settings_are_frozen():
    for optimizer in OPTIMIZERS:
        with pytest.raises(dataclasses.FrozenInstanceError):
            optimizer.lr = 1


def test_an_optimizer_of_ones_own_must_say_its_numbers():
    class Mine(sm.optimizers.Optimizer):
        lr = 0.1

    with pytest.raises(TypeError, match=r"Mine must define hyper\(lr, step\)"):
        Mine().hyper(0.1, 1)
    with pytest.raises(TypeError, match=r"optimizer must be like sm\.SGD\(lr=0\.01\); got 'sgd' \(str\)"):
        sm.Trainer(make(sm.Dense()).network, optimizer="sgd", lr_scale=None)
