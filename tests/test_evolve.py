"""The kernels that change a topology, against their naive twins; and that drawing is exactly uniform."""

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsemlp.kernels import rewrite as evolve
from sparsemlp.kernels import select
from sparsemlp.kernels.simd import WIDTH
from sparsemlp.policies.select import draw_empty, smallest_by_sign, smallest_magnitude
from sparsemlp.weights.sparse import SparseWeights

from . import naive_evolve as naive

W = WIDTH[16]
DTYPES = (np.float32, np.float64)
compiled = settings(deadline=None, max_examples=150)


def tricky_values(rng, n, dtype):
    """Ties, both zeros, denormals, neighbours in the last bit, infinities, and ordinary numbers."""
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    special = np.array([0, -0.0, 1, -1, np.nextafter(dtype(1), dtype(2)), tiny, -tiny, huge, -huge, np.inf, 0.5, -0.5], dtype)
    return np.where(rng.random(n) < 0.5, rng.choice(special, n), rng.standard_normal(n)).astype(dtype)


def random_layer(rng, n_in, n_out, density, dtype=np.float32, k=1):
    taken = rng.random((n_in, n_out)) < density
    indptr = np.concatenate([[0], np.cumsum(taken.sum(1))]).astype(np.int32)
    indices = np.nonzero(taken)[1].astype(np.int32)
    data = rng.standard_normal(indices.size).astype(dtype)
    weights = SparseWeights((n_in, n_out), indptr, indices, data)
    weights.allocate_state(k)
    weights.state[:] = rng.standard_normal(weights.state.shape)
    return weights


def some(rng, n, probability):
    return np.flatnonzero(rng.random(n) < probability).astype(np.int64)


layers = st.tuples(
    st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.sampled_from([0, 0.1, 0.5, 0.9, 1]), st.sampled_from([0, 0.3, 1])
)


@compiled
@given(st.integers(0, 2**32), st.integers(0, 60), st.sampled_from(DTYPES), st.floats(0, 1), st.floats(0, 1))
def test_smallest(seed, n, dtype, share, other_share):
    rng = np.random.default_rng(seed)
    values = tricky_values(rng, n, dtype)
    bits = values.view(np.uint32 if dtype == np.float32 else np.uint64)
    positive, negative = select.count_signs(W, bits)
    assert (positive, negative) == naive.count_signs(values)
    for by_sign, k in ((0, (int(share * n), 0)), (1, (int(share * positive), int(other_share * negative)))):
        out = np.full(sum(k), -1, np.int64)
        select.smallest(W, bits, by_sign, *k, out)
        assert out.tolist() == naive.smallest(values, by_sign, *k)


@pytest.mark.parametrize("dtype", DTYPES)
def test_smallest_of_many_equals_a_stable_sort(dtype):
    values = np.random.default_rng(0).standard_normal(50_000).astype(dtype)
    values[::7] = values[3]  # ties across the threshold
    for k in (0, 1, 12_345, 50_000):
        want = np.sort(np.argsort(np.abs(values), kind="stable")[:k])
        np.testing.assert_array_equal(smallest_magnitude(values, k), want)


def test_selection_checks_its_arguments():
    values = np.ones(4, np.float32)
    with pytest.raises(ValueError, match="k must be a whole number from 0 to 4; got 5"):
        smallest_magnitude(values, 5)
    with pytest.raises(ValueError, match=r"fraction must be in \[0, 1\]"):
        smallest_by_sign(values, 1.5)


@compiled
@given(st.integers(0, 2**64 - 1), st.one_of(st.integers(0, 40), st.integers(1, 2**62)), st.floats(0, 1))
def test_distinct(key, n, share):
    m = int(share * min(n, 60))
    out, scratch = np.full(m, -1, np.int64), np.empty(m, np.int64)
    select.distinct(W, np.uint64(key), n, out, scratch)
    assert out.tolist() == naive.distinct(key, n, m)


def test_distinct_of_many():
    n, m = 10**6, 300_000  # several digits, many repeated draws, several rounds
    out = np.empty(m, np.int64)
    select.distinct(W, np.uint64(7), n, out, np.empty(m, np.int64))
    assert out.tolist() == naive.distinct(7, n, m)


@compiled
@given(layers)
def test_nth_empty(case):
    seed, n_in, n_out, density, drop_share = case
    rng = np.random.default_rng(seed)
    w = random_layer(rng, n_in, n_out, density)
    dropped = (rng.random(w.n_connections) < drop_share).astype(np.uint8)
    n_empty = n_in * n_out - w.n_connections + int(dropped.sum())
    ranks = some(rng, n_empty, 0.5)
    want = naive.nth_empty(n_out, w.indptr, w.indices, dropped, ranks)
    w.indptr.flags.writeable = w.indices.flags.writeable = False
    select.nth_empty(W, n_out, w.indptr, w.indices, dropped, ranks)
    assert ranks.tolist() == want.tolist()


@compiled
@given(layers, st.sampled_from(["", "drop", "zero", "grow"]), st.integers(-3, 150))
def test_find_fault(case, spoiled, value):
    seed, n_in, n_out, density, drop_share = case
    rng = np.random.default_rng(seed)
    w = random_layer(rng, n_in, n_out, density)
    n = w.n_connections
    drop = some(rng, n, drop_share)
    zero = np.setdiff1d(some(rng, n, 0.2), drop)
    grow = np.setdiff1d(some(rng, n_in * n_out, 0.3), np.delete(naive.rows_of(w.indptr) * n_out + w.indices, drop))
    lists = {"drop": drop, "zero": zero, "grow": grow}
    if spoiled and lists[spoiled].size:
        lists[spoiled][rng.integers(lists[spoiled].size)] = value
    for array in lists.values():
        array.flags.writeable = False
    marks = np.full(max(n, n - drop.size + grow.size), 255, np.uint8)
    got = evolve.find_fault(W, n_out, w.indptr, w.indices, n, *lists.values(), marks, np.empty(n_out, np.int32))
    assert got == naive.find_fault(n_out, w.indptr, w.indices, n, *lists.values())


@compiled
@given(layers, st.sampled_from(DTYPES), st.integers(0, 2), st.sampled_from([0, 0.2, 1]), st.booleans())
def test_rewrite(case, dtype, k, grow_share, same_count):
    seed, n_in, n_out, density, drop_share = case
    rng = np.random.default_rng(seed)
    w = random_layer(rng, n_in, n_out, density, dtype, k)
    n = w.n_connections
    drop = some(rng, n, drop_share)
    zero = np.setdiff1d(some(rng, n, 0.2), drop)
    empty = np.setdiff1d(np.arange(n_in * n_out), np.delete(naive.rows_of(w.indptr) * n_out + w.indices, drop))
    m = drop.size if same_count else int(grow_share * empty.size)
    grow = np.sort(rng.choice(empty, m, replace=False)).astype(np.int64)
    values = rng.standard_normal(m).astype(dtype)
    flat, data, state = naive.rewrite(n_out, w.indptr, w.indices, w.data, w.state, drop, zero, grow, values)

    for array in (drop, zero, grow):
        array.flags.writeable = False
    n_kept, n_new = n - drop.size, n - drop.size + m
    marks = np.empty(max(n, n_new), np.uint8)
    assert evolve.find_fault(W, n_out, w.indptr, w.indices, n, drop, zero, grow, marks, np.empty(n_out, np.int32)) == (0, 0)
    old = w.indptr.copy(), w.indices.copy(), w.data, w.state  # a layer's own index cannot be written to from outside
    if n == n_new:
        new = old  # in place
    else:
        new = old[0].copy(), np.full(n_new, -9, np.int32), np.full(n_new, np.nan, dtype), np.full((k, n_new), np.nan, dtype)
    index = np.full(n_new, -9, np.int32), np.full(n_new, -9, np.int32), np.full(n_out + 1, -9, np.int32)
    evolve.rewrite(W, n_out, *old, n_kept, grow, values, marks, *new, *index)

    indptr, indices, got_data, got_state = new
    assert (naive.rows_of(indptr) * n_out + indices).tolist() == flat.tolist()
    assert got_data.tobytes() == data.tobytes()
    assert np.ascontiguousarray(got_state).tobytes() == np.ascontiguousarray(state).tobytes()
    result = SparseWeights((n_in, n_out), indptr, indices, got_data)
    for got, want in zip(index, (result.perm, result.inputs, result.out_ptr), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("m", [2, 3, 5])  # of 6 empty: a few, half, most (then those to leave out are drawn)
def test_every_set_of_empty_positions_is_equally_likely(m):
    w = random_layer(np.random.default_rng(3), 3, 4, 0.6)
    drop = np.arange(6 - (12 - w.n_connections))  # their places are among the 6
    counts, n = Counter(), 6000
    for seed in range(n):
        counts[tuple(draw_empty(w.shape, w.indptr, w.indices, drop, m, np.random.default_rng(seed)).tolist())] += 1
    empty = np.setdiff1d(np.arange(12), np.delete(naive.rows_of(w.indptr) * 4 + w.indices, drop))
    sets = list(itertools.combinations(empty.tolist(), m))
    assert empty.size == 6 and set(counts) <= set(sets)
    assert scipy.stats.chisquare([counts[s] for s in sets]).pvalue > 0.01


def test_draw_empty_says_when_there_is_no_room():
    w = random_layer(np.random.default_rng(0), 3, 4, 1)
    with pytest.raises(ValueError, match="m must be a whole number from 0 to 2; got 3. Only 2 of the layer's 3 x 4 cells are empty."):
        draw_empty(w.shape, w.indptr, w.indices, [5, 7], 3, np.random.default_rng(0))
    assert draw_empty(w.shape, w.indptr, w.indices, [5, 7], 2, np.random.default_rng(0)).tolist() == [5, 7]
