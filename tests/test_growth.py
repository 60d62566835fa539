"""The largest gradients among missing connections: kernels against their twins, and as a policy sees them."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparsemlp as sm
from sparsemlp.engine.threads import get_num_threads
from sparsemlp.kernels import missing_gradients as growth
from sparsemlp.kernels import simd
from sparsemlp.policies.base import LayerView
from sparsemlp.policies.missing_gradients import DenseGrowth, TiledGrowth
from sparsemlp.policies.select import largest_magnitude
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights

from . import naive, naive_growth

LANES = 16
THREADS = [n for n in (1, 2, 4) if n <= get_num_threads()]


def case(n_in, n_out, n_batch, density, dtype, seed, large=3):
    """Integers, so that sums are exact and ties are many."""
    rng = np.random.default_rng(seed)
    x, dy = (rng.integers(-large, large + 1, (n, n_batch)).astype(dtype) for n in (n_in, n_out))
    tiles = [np.ascontiguousarray(naive.to_tiles(a.T, np.arange(n_batch), LANES).astype(dtype)) for a in (x, dy)]
    mask = rng.random((n_in, n_out)) < density
    i, j = np.nonzero(mask)
    weights = SparseWeights((n_in, n_out), np.searchsorted(i, np.arange(n_in + 1)), j, np.ones(i.size, dtype))
    dropped = rng.random(i.size) < 0.3
    return x, dy, tiles, weights, dropped


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 25), st.integers(1, 25), st.integers(1, 40), st.sampled_from([0.0, 0.3, 0.9]),
    st.sampled_from([np.float32, np.float64]), st.integers(0, 10**6), st.floats(0, 1),
)  # fmt: skip
def test_the_largest_are_those_of_the_twin(n_in, n_out, n_batch, density, dtype, seed, share):
    x, dy, tiles, weights, dropped = case(n_in, n_out, n_batch, density, dtype, seed)
    view, stored = LayerView.of(SimpleNamespace(weights=weights), 0), weights.cells
    k = round(share * (n_in * n_out - np.sum(~dropped)))
    if k == 0:
        return
    want = naive_growth.largest_missing(x, dy, stored, dropped, k)
    for n_threads in THREADS:
        found = TiledGrowth(simd.WIDTH[LANES], n_threads, *tiles).largest(view, k, np.flatnonzero(dropped))
        assert found.tolist() == want.tolist()
    places = np.random.default_rng(seed).integers(0, n_in * n_out, 30)
    at = TiledGrowth(simd.WIDTH[LANES], 1, *tiles).at(places)
    np.testing.assert_array_equal(at, naive_growth.gradients_at(x, dy, places))


@pytest.mark.parametrize("k", [1, 3, 40])
def test_candidates_are_sorted_out_again_and_again(k, monkeypatch):
    """Scratch hardly larger than k: the k best are cut out many times."""
    monkeypatch.setattr("sparsemlp.policies.missing_gradients.SPARE", 1)
    x, dy, tiles, weights, dropped = case(30, 20, 20, 0.2, np.float32, 0, large=1)
    view = LayerView.of(SimpleNamespace(weights=weights), 0)
    want = naive_growth.largest_missing(x, dy, weights.cells, dropped, k)
    for n_threads in THREADS:
        found = TiledGrowth(simd.WIDTH[LANES], n_threads, *tiles).largest(view, k, np.flatnonzero(dropped))
        assert found.tolist() == want.tolist()


def test_real_numbers_give_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 40, LANES)).astype(np.float32), rng.standard_normal((2, 50, LANES)).astype(np.float32)
    weights = case(40, 50, 1, 0.1, np.float32, 1)[3]
    view = LayerView.of(SimpleNamespace(weights=weights), 0)
    found = [TiledGrowth(simd.WIDTH[LANES], n, x, dy).largest(view, 300, np.arange(5)).tolist() for n in THREADS]
    assert all(f == found[0] for f in found)


def test_dense_layers_choose_from_the_same():
    x, dy, tiles, weights, dropped = case(12, 9, 20, 0.5, np.float64, 3)
    removed = np.ones(108, bool)
    removed[weights.cells] = False
    dense = DenseWeights(np.ones((12, 9)), removed.reshape(12, 9))
    sparse_view = LayerView.of(SimpleNamespace(weights=weights), 0, growth_gradient=TiledGrowth(simd.WIDTH[LANES], 1, *tiles))
    dense_view = LayerView.of(SimpleNamespace(weights=dense), 0, growth_gradient=DenseGrowth((x @ dy.T).reshape(-1)))
    drop = np.flatnonzero(dropped)
    for candidates in (None, 30, 5):
        rngs = np.random.default_rng(1), np.random.default_rng(1)
        found = sparse_view.steepest(8, drop, candidates=candidates, rng=rngs[0])
        assert found.tolist() == dense_view.steepest(8, weights.cells[drop], candidates=candidates, rng=rngs[1]).tolist()
        assert found.size == 8 and np.all(np.diff(found) > 0)


def test_what_a_view_was_not_given_it_cannot_choose_from():
    view = LayerView.of(SimpleNamespace(weights=case(5, 4, 3, 0.5, np.float32, 0)[3]), 2)
    with pytest.raises(TypeError, match="growth_gradient of layer 2 must be asked for"):
        view.steepest(1)
    given = LayerView.of(SimpleNamespace(weights=case(5, 4, 3, 0.5, np.float32, 0)[3]), 2, growth_gradient=DenseGrowth(np.ones(20)))
    with pytest.raises(ValueError, match="n must be a whole number from 0 to"):
        given.steepest(20)
    assert given.steepest(0).size == 0


def test_largest_magnitude_takes_the_first_of_equals():
    assert largest_magnitude(np.array([1.0, -3, 2, 3, -2]), 3).tolist() == [1, 2, 3]
    assert largest_magnitude(np.array([1.0, -1, 1]), 2).tolist() == [0, 1]
    assert largest_magnitude(np.zeros(3), 0).size == 0


def test_no_compilation_after_the_first():
    kernels = [growth.largest_missing.parallel, growth.largest_missing.serial, growth.gradients_at]
    compiled = None
    for seed in range(3):
        _, _, tiles, weights, dropped = case(8 + seed, 9, 5, 0.3, np.float32, seed)
        view = LayerView.of(SimpleNamespace(weights=weights), 0)
        for n_threads in THREADS[:2]:
            tiled = TiledGrowth(simd.WIDTH[LANES], n_threads, *tiles)
            tiled.largest(view, 2, np.flatnonzero(dropped))
            tiled.at(np.arange(3))
        compiled = compiled or [len(k.signatures) for k in kernels]
        assert [len(k.signatures) for k in kernels] == compiled


def test_rigl_grows_where_the_gradient_of_that_step_is_largest():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 8)), rng.integers(0, 3, 20)
    net = sm.MLP([8, 12, 3], topology=sm.Uniform(0.5), dtype="float64", seed=1)
    dense = sm.MLP([8, 12, 3], topology=sm.Dense(), dtype="float64", seed=1)
    for a, b in zip(net.layers, dense.layers, strict=True):
        b.weights.data[:] = a.weights.csr.toarray().reshape(-1)
    gradients = [dw for dw, _ in sm.Trainer(dense).gradients(X, y)[1]]
    trainer = sm.Trainer(net, sm.SGD(lr=0.1), policy=sm.RigL(fraction=0.4, every=1, until=0.9))
    before = [layer.weights.cells for layer in net.layers]
    seen = []
    act = trainer.policy.on_step

    def spy(view, state, progress, rng):
        change, state = act(view, state, progress, rng)
        if progress.fit_step == 0:
            seen.append((view.index, change))
        return change, state

    object.__setattr__(trainer.policy, "on_step", spy)
    trainer.fit(X, y, epochs=3, batch_size=20, shuffle=False)
    assert [k for k, _ in seen] == [0, 1]
    fraction = 0.2 * (1 + np.cos(np.pi * 1 / (0.9 * 3)))
    for (_, change), places, g in zip(seen, before, gradients, strict=True):
        n = int(fraction * places.size)
        assert change.drop.size == change.grow.size == n
        missing = np.setdiff1d(np.arange(g.size), np.delete(places, change.drop))
        best = np.sort(missing[np.argsort(-np.abs(g[missing]), kind="stable")[:n]])
        assert change.grow.tolist() == best.tolist()
    assert trainer.history["grown"][2] == [0, 0] and sum(trainer.history["grown"][1]) > 0
