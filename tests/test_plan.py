"""How wide the tiles of a plan are, and which memory its gradients take."""

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.engine.plan import choose_lanes, widest_tile
from sparsemlp.kernels.simd import REGISTER_BYTES
from sparsemlp.layers import linear

WIDE = 128 if REGISTER_BYTES >= 64 else 64


@pytest.mark.parametrize(
    "n_batch, widest, lanes",
    [
        (1, 64, 8),
        (9, 64, 16),
        (33, 64, 64),
        (64, 64, 64),
        (65, 64, 64),
        (512, 64, 64),
        (65, 128, 128),
        (128, 128, 128),
        (300, 128, 64),
        (256, 128, 128),
    ],
)
def test_lanes(n_batch, widest, lanes):
    assert choose_lanes(n_batch, widest) == lanes


@pytest.mark.parametrize(
    "width, topology, itemsize, widest",
    [
        (400, sm.Uniform(0.05), 4, 64),
        (400, sm.Uniform(0.2), 4, WIDE),
        (1100, sm.Uniform(0.2), 4, 64),
        (1100, sm.Uniform(0.4), 4, WIDE),
        (600, sm.Uniform(0.2), 8, 64),
        (100, sm.Dense(), 4, 128),
    ],
)
def test_widest_tile(width, topology, itemsize, widest):
    layers = sm.MLP([20, width, width, 10], topology=topology, seed=0).layers
    assert widest_tile(layers, itemsize) == widest


def trained(policy, X, y):
    """A net with a sparse, a dense and two sparse layers, its gradients' bytes by layer, and the weights after some steps."""
    topology = [sm.Uniform(0.3), sm.Dense(), sm.Uniform(0.5), sm.Uniform(0.5)]
    net = sm.MLP([X.shape[1], 40, 30, 20, 5], topology=topology, activation="tanh", dropout=0.2, seed=0)
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.1, momentum=0.9), policy=policy)
    for n in (len(X), len(X) - 7, len(X)):
        trainer.train_step(X[:n], y[:n])
    plan = trainer.stepper.plan(len(X), len(X))
    of = [plan.gradient_bytes(k) for k in range(4)]
    assert sm.memory_report(trainer).buffers["gradients"] >= sum(of) > 0
    return of, [layer.weights.data.copy() for layer in net.layers]


def test_gradients_overwrite_activations_unless_a_policy_looks_at_them():
    """Below a sparse layer; a dense one needs its inputs to the end. The bits are those of separate arrays."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((90, 12)), rng.integers(0, 5, 90)
    shared, weights = trained(sm.Static(), X, y)
    apart, kept = trained(sm.RigL(every=10**6), X, y)
    assert [b == 0 for b in shared] == [False, True, True, False]
    assert all(apart)
    for a, b in zip(weights, kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_new_policy_gets_the_buffers_it_needs():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((64, 12)), rng.integers(0, 5, 64)
    net = sm.MLP([12, 40, 30, 5], density=0.3, seed=0)
    trainer = sm.Trainer(net, policy=sm.Static())
    trainer.fit(X, y, epochs=1, batch_size=64)
    trainer.policy = sm.RigL(every=1)
    trainer.fit(X, y, epochs=2, batch_size=64)
    assert all(trainer.stepper.plan(64, 64).gradient_bytes(k) for k in range(3))


def test_blocks():
    """Of the sizes, the first that a layer is dense enough for; where passes are several, gradients do not overwrite activations."""
    sizes = ((1024, 100, 8), (4096, 100, 4))
    assert linear.block_rows(100, 64, 100 * 64, 64, sizes) == 16
    assert linear.block_rows(100, 64, 100 * 16, 64, sizes) == 64
    assert linear.block_rows(100, 256, 100 * 16, 64, sizes) == 64
    assert linear.block_rows(100, 256, 100 * 15, 64, sizes) == 256
    assert linear.block_rows(100, 300, 100 * 16, 32, sizes) == 100
    wide = sm.MLP([10, 10, 40_000, 10], topology=[sm.Dense(), sm.Uniform(1.0), sm.Uniform(0.01)], seed=0).layers
    assert [layer.in_place(256) for layer in wide] == [False, False, True]
