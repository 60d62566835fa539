"""Topologies that look at the data, and the one that looks at an image's layout: what each promises."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import f_classif, f_regression

import sparsemlp as sm
from sparsemlp.topology import columns, correlated, fit_to_data
from sparsemlp.topology.columns import Columns, draw_inputs
from sparsemlp.topology.local import pixels, places

from .naive_topology import correlations, f_statistics


def rng(seed=0):
    return np.random.default_rng(seed)


def groups(n=400, seed=0):
    """30 inputs: three groups of five that belong together, then noise; the label depends on the first group."""
    r = rng(seed)
    X = r.standard_normal((n, 30)).astype(np.float32)
    hidden = r.standard_normal((n, 3))
    for g in range(3):
        X[:, 5 * g : 5 * g + 5] = hidden[:, [g]] + 0.3 * X[:, 5 * g : 5 * g + 5]
    return X, (hidden[:, 0] > 0).astype(int)


def mask(topology, X, y, n_out=40, seed=0):
    """bool[n_in, n_out]"""
    (fitted,) = fit_to_data([topology], (X, y), X.shape[1]) if topology.needs_data else [topology]
    indptr, indices = fitted.build(X.shape[1], n_out, rng(seed))
    assert indptr.dtype == indices.dtype == np.int32
    return sp.csr_array((np.ones(indices.size, bool), indices, indptr), shape=(X.shape[1], n_out)).toarray()


LOOKING = [sm.Correlated(fan_in=4), sm.Correlated(fan_in=7, temperature=1.0, max_rows=100), sm.Weighted(fan_in=4)]


# ---- one contract for both


@pytest.mark.parametrize("topology", LOOKING, ids=repr)
@given(n=st.integers(3, 60), n_in=st.integers(7, 40), n_out=st.integers(1, 50), seed=st.integers(0, 99), permutation=st.randoms())
@settings(deadline=None, max_examples=40)
def test_exact_counts_the_same_bits_and_any_order_of_columns(topology, n, n_in, n_out, seed, permutation):
    X = rng(seed).integers(0, 4, (n, n_in)).astype(np.float32)
    X = X[:, np.unique(X, axis=1, return_index=True)[1]]  # of equal columns either may be the one
    X = np.column_stack([X, rng(seed + 1).standard_normal((n, 7))])
    y = np.arange(n) % 2
    found = mask(topology, X, y, n_out, seed)
    assert (found.sum(axis=0) == topology.fan_in).all()
    np.testing.assert_array_equal(found, mask(topology, X, y, n_out, seed))
    order = list(range(X.shape[1]))
    permutation.shuffle(order)
    np.testing.assert_array_equal(found[order], mask(topology, X[:, order], y, n_out, seed))
    np.testing.assert_array_equal(found, mask(topology, sp.csc_array(X), y, n_out, seed))


@pytest.mark.parametrize("topology", LOOKING, ids=repr)
def test_another_seed_is_another_draw(topology):
    X, y = groups()
    assert (mask(topology, X, y, seed=0) != mask(topology, X, y, seed=1)).any()


@pytest.mark.parametrize("topology", LOOKING, ids=repr)
def test_integers_and_large_offsets_are_no_trouble(topology):
    X, y = groups()
    X = (1000 * X).astype(np.int32)
    X -= X.min()
    assert (mask(topology, X, y).sum(axis=0) == topology.fan_in).all()
    assert (mask(topology, np.zeros_like(X), y).sum(axis=0) == topology.fan_in).all()  # nothing to tell inputs apart


@pytest.mark.parametrize("topology", LOOKING, ids=repr)
def test_bad_data(topology):
    X, y = groups()
    sizes = {"sizes": [30, 20, 2], "topology": [topology, sm.Dense()]}
    with pytest.raises(ValueError, match="give data="):
        sm.MLP(**sizes)
    with pytest.raises(sm.TopologyError, match="must see the data"):
        topology.build(30, 20, rng())
    with pytest.raises(TypeError, match="pair"):
        sm.MLP(**sizes, data=X)
    with pytest.raises(ValueError, match="net's 30 inputs"):
        sm.MLP(**sizes, data=(X[:, :29], y))
    with pytest.raises(ValueError, match="one entry of y"):
        sm.MLP(**sizes, data=(X, y[:-1]))
    with pytest.raises(TypeError, match="real numbers"):
        sm.MLP(**sizes, data=(X.astype(str), y))
    with pytest.raises(sm.TopologyError, match="only be the first layer's"):
        sm.MLP([30, 20, 2], topology=topology, data=(X, y))
    with pytest.raises(sm.TopologyError, match="room for 60"):
        sm.MLP([3, 20, 2], topology=[topology, sm.Dense()], data=(rng().random((5, 3)), [0, 1, 0, 1, 1]))
    X[4, 3] = np.nan  # one of the 100 rows that are looked at
    with pytest.raises(ValueError, match="finite"):
        sm.MLP(**sizes, data=(X, y))


def test_data_that_no_topology_looks_at_are_refused():
    with pytest.raises(ValueError, match="leave data out"):
        sm.MLP([30, 20, 2], density=0.5, data=groups())


@pytest.mark.parametrize("topology", LOOKING, ids=repr)
def test_memory_follows_connections_and_blocks(topology):
    X = sp.random_array((1000, 4000), density=0.02, rng=rng(), dtype=np.float32).tocsr()
    (fitted,) = fit_to_data([topology], (X, np.arange(1000) % 2), 4000)
    tracemalloc.start()
    fitted.build(4000, 500, rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # a float32 matrix of all pairs would be 64 MB, X dense 16 MB; some blocks of 8 MB are 60 MB


def test_a_random_equivalent_imitates_what_the_data_make():
    X, y = groups()
    net = sm.MLP([30, 20, 2], topology=[sm.RandomEquivalent(sm.Correlated(fan_in=4)), sm.Dense()], data=(X, None))
    assert (net.layers[0].weights.csr.toarray() != 0).sum(axis=0).tolist() == [4] * 20


def test_trains_saves_and_loads(tmp_path):
    X, y = groups()
    net = sm.MLP([30, 20, 2], topology=[sm.Weighted(fan_in=4), sm.Dense()], data=(sp.csr_array(X), y), seed=3)
    sm.Trainer(net, sm.SGD(lr=sm.WarmupCosine(0.1), momentum=0.9)).fit(X, y, epochs=5, batch_size=20)
    sm.save(tmp_path / "net.sm", net)
    np.testing.assert_array_equal(sm.load(tmp_path / "net.sm").predict(X), net.predict(X))
    assert net.score(X, y) > 0.9


# ---- the parts


@given(n=st.integers(2, 50), n_in=st.integers(1, 20), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_correlations_are_the_textbooks(n, n_in, seed):
    X = rng(seed).integers(0, 5, (n, n_in)).astype(np.float32)
    fitted = sm.Correlated(fan_in=1).fitted(X, None, 0)
    order = fitted.columns.order
    for kept in (True, False):
        fitted.columns.kept = kept
        C = correlated.correlations(fitted._standardised(*fitted._moments())(), np.arange(n_in))
        np.testing.assert_allclose(C, correlations(X[:, order]), atol=2e-5)


@given(n=st.integers(6, 60), n_in=st.integers(2, 20), classes=st.integers(2, 4), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_label_scores_are_f_statistics(n, n_in, classes, seed):
    X = rng(seed).standard_normal((n, n_in)) + 3
    X[:, 0] = 7
    y = np.arange(n) % classes
    found = sm.label_scores(X, y)
    assert found[0] == pytest.approx(0.01)
    X = X.astype(np.float32)
    np.testing.assert_allclose(found[1:], f_statistics(X, y)[1:] + 0.01, rtol=1e-3)
    np.testing.assert_allclose(found[1:], f_classif(X[:, 1:].astype(float), y)[0] + 0.01, rtol=1e-3)
    t = rng(seed + 100).standard_normal((n, 2))
    several = [f_regression(X[:, 1:].astype(float), column)[0] for column in t.T]
    np.testing.assert_allclose(sm.label_scores(X, t)[1:], np.max(several, axis=0) + 0.01, rtol=1e-3)
    np.testing.assert_allclose(sm.label_scores(sp.csr_array(X), t[:, 0])[1:], several[0] + 0.01, rtol=1e-3)


def test_label_scores_of_text_labels_and_a_copy_of_the_label():
    X, y = groups()
    assert np.array_equal(sm.label_scores(X, np.array(["no", "yes"])[y]), sm.label_scores(X, y.astype(bool)))
    assert np.isfinite(sm.label_scores(y[:, None], y)).all()
    for y, message in ((np.zeros(400, int), "2 classes"), (np.zeros(400), "constant"), (np.full(400, np.nan), "finite")):
        with pytest.raises(ValueError, match=message):
            sm.label_scores(X, y)


def test_draws_are_in_proportion_to_the_weights():
    weights = np.array([0.5, 0.3, 0.2, 0])
    with np.errstate(divide="ignore"):
        log_weights = np.tile(np.log(weights), (20_000, 1)).astype(np.float32)
    first = draw_inputs(log_weights.copy(), 1, rng())[:, 0]
    np.testing.assert_allclose(np.bincount(first, minlength=4) / 20_000, weights, atol=0.015)
    pairs = np.sort(draw_inputs(log_weights, 2, rng()), axis=1)
    both = 0.5 * 0.3 / 0.5 + 0.3 * 0.5 / 0.7  # first 0 then 1, or first 1 then 0
    assert np.mean((pairs == [0, 1]).all(axis=1)) == pytest.approx(both, abs=0.015)


def test_columns_takes_rows_evenly():
    assert Columns(np.zeros((10, 2)), max_rows=4).rows.tolist() == [0, 2, 5, 7]


def test_correlated_joins_what_belongs_together():
    X, y = groups()
    found = mask(sm.Correlated(fan_in=5), X, None, n_out=200)
    in_group = [found[5 * g : 5 * g + 5].sum(axis=0) for g in range(3)]
    assert np.mean(np.max(in_group, axis=0) >= 4) > 0.95  # nearly every unit sees one group, whole or but for one
    spread = mask(sm.Correlated(fan_in=5, temperature=50.0), X, None, n_out=2000)
    assert np.abs(spread.sum(axis=1) / 2000 - 5 / 30).max() < 0.1  # hot: any inputs, though seeds are of the groups


def test_correlated_leaves_constant_inputs_out():
    X, y = groups()
    X[:, 20:] = 5
    assert not mask(sm.Correlated(fan_in=5), X, None)[20:].any()


def test_correlated_by_blocks_and_by_pieces_is_the_same(monkeypatch):
    X, y = groups()
    X = X.round(1)  # sums of few digits, the same in any order but for the last bits
    whole = mask(sm.Correlated(fan_in=5), X, None)
    monkeypatch.setattr(correlated, "VALUES", 7 * 30)
    monkeypatch.setattr(columns, "VALUES", 50 * 30)
    monkeypatch.setattr(columns, "KEPT", 0)
    np.testing.assert_array_equal(mask(sm.Correlated(fan_in=5), X, None), whole)


def test_correlated_refuses_very_wide_data():
    with pytest.raises(sm.TopologyError, match=r"at most 16,384.*Weighted"):
        sm.MLP([20_000, 10, 2], topology=[sm.Correlated(5), sm.Dense()], data=(sp.csr_array((10, 20_000)), None))


def test_weighted_takes_what_tells_of_the_labels():
    X, y = groups()
    found = mask(sm.Weighted(fan_in=4), X, y)
    assert found[:5].sum() > 0.9 * found.sum()
    given_scores = sm.Weighted(fan_in=4, scores=sm.label_scores(X, y))
    assert not given_scores.needs_data and mask(given_scores, X, y)[:5].sum() > 0.9 * found.sum()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sm.Correlated(0), ValueError, r"Correlated\.fan_in"),
        (lambda: sm.Correlated(3, temperature=0), ValueError, r"Correlated\.temperature"),
        (lambda: sm.Correlated(3, max_rows=1), ValueError, r"Correlated\.max_rows"),
        (lambda: sm.Weighted(0), ValueError, r"Weighted\.fan_in"),
        (lambda: sm.Weighted(3, scores=[1, -1, 2]), ValueError, r"Weighted\.scores"),
        (lambda: sm.Weighted(3, scores=[[1, 1, 2]]), ValueError, r"Weighted\.scores"),
        (lambda: sm.Weighted(3, scores=[1, np.inf, 2]), ValueError, r"Weighted\.scores"),
        (lambda: sm.Weighted(1, scores=[1, 2]).build(3, 2, rng()), sm.TopologyError, "one per input, 3"),
        (lambda: sm.Weighted(2, scores=[1, 0, 0]).build(3, 2, rng()), sm.TopologyError, "1 of 3"),
        (lambda: sm.Local((28,), 3), ValueError, "image_shape"),
        (lambda: sm.Local((28, 0), 3), ValueError, "image_shape"),
        (lambda: sm.Local((28, 28), ()), ValueError, "at least one"),
        (lambda: sm.Local((28, 28), (3, 0)), ValueError, r"fan_in\[1\]"),
        (lambda: sm.Local((28, 28), (3, 3), reach=(1, 2, 3)), ValueError, "each of the 2"),
        (lambda: sm.Local((28, 28), 3, reach=-1), ValueError, "reach"),
        (lambda: sm.Local((28, 28), 3)[0].build(100, 5, rng()), sm.TopologyError, "784"),
        (lambda: sm.Local((2, 2), 5)[0].build(4, 5, rng()), sm.TopologyError, "room for 20"),
    ],
)
def test_settings_are_checked(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- local


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(2, 8), st.integers(2, 8)),
    widths=st.tuples(st.integers(5, 60), st.integers(5, 60)),
    reach=st.sampled_from([None, 0, 0.1, (0, 3.0)]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_local_has_exact_counts_and_the_same_bits(shape, widths, reach, seed):
    layers = sm.Local(shape, fan_in=(4, 3), reach=reach)
    for layer, n_in, n_out, fan_in in zip(layers, (np.prod(shape), widths[0]), widths, (4, 3), strict=True):
        indptr, indices = layer.build(n_in, n_out, rng(seed))
        assert (np.bincount(indices, minlength=n_out) == fan_in).all()
        again = layer.build(n_in, n_out, rng(seed))
        np.testing.assert_array_equal(indptr, again[0])
        np.testing.assert_array_equal(indices, again[1])


def test_local_units_see_their_neighbourhood():
    for layer, inputs, reach in ((sm.Local((28, 28), 36)[0], pixels((28, 28)), 0.2), (sm.Local((9, 9), (1, 36))[1], places(784), 0.5)):
        indptr, indices = layer.build(784, 500, rng())
        rows = np.repeat(np.arange(784), np.diff(indptr))
        distance = np.sqrt(((inputs[rows] - places(500)[indices]) ** 2).sum(axis=1))
        assert distance.max() < (0.35 if layer.reach == 0 else 0.7) and distance.mean() < reach


def test_local_takes_all_channels_alike():
    indptr, indices = sm.Local((3, 32, 32), 75)[0].build(3072, 200, rng())
    counts = np.add.reduceat(np.diff(indptr), [0, 1024, 2048])
    assert counts.max() - counts.min() <= 0.03 * counts.sum()


def test_places_are_spread_evenly():
    for n in (16, 100, 1000):
        grid = np.bincount((places(n) * 4).astype(int) @ [4, 1], minlength=16)
        assert grid.max() - grid.min() <= max(3, n // 50)


def test_local_is_a_sequence_that_a_net_takes():
    local = sm.Local((8, 8), fan_in=(9, 12))
    assert len(local) == 2 and [layer.reach for layer in local] == [0.0, 0.12] and local == sm.Local([8, 8], [9, 12], (0, 0.12))
    net = sm.MLP([64, 100, 80, 10], topology=[*local, sm.Dense()])
    assert [layer.weights.n_connections for layer in net.layers] == [900, 960, 800]
