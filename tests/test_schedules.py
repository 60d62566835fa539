"""Schedules: checked values against the equations at the beginning, in the middle and at the end."""

from dataclasses import FrozenInstanceError
from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sparsemlp as sm
from sparsemlp.schedules import (
    Annealed,
    Constant,
    Cosine,
    CubicSparsity,
    ExponentialDecay,
    LinearDecrease,
    Oscillating,
    Schedule,
    StepDecay,
    WarmupCosine,
    as_learning_rate,
    as_schedule,
)

ALL = [
    Constant(0.3),
    ExponentialDecay(0.3, interest=0.01),
    LinearDecrease(0.3, 0.01),
    Oscillating(0.3, 0.01, k=1),
    Oscillating(0.3, 0.3, k=4),
    CubicSparsity(0.1, 0.9),
    Annealed(0.1),
    Annealed(0.1, mu=20, until=0.5),
    Cosine(0.3),
    StepDecay(0.1, factor=0.5, every=3),
    WarmupCosine(0.1),
    WarmupCosine(0.1, warmup=0),
]


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Constant(0.3), {0: 0.3, 250: 0.3, 500: 0.3}),
        (ExponentialDecay(0.3, interest=0.01), {0: 0.3, 1: 0.297, 250: 0.3 * 0.99**250, 500: 0.3 * 0.99**500}),
        (LinearDecrease(0.3, 0.01), {0: 0.3, 125: 0.2275, 250: 0.155, 500: 0.01}),
        # T = 2 * 500 / 5 = 200
        (Oscillating(0.3, 0.01, k=1), {0: 0.3, 50: 0.155, 100: 0.01, 200: 0.3, 250: 0.155, 300: 0.01, 400: 0.3, 500: 0.01}),
        # T = 1000 / 3
        (Oscillating(0.3, 0.01, k=0), {0: 0.3, 250: 0.155, 500: 0.01, 100: 0.155 + 0.145 * cos(0.6 * pi)}),
        (CubicSparsity(0, 0.8), {0: 0, 250: 0.8 * 0.875, 500: 0.8}),
        (CubicSparsity(0.2, 0.8, begin=100, end=300), {0: 0.2, 100: 0.2, 200: 0.725, 300: 0.8, 500: 0.8}),
        (Cosine(0.3), {0: 0.3, 187.5: 0.15, 375: 0, 500: 0}),
        (WarmupCosine(0.1, warmup=0.2), {0: 0.004, 50: 0.052, 100: 0.1, 300: 0.05, 500: 0}),
        (WarmupCosine(0.1, warmup=0), {0: 0.1, 250: 0.05, 500: 0}),
        (Cosine(0.3, until=0.75), {0: 0.3, 187.5: 0.15, 375: 0, 500: 0}),
        (Cosine(0.1, until=1), {0: 0.1, 250: 0.05, 500: 0}),
        (StepDecay(0.1, factor=0.1, every=250), {0: 0.1, 249.9: 0.1, 250: 0.01, 500: 0.001}),
    ],
    ids=repr,
)
def test_values(schedule, values):
    for epoch, value in values.items():
        assert schedule(epoch, 500) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("mu", [0, 1, 20])
def test_annealed_is_the_papers_formula(mu):
    M, k = 1000, 150
    for n in (1, 7, 15):  # algorithm 3 (AP)
        for i in range(1, n + 1):
            assert M * Annealed(k / M, mu)(i, n) == pytest.approx(k + (M - k) * max(0, (n - i) / (2 * i * mu + n)))
    for N in (1, 8, 301):  # algorithm 2 (FSA)
        for e in range(1, N + 1):
            assert M * Annealed(k / M, mu, until=0.5)(e, N) == pytest.approx(k + (M - k) * max(0, (N - 2 * e) / (2 * e * mu + N)))


@pytest.mark.parametrize("schedule", ALL, ids=repr)
@given(progress=st.floats(0, 1), n_epochs=st.integers(1, 1000))
def test_within_its_bounds(schedule, progress, n_epochs):
    value = schedule(progress * n_epochs, n_epochs)
    low, high = schedule.bounds
    assert isinstance(value, float) and low - 1e-12 <= value <= high + 1e-12


@pytest.mark.parametrize("schedule", [s for s in ALL if not isinstance(s, (Constant, Oscillating)) and s != WarmupCosine(0.1)], ids=repr)
def test_monotone(schedule):
    values = [schedule(i / 10, 20) for i in range(201)]
    ups = sorted(values) == values
    assert ups if isinstance(schedule, CubicSparsity) else sorted(values, reverse=True) == values


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_calls_outside_the_run_are_errors(schedule):
    for epoch, n_epochs in ((-1, 10), (10.5, 10), (0, 0), (float("nan"), 10), (0, float("inf"))):
        with pytest.raises(ValueError, match="0 <= epoch <= n_epochs"):
            schedule(epoch, n_epochs)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_frozen_equal_hashable(schedule):
    with pytest.raises((FrozenInstanceError, AttributeError)):
        schedule.start = 1
    assert schedule in set(ALL)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(-0.1),
        lambda: Constant(float("nan")),
        lambda: ExponentialDecay(-1, 0.1),
        lambda: ExponentialDecay(0.3, 1),
        lambda: ExponentialDecay(0.3, interest=1.5),
        lambda: LinearDecrease(0.01, 0.3),
        lambda: LinearDecrease(0.3, -0.1),
        lambda: Oscillating(0.01, 0.3),
        lambda: Oscillating(0.3, 0.01, k=-1),
        lambda: CubicSparsity(0.9, 0.5),
        lambda: CubicSparsity(0, 1),
        lambda: CubicSparsity(0, 0.9, begin=-1),
        lambda: CubicSparsity(0, 0.9, begin=5, end=5),
        lambda: Annealed(0),
        lambda: Annealed(0.1, mu=-1),
        lambda: Annealed(0.1, until=0),
        lambda: Cosine(0.3, until=1.5),
        lambda: WarmupCosine(0),
        lambda: WarmupCosine(0.1, warmup=1),
        lambda: StepDecay(0.1, 0, 5),
        lambda: StepDecay(0.1, 0.5, 0),
    ],
)
def test_settings_are_checked_at_construction(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_types_are_checked():
    with pytest.raises(TypeError, match=r"Constant\.value"):
        Constant("0.3")
    with pytest.raises(TypeError, match=r"Oscillating\.k"):
        Oscillating(0.3, 0.01, k=1.5)


@pytest.mark.parametrize("schedule", [CubicSparsity(0, 0.9, end=30), CubicSparsity(0, 0.9, begin=20)], ids=repr)
def test_a_sparsity_that_the_run_cannot_reach_is_an_error(schedule):
    with pytest.raises(ValueError, match="n_epochs=20"):
        schedule(0, 20)


def test_as_schedule():
    assert as_schedule(0.3) == Constant(0.3)
    cosine = Cosine(0.3)
    assert as_schedule(cosine, "RigL.fraction", high=1) is cosine

    def own(epoch, n_epochs):
        return 0.1

    assert as_schedule(own) is own
    with pytest.raises(ValueError, match=r"SET\.zeta must be in \[0, 1\]; got 30\. Fractions, not percent"):
        as_schedule(30, "SET.zeta", high=1)
    with pytest.raises(ValueError, match=r"SET\.zeta"):
        as_schedule(LinearDecrease(1.2, 0), "SET.zeta", high=1)
    with pytest.raises(TypeError, match="lr must be a real number"):
        as_schedule("fast", "lr")
    with pytest.raises(TypeError, match="lr"):
        as_schedule(True, "lr")


def test_a_schedule_of_your_own():
    class Half(Schedule):
        bounds = (0.5, 0.5)

        def at(self, epoch, n_epochs):
            return 0.5

    assert as_schedule(Half(), high=1)(1, 2) == 0.5


@given(n_steps=st.integers(1, 10_000), n_epochs=st.integers(1, 1000), warmup=st.floats(0, 0.99), step=st.floats(0, 1))
def test_warmup_cosine_is_zero_at_no_step(n_steps, n_epochs, warmup, step):
    rate = WarmupCosine(0.1, warmup)
    epoch = n_epochs - 1 / n_steps
    assert rate(epoch, n_epochs) > 0 and rate(0, n_epochs) > 0 and rate(step * epoch, n_epochs) > 0


def test_a_learning_rate_lasts_the_whole_run():
    for lr in (sm.SGD(lr=Cosine(0.1)).lr, sm.Adam(lr=Cosine(0.1)).lr, sm.LearningRateSchedule(Cosine(0.1)).schedule):
        assert lr == Cosine(0.1, until=1)
    assert sm.SET(zeta=Cosine(0.3)).zeta_at(80, 100) == 0
    assert sm.SGD(lr=Cosine(0.1, until=0.5)).lr == Cosine(0.1, until=0.5)  # who says so means it, and old files load
    assert as_learning_rate(0.1) == 0.1
    with pytest.raises(ValueError, match="positive at some time"):
        sm.SGD(lr=Constant(0))
    with pytest.raises(ValueError, match=r"Adam\.lr must be in \(0"):
        sm.Adam(lr=0)


def test_a_run_with_warmup_cosine_goes_on_to_the_same_bits(tmp_path):
    X, y = np.random.default_rng(0).standard_normal((64, 6)).astype(np.float32), np.arange(64) % 3

    def trainer():
        return sm.Trainer(sm.MLP([6, 12, 3], density=0.5, seed=0), optimizer=sm.SGD(lr=WarmupCosine(0.1), momentum=0.9))

    class Stop(sm.Callback):
        def on_epoch_end(self, trainer, record):
            trainer.stop_training = "enough" if trainer.epoch == 2 else None

    whole, part = trainer(), trainer()
    whole.fit(X, y, epochs=4, batch_size=16)
    part.callbacks = [Stop()]
    part.fit(X, y, epochs=4, batch_size=16)
    sm.save(tmp_path / "run.sm", part)
    again = sm.load(tmp_path / "run.sm")
    assert again.lr == WarmupCosine(0.1)
    again.fit(X, y, epochs=4, batch_size=16, resume=True)
    np.testing.assert_array_equal(again.network.predict_proba(X), whole.network.predict_proba(X))
