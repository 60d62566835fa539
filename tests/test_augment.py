"""Augmentation: against SciPy and a naive twin, its limits, its independence of batches and threads, and what fit does with it."""

import math

import numba
import numpy as np
import pytest
import scipy.ndimage
import scipy.sparse
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import sparsemlp as sm
from sparsemlp.engine.augmented_batches import AugmentedRows
from sparsemlp.engine.plan import Plan
from sparsemlp.kernels import augment
from sparsemlp.kernels.simd import WIDTH

from . import naive_augment as naive

compiled = settings(deadline=None, max_examples=60)
sides = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)
PAPER = (math.radians(10), 0.005, 0.5)


@numba.njit
def warp(image, m, channels, height, width, out):
    augment.warp(image, m, channels, height, width, out)


@numba.njit
def draw_map(key, sample, limits, height, width, m):
    augment.draw_map(key, sample, limits, height, width, m)


def kernel_rows(X, samples, key, limits, shape, mean, scale, dtype=np.float32):
    out = np.full((len(samples), X.shape[1]), np.nan, dtype)
    maps, scratch = np.empty((1, 6)), np.empty((1, X.shape[1]), dtype)
    augment.augment_rows.serial(WIDTH[16], 1, X, samples, samples, key, limits, shape, mean, scale, out, maps, scratch)
    return out


@compiled
@given(seeds, st.integers(1, 3), sides, sides, st.sampled_from([0.1, 1, 3]))
def test_warp_is_scipys_affine_transform(seed, channels, height, width, spread):
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((channels, height, width))
    m = rng.normal(0, spread, (2, 3))
    m[:, 2] *= max(height, width)
    out = np.empty(image.size)
    warp(image.ravel(), m.ravel(), channels, height, width, out)
    wanted = [scipy.ndimage.affine_transform(i, m[:, :2], m[:, 2], order=1, mode="nearest") for i in image]
    np.testing.assert_allclose(out.reshape(image.shape), wanted, atol=1e-10)


@compiled
@given(
    seeds,
    st.tuples(st.integers(1, 3), sides, sides),
    st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
    st.sampled_from([np.float32, np.float64]),
    st.tuples(st.floats(0, math.pi), st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])),
)
def test_rows_are_those_of_the_naive_twin(seed, shape, stored, dtype, limits):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (7, math.prod(shape))).astype(stored)
    mean, scale = rng.uniform(0, 255, X.shape[1]), rng.uniform(0, 0.02, X.shape[1])
    samples, key = rng.integers(0, 7, 5), int(rng.integers(0, 2**63))
    out = kernel_rows(X, samples, key, limits, shape, mean, scale, dtype)
    wanted = naive.augment_rows(X, samples, key, limits, shape, mean, scale)
    np.testing.assert_allclose(out, wanted, atol=2e-4 if dtype == np.float32 else 1e-10)


def test_without_moves_it_is_the_standardizer_bit_for_bit():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (50, 3 * 5 * 7), dtype=np.uint8)
    standardizer = sm.datasets.Standardizer.fit(X)
    samples = np.arange(50)
    out = kernel_rows(X, samples, 1, (0.0, 0.0, 0.0), (3, 5, 7), standardizer.mean, standardizer.scale)
    assert np.array_equal(out, standardizer(X))
    flipped = kernel_rows(X, samples, 1, (0.0, 0.0, 1.0), (3, 5, 7), standardizer.mean, standardizer.scale)
    np.testing.assert_array_equal(flipped.reshape(50, 3, 5, 7), out.reshape(50, 3, 5, 7)[..., ::-1])


def test_rotation_is_about_the_centre():
    image = np.random.default_rng(0).standard_normal((9, 9))
    m, out = np.empty(6), np.empty(81)
    draw_map(7, 3, (math.radians(10), 0.0, 0.0), 9, 9, m)
    warp(image.ravel(), m, 1, 9, 9, out)
    angle = math.degrees(math.asin(m[3]))
    wanted = scipy.ndimage.rotate(image, -angle, reshape=False, order=1, mode="nearest")
    np.testing.assert_allclose(out.reshape(9, 9), wanted, atol=1e-12)


def test_draws_are_uniform_within_the_limits():
    angles, down, right, flips = [], [], [], []
    m = np.empty(6)
    for sample in range(4000):
        draw_map(11, sample, (math.radians(10), 0.25, 0.5), 28, 14, m)
        flips.append(m[1] * m[3] > 0)
        angles.append(math.degrees(math.asin(m[3])))
        matrix, offset = m.reshape(2, 3)[:, :2].copy(), m[[2, 5]].copy()
        if flips[-1]:  # undo it
            matrix[:, 1] *= -1
            offset -= matrix[:, 1] * 13
        middle = np.array([13.5, 6.5])
        shift = np.linalg.solve(matrix, offset - middle) + middle
        down.append(shift[0]), right.append(shift[1])
    for values, limit in ((angles, 10), (down, 7), (right, 3.5)):
        assert np.abs(values).max() <= limit * (1 + 1e-12)
        assert scipy.stats.kstest(values, scipy.stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-3
    assert 0.46 < np.mean(flips) < 0.54
    assert np.abs(np.corrcoef([angles, down, right, flips]) - np.eye(4)).max() < 0.06


def test_a_samples_map_depends_on_key_and_sample_alone():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 64)).astype(np.float32)
    args = PAPER, (1, 8, 8), np.zeros(64), np.ones(64)
    whole = kernel_rows(X, np.arange(20), 5, *args)
    some = np.array([13, 2, 13, 19])
    np.testing.assert_array_equal(kernel_rows(X, some, 5, *args), whole[some])
    assert not np.array_equal(kernel_rows(X, np.arange(20), 6, *args), whole)


def train(X, y, threads, *, dtype="float32", epochs=2, resume_at=None, **kwargs):
    sm.set_num_threads(threads)
    try:
        net = sm.MLP([64, 50, 10], density=0.3, dropout=0.2, seed=4, dtype=dtype)
        trainer = sm.Trainer(net, policy=sm.SET())
        if resume_at:
            stop = sm.Callback()
            stop.on_epoch_end = lambda trainer, record: setattr(trainer, "stop_training", "now" if trainer.epoch == resume_at else None)
            trainer.callbacks.append(stop)
            trainer.fit(X, y, epochs, 30, **kwargs)
            trainer.callbacks.clear()
        trainer.fit(X, y, epochs, 30, resume=bool(resume_at), **kwargs)
    finally:
        sm.set_num_threads(None)
    return net.layers[0].weights.csr.toarray(), trainer.history


@pytest.fixture(scope="module")
def digits():
    X, y, _, _ = sm.datasets.load("digits")
    standardizer = sm.datasets.Standardizer.fit(X)
    return X[:80], y[:80], sm.datasets.Augmentation((8, 8), standardizer=standardizer)


def test_same_bits_whatever_the_threads_and_when_resumed(digits):
    X, y, augmentation = digits
    one, _ = train(X, y, 1, augment=augmentation)
    for threads in range(2, min(4, numba.config.NUMBA_NUM_THREADS) + 1):
        np.testing.assert_array_equal(train(X, y, threads, augment=augmentation)[0], one)
    np.testing.assert_array_equal(train(X, y, 1, augment=augmentation, resume_at=1)[0], one)
    assert not np.array_equal(train(X, y, 1, augment=sm.datasets.Augmentation((8, 8)))[0], one)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layout_and_dtype_of_the_rows_change_nothing(digits, dtype):
    X, y, augmentation = digits
    wanted, _ = train(X, y, 1, dtype=dtype, augment=augmentation)
    for other in (np.asfortranarray(X), X.astype(np.float16), X.astype(np.int32), X.astype(">f4")):
        np.testing.assert_array_equal(train(other, y, 1, dtype=dtype, augment=augmentation)[0], wanted)


def test_an_augmentation_that_does_nothing_is_none(digits):
    X, y, augmentation = digits
    still = sm.datasets.Augmentation((8, 8), rotation=0, shift=0, flip=False, standardizer=augmentation.standardizer)
    np.testing.assert_array_equal(train(X, y, 1, augment=still)[0], train(augmentation.standardizer(X), y, 1)[0])


def test_nothing_is_allocated_after_the_first_batch(digits):
    X, _, augmentation = digits
    net = sm.MLP([64, 50, 10], density=0.3, seed=0)
    source = AugmentedRows(X, 64, augmentation)
    plan = Plan(net, 30, 30, output_activation="identity", training=True)
    source.fill(plan, np.arange(30))
    buffers = source._augmented, source._maps, source._scratch
    first = plan.activations[0].copy()
    source.fill(plan, np.arange(30, 60))
    assert all(a is b for a, b in zip(buffers, (source._augmented, source._maps, source._scratch), strict=True))
    assert not np.array_equal(first, plan.activations[0])


def test_errors_before_training(digits):
    X, y, augmentation = digits
    trainer = sm.Trainer(sm.MLP([64, 50, 10], density=0.3, seed=0))
    with pytest.raises(ValueError, match=r"image_shape \(4, 4\) must make the 64 features"):
        trainer.fit(X, y, 1, augment=sm.datasets.Augmentation((4, 4)))
    with pytest.raises(TypeError, match="dense X"):
        trainer.fit(scipy.sparse.csr_array(X), y, 1, augment=augmentation)
    with pytest.raises(TypeError, match="augment must be like"):
        trainer.fit(X, y, 1, augment=True)
    with pytest.raises(ValueError, match="16 features of image_shape"):
        sm.datasets.Augmentation((4, 4), rotation=5, standardizer=sm.datasets.Standardizer(np.zeros(64), np.ones(64)))
    shapes = [{"image_shape": shape} for shape in ((28,), (0, 28), 784)]
    for wrong in (*shapes, {"rotation": 181}, {"rotation": -1}, {"shift": 2}):
        with pytest.raises(ValueError, match=r"Augmentation\."):
            sm.datasets.Augmentation(**{"image_shape": (28, 28), **wrong})
    for wrong in ({"flip": 1}, {"rotation": "10"}, {"standardizer": (0, 1)}):
        with pytest.raises(TypeError, match=r"Augmentation\."):
            sm.datasets.Augmentation((28, 28), **wrong)
