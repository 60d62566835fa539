"""Initializers: the formulas, and that the draws have the mean, deviation and support they claim."""

import tracemalloc
from math import sqrt

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.initializers import Glorot, He, Initializer, Normal, Zeros, for_activation


def test_scale_follows_the_actual_fan_in():
    # 1000 x 500 units, 20,000 connections: 40 per output unit, 20 per input unit
    assert He().std(1000, 500, 20_000) == sqrt(2 / 40)
    assert He(slope=0.5).std(1000, 500, 20_000) == sqrt(2 / (1.25 * 40))
    assert Glorot().std(1000, 500, 20_000) == sqrt(2 / 60)
    assert Normal(0.3).std(1000, 500, 20_000) == 0.3
    # full layers: the textbook rule
    assert He().std(784, 100, 78_400) == sqrt(2 / 784)
    assert Glorot().std(784, 100, 78_400) == sqrt(2 / 884)


def test_dense_fans_ignore_the_mask():
    assert He(fans="dense").std(1000, 500, 20_000) == He().std(1000, 500, 500_000) == sqrt(2 / 1000)
    assert Glorot(fans="dense").std(1000, 500, 20_000) == sqrt(2 / 1500)
    weights = Glorot("uniform", "dense").sample(np.random.default_rng(0), 20_000, 1000, 500, 20_000)
    limit = sqrt(6 / 1500)  # Keras' glorot_uniform
    assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
    for rule in (He, Glorot):
        with pytest.raises(ValueError, match="fans"):
            rule(fans="sparse")


def test_dense_fans_are_saved(tmp_path):
    net = sm.MLP([20, 10, 5], density=0.2, initializer=Glorot("uniform", "dense"), seed=0)
    sm.save(tmp_path / "net.sm", net)
    assert sm.load(tmp_path / "net.sm").layers[0].initializer == Glorot("uniform", "dense")


def test_fewer_connections_than_units():
    """Most units have none; those that have any have at least one, and that is the fan-in that counts."""
    assert He().std(1000, 1000, 10) == sqrt(2)
    assert Glorot().std(1000, 1000, 10) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("rule", [He, Glorot, lambda distribution: Normal(0.05, distribution)])
def test_draws(rule, distribution, dtype):
    n = 200_000
    initializer = rule(distribution=distribution)
    std = initializer.std(2000, 1000, n)
    weights = initializer.sample(np.random.default_rng(0), n, 2000, 1000, n, dtype)
    assert weights.dtype == dtype and weights.shape == (n,)
    assert abs(weights.mean()) < 4 * std / sqrt(n)
    assert weights.std() == pytest.approx(std, rel=0.01)
    if distribution == "uniform":
        assert np.abs(weights).max() <= sqrt(3) * std * (1 + 1e-6)
        assert np.abs(weights).max() > sqrt(3) * std * 0.999
    else:
        assert np.mean(np.abs(weights) < std) == pytest.approx(0.6827, abs=0.005)


def test_new_connections_follow_the_rule_of_the_layer():
    grown = He().sample(np.random.default_rng(0), 50_000, 100, 100, 1000)
    assert grown.std() == pytest.approx(sqrt(2 / 10), rel=0.02)


def test_same_generator_same_bits():
    a, b = (He().sample(np.random.default_rng(7), 100, 10, 10, 100) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert He().sample(np.random.default_rng(7), 0, 10, 10, 100).shape == (0,)


def test_zeros_draws_nothing():
    rng = np.random.default_rng(0)
    weights = Zeros().sample(rng, 5, 10, 10, 100, np.float64)
    np.testing.assert_array_equal(weights, np.zeros(5))
    assert weights.dtype == np.float64
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_float32_takes_no_float64_array(distribution):
    tracemalloc.start()
    He(distribution=distribution).sample(np.random.default_rng(0), 1_000_000, 1000, 1000, 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4.1e6


def test_defaults_of_the_activations():
    assert for_activation("relu") == He()
    assert for_activation("leaky_relu", 0.2) == He(slope=0.2)
    for name in ("sigmoid", "tanh", "identity", "softmax"):
        assert for_activation(name) == Glorot()
    with pytest.raises(ValueError, match="activation must be one of 'relu'"):
        for_activation("gelu")


def test_settings_are_checked():
    with pytest.raises(ValueError, match=r"He\.distribution"):
        He(distribution="cauchy")
    with pytest.raises(ValueError, match=r"Glorot\.distribution"):
        Glorot("gaussian")
    with pytest.raises(ValueError, match=r"Normal\.scale"):
        Normal(-1)
    with pytest.raises(ValueError, match=r"He\.slope"):
        He(slope=float("inf"))
    with pytest.raises(TypeError, match=r"Normal\.scale"):
        Normal("0.1")
    with pytest.raises(TypeError, match="abstract.*std"):
        Initializer()
