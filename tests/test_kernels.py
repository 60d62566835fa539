"""The kernels against their naive twins: empty rows, empty and full layers, odd batches, several blocks, both dtypes, threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsemlp.engine.threads import get_num_threads
from sparsemlp.kernels import backward, forward, index, losses, simd, tiles, update

from . import naive

LANES = 16
THREADS = [n for n in (1, 2, 4) if n <= get_num_threads()]


def rounding(dtype, terms, size):
    """The largest error of a sum of so many products of numbers up to `size`."""
    return 4 * (terms + 8) * np.finfo(dtype).eps * size


class Case:
    """One layer, its index, a batch in tiles, and the arguments of its kernels."""

    def __init__(self, n_in, n_out, density, n_batch, dtype, seed, block=None, lanes=LANES):
        rng = np.random.default_rng(seed)
        self.mask = rng.random((n_in, n_out)) < density
        self.matrix = np.where(self.mask, rng.uniform(-1, 1, (n_in, n_out)), 0).astype(dtype)
        self.x, self.dy = (rng.uniform(-1, 1, (n, n_batch)).astype(dtype) for n in (n_in, n_out))
        self.bias = rng.uniform(-1, 1, n_out).astype(dtype)
        self.dtype, self.n_batch, self.lanes, self.shape = dtype, n_batch, lanes, (n_in, n_out)
        self.w = simd.WIDTH[lanes]
        i, j = np.nonzero(self.mask)
        self.indptr = np.searchsorted(i, np.arange(n_in + 1)).astype(np.int32)
        self.indices, self.data = j.astype(np.int32), self.matrix[i, j].copy()
        self.perm, self.inputs, out_ptr = (a.astype(np.int32) for a in naive.transpose_index(self.indptr, self.indices, n_out))
        self.block = block or max(n_in, n_out)
        self.out_ptr = naive.block_pointers(out_ptr, self.inputs, self.block, -(-n_in // self.block)).astype(np.uint32)
        self.in_ptr = naive.block_pointers(self.indptr, self.indices, self.block, -(-n_out // self.block)).astype(np.uint32)

    def tiled(self, a):
        return np.ascontiguousarray(naive.to_tiles(a.T, np.arange(self.n_batch), self.lanes).astype(self.dtype))

    def untiled(self, a):
        return naive.from_tiles(a, self.n_batch).T

    def epilogue(self, activation, threshold):
        keep = threshold / 2**32 if threshold else 1.0
        return np.array([activation, threshold, 12345, 0], np.int64), np.array([0.1, 1 / keep, keep], self.dtype)

    def forward(self, n_threads, activation=1, threshold=0, kernel=forward.forward):
        x = self.tiled(self.x)
        y = np.full((len(x), self.shape[1], self.lanes), np.nan, self.dtype)
        chunks = np.unique(np.linspace(0, self.shape[1], 6).astype(np.int64))
        ticket = np.zeros(8 * (n_threads + len(x) * 8), np.int64)
        ints, reals = self.epilogue(activation, threshold)
        kernel(self.w, n_threads, x, y, self.bias, self.data, self.perm.view(np.uint32), self.inputs.view(np.uint32), self.out_ptr,
               self.block, chunks, ticket, ints, reals)  # fmt: skip
        return self.untiled(y)

    def backward(self, n_threads, activation=1, threshold=0, need_dx=True, groups=1, slots=3, kernel=backward.backward, in_place=False):
        x, dy = self.tiled(self.x), self.tiled(self.dy)
        n_in, n_out = self.shape
        dx = x if in_place else np.full((len(x), n_in, self.lanes) if need_dx else (0, 0, self.lanes), np.nan, self.dtype)
        dbias_in = np.full(n_in if need_dx else 0, np.nan, self.dtype)
        data, bias, dbias = self.data.copy(), self.bias.copy(), self.dy.sum(axis=1)
        state, bias_state = np.full((1, data.size), np.nan, self.dtype), np.full((1, n_out), np.nan, self.dtype)
        chunks = np.unique(np.linspace(0, n_in, 6).astype(np.int64))
        groups = min(groups, len(x))
        parts = -(-n_threads // groups)
        ticket = np.zeros(8 * (groups * (parts + 8) + 2 * parts * slots), np.int64)
        scratch = np.full((groups, parts, slots, data.size + n_in + 4), np.nan, self.dtype)
        hyper = np.zeros(9, self.dtype)
        kernel(self.w, n_threads, x, dy, dx, dbias_in, data, self.indices.view(np.uint32), self.in_ptr, self.block, chunks, ticket, state,
               bias, dbias, bias_state, scratch, *self.epilogue(activation, threshold), 0, hyper, hyper)  # fmt: skip
        return (self.untiled(dx) if need_dx else None), dbias_in, state[0], bias_state[0]

    def check(self, activation=1, threshold=0, n_threads=1, groups=1, slots=3, **kernels):
        n_in, n_out = self.shape
        _, reals = self.epilogue(activation, threshold)
        extra = {"threshold": threshold, "key": 12345, "scale": 1 / (threshold / 2**32) if threshold else 1.0}
        y = self.forward(n_threads, activation, threshold, **{k: v for k, v in kernels.items() if k == "kernel"})
        want = naive.forward(self.x, self.matrix, self.bias, activation, 0.1, **extra)
        np.testing.assert_allclose(y, want, rtol=0, atol=rounding(self.dtype, n_in, extra["scale"]))
        dx, dbias, dw, db = self.backward(n_threads, activation, threshold, groups=groups, slots=slots)
        want = naive.backward(self.x, self.dy, self.matrix, activation, 0.1, keep=float(reals[2]), **extra)
        np.testing.assert_allclose(dx, want[0], rtol=0, atol=rounding(self.dtype, n_out, extra["scale"]))
        np.testing.assert_allclose(dbias, want[1], rtol=0, atol=rounding(self.dtype, n_out + self.n_batch, extra["scale"] * self.n_batch))
        np.testing.assert_allclose(dw, want[2][self.mask], rtol=0, atol=rounding(self.dtype, self.n_batch, 1))
        np.testing.assert_allclose(db, want[3], rtol=0, atol=rounding(self.dtype, self.n_batch, self.n_batch))


layers = st.builds(
    Case,
    n_in=st.integers(1, 40),
    n_out=st.integers(1, 40),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    n_batch=st.integers(1, 50),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**16),
    block=st.sampled_from([None, 3, 16]),
)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(layers, st.integers(0, 4), st.sampled_from([0, 2**31]), st.sampled_from(THREADS), st.integers(1, 3), st.sampled_from([1, 3]))
def test_forward_and_backward(case, activation, threshold, n_threads, groups, slots):
    case.check(activation, threshold, n_threads, groups, slots)


@pytest.mark.parametrize("lanes", [8, 32, 64, 128])
def test_every_width(lanes):
    Case(30, 20, 0.4, 150, np.float32, 1, lanes=lanes).check(threshold=2**31)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("block", [None, 5])
def test_any_number_of_threads_gives_the_same_bits(block, groups):
    case = Case(60, 50, 0.3, 45, np.float32, 2, block=block)
    y = case.forward(1, 3, 2**31, kernel=forward.forward.serial)
    back = case.backward(1, 3, 2**31, groups=groups, kernel=backward.backward.serial)
    for n in THREADS:
        np.testing.assert_array_equal(case.forward(n, 3, 2**31), y)
        for slots in (1, 2, 5):
            for a, b in zip(case.backward(n, 3, 2**31, groups=groups, slots=slots), back, strict=True):
                np.testing.assert_array_equal(a, b)


def test_first_layer_needs_no_dx():
    case = Case(20, 30, 0.3, 21, np.float64, 3)
    np.testing.assert_array_equal(case.backward(1, need_dx=False)[2], case.backward(1)[2])


@settings(deadline=None, max_examples=30, derandomize=True)
@given(layers.filter(lambda case: case.block >= max(case.shape)), st.integers(0, 4), st.sampled_from([0, 2**31]), st.sampled_from(THREADS))
def test_gradients_may_overwrite_the_activations(case, activation, threshold, n_threads):
    apart, same = (case.backward(n_threads, activation, threshold, groups=2, in_place=p) for p in (False, True))
    for a, b in zip(apart, same, strict=True):
        np.testing.assert_array_equal(a, b)


def test_relu_lets_nan_through():
    case = Case(5, 4, 1.0, 7, np.float32, 4)
    case.x[2, 3] = np.nan
    y = case.forward(1)
    assert np.isnan(y[:, 3]).all() and np.isfinite(np.delete(y, 3, axis=1)).all()


HYPER = {
    1: {"lr": 0.1, "l2": 0.01},
    2: {"lr": 0.1, "momentum": 0.9, "l2": 0.01, "nesterov": 1.0},
    3: {"lr": 0.1, "momentum": 0.9, "beta2": 0.99, "eps": 1e-8, "l2": 0.01, "decay": 0.95, "scale1": 2.0, "scale2": 3.0},
    4: {"lr": 0.1, "beta2": 0.9, "eps": 1e-8, "l2": 0.01},
    0: {"lr": 0.1},
}


@pytest.mark.parametrize("rule", HYPER)
def test_update(rule):
    rng = np.random.default_rng(5)
    p, g, state = rng.standard_normal(103), rng.standard_normal(103), rng.random((2, 103))
    names = ("lr", "momentum", "beta2", "eps", "l2", "decay", "scale1", "scale2", "nesterov")
    h = np.array([{"decay": 1.0, "scale1": 1.0, "scale2": 1.0, **HYPER[rule]}.get(k, 0.0) for k in names])
    want_p, want_state = naive.update(p, g, state, rule, **HYPER[rule])
    for call in (update.update_all, update.update_all.serial):
        got_p, got_state = p.copy(), state.copy()
        call(simd.WIDTH[16], 2, got_p, g, got_state, rule, h)
        np.testing.assert_allclose(got_p, want_p, rtol=1e-13)
        np.testing.assert_allclose(got_state[: len(want_state)], want_state, rtol=1e-13)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(1, 70), st.integers(1, 50), st.sampled_from(["float32", "uint8", "int64"]), st.integers(0, 99))
def test_tiles(n_batch, n_features, dtype, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 100, (80, n_features)).astype(dtype)
    rows = rng.permutation(80)[:n_batch]
    want = naive.to_tiles(X, rows, 16)
    for kernel, n in ((tiles.to_tiles, THREADS[-1]), (tiles.to_tiles.serial, 1)):
        x = np.full(want.shape, np.nan, np.float32)
        kernel(simd.WIDTH[16], n, simd.WIDTH[16], X, rows, x, np.zeros((n, 16), np.int64))
        np.testing.assert_array_equal(x, want)
    back = np.empty((n_batch, n_features), np.float32)
    tiles.from_tiles(simd.WIDTH[16], x, back)
    np.testing.assert_array_equal(back, X[rows])


def _loss_case(n_out, n_batch, seed):
    rng = np.random.default_rng(seed)
    z, scale = 5 * rng.standard_normal((n_out, n_batch)), rng.random(n_batch)
    zt = np.ascontiguousarray(naive.to_tiles(z.T, np.arange(n_batch), 16))
    out = (np.full_like(zt, np.nan), np.full(n_out, np.nan))
    return rng, z, scale / scale.sum(), zt, out, np.empty((len(zt), 16)), np.zeros(2)


def _check_loss(out, n_batch, want, stats):
    dz, dbias = out
    np.testing.assert_allclose(naive.from_tiles(dz, n_batch).T, want[1], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(dbias, want[1].sum(axis=1), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(stats[0], want[0], rtol=1e-10)
    assert naive.from_tiles(dz, dz.shape[0] * 16)[n_batch:].any() == False  # noqa: E712  the padding lanes are zero
    if len(want) > 2:
        assert stats[1] == want[2]


@settings(deadline=None, max_examples=20, derandomize=True)
@given(st.integers(2, 12), st.integers(1, 40), st.integers(0, 99))
def test_softmax_cross_entropy(n_out, n_batch, seed):
    rng, z, scale, zt, out, spare, stats = _loss_case(n_out, n_batch, seed)
    labels = rng.integers(0, n_out, n_batch)
    losses.softmax_cross_entropy(simd.WIDTH[16], zt, *out, labels, scale, spare, stats)
    _check_loss(out, n_batch, naive.softmax_cross_entropy(z, labels, scale), stats)


@settings(deadline=None, max_examples=20, derandomize=True)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 99), st.booleans())
def test_squared_error(n_out, n_batch, seed, sigmoid):
    rng, z, scale, zt, out, spare, stats = _loss_case(n_out, n_batch, seed)
    target, rows = rng.random((50, n_out)), rng.permutation(50)[:n_batch]
    losses.squared_error(simd.WIDTH[16], 3 if sigmoid else 0, zt, *out, target, rows, scale, spare, stats)
    _check_loss(out, n_batch, naive.squared_error(z, target[rows], scale, sigmoid=sigmoid), stats)


@settings(deadline=None, max_examples=20, derandomize=True)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 99))
def test_binary_cross_entropy(n_out, n_batch, seed):
    rng, z, scale, zt, out, spare, stats = _loss_case(n_out, n_batch, seed)
    target, rows = rng.random((50, n_out)), rng.permutation(50)[:n_batch]
    losses.binary_cross_entropy(simd.WIDTH[16], zt, *out, target, rows, scale, spare, stats)
    _check_loss(out, n_batch, naive.binary_cross_entropy(z, target[rows], scale), stats)


def test_tiny_gradients_become_zero():
    z = np.zeros((1, 2, 16), np.float32)
    z[0, 0] = 200.0
    dz, stats = np.empty_like(z), np.zeros(2)
    labels, scale = np.zeros(16, np.int64), np.full(16, 1 / 16, np.float32)
    losses.softmax_cross_entropy(simd.WIDTH[16], z, dz, np.empty(2, np.float32), labels, scale, np.empty((1, 16), np.float32), stats)
    assert not dz.any() and stats[1] == 16


@settings(deadline=None, max_examples=30, derandomize=True)
@given(layers)
def test_index(case):
    perm, inputs = np.empty_like(case.indices), np.empty_like(case.indices)
    out_ptr = np.empty(case.shape[1] + 1, np.int32)
    index.transpose_index(simd.WIDTH[16], case.indptr, case.indices, perm, inputs, out_ptr)
    for got, want in zip((perm, inputs, out_ptr), naive.transpose_index(case.indptr, case.indices, case.shape[1]), strict=True):
        np.testing.assert_array_equal(got, want)
    ptr = np.empty_like(case.in_ptr)
    index.block_pointers(simd.WIDTH[16], case.indptr, case.indices, case.block, ptr)
    np.testing.assert_array_equal(ptr, case.in_ptr)


def test_a_loss_beyond_the_range_of_exp_is_right():
    """In float32 exp(-104) is 0: the loss of a sample that is wrong by 500 must not come from its logarithm."""
    z = np.zeros((1, 3, 16), np.float32)
    z[0, 0], z[0, 1, 5] = 500.0, 501.0
    dz, stats = np.empty_like(z), np.zeros(2)
    labels, scale = np.full(16, 2, np.int64), np.full(16, 1 / 16, np.float32)
    losses.softmax_cross_entropy(simd.WIDTH[16], z, dz, np.empty(3, np.float32), labels, scale, np.empty((1, 16), np.float32), stats)
    assert stats[0] == pytest.approx(naive.softmax_cross_entropy(z[0], labels, scale)[0], rel=1e-6)
