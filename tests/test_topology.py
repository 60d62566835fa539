"""Topologies: one contract for all, then what each promises."""

import re
import tracemalloc
from collections import Counter
from dataclasses import FrozenInstanceError
from math import comb, prod

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsemlp.errors import TopologyError
from sparsemlp.topology import (
    Dense,
    ErdosRenyi,
    Given,
    RadixNet,
    RandomEquivalent,
    RandomExpander,
    RandomLayer,
    SmallWorld,
    Topology,
    Uniform,
    resolve,
)
from sparsemlp.topology.sampling import distinct, fill_rows

LARGEST = 2**31 - 1


def rng(seed=0):
    return np.random.default_rng(seed)


def dense(topology, n_in, n_out, seed=0):
    """The layer as a matrix of 0 and 1, after a check of the contract."""
    indptr, indices = topology.build(n_in, n_out, rng(seed))
    assert indptr.dtype == indices.dtype == np.int32
    assert indptr.shape == (n_in + 1,) and indptr[0] == 0 and indptr[-1] == len(indices)
    assert indptr.flags.c_contiguous and indices.flags.c_contiguous
    mask = np.zeros((n_in, n_out), dtype=int)
    for i in range(n_in):
        row = indices[indptr[i] : indptr[i + 1]]
        assert np.all(np.diff(row) > 0) and (row.size == 0 or (row[0] >= 0 and row[-1] < n_out))
        mask[i, row] = 1
    return mask


def assert_uniform(counts, n_outcomes, n_draws):
    """All outcomes occur, and chi-square is within 5 standard deviations of its mean: fixed seeds, so never by chance."""
    assert len(counts) == n_outcomes
    expected = n_draws / n_outcomes
    chi2 = sum((c - expected) ** 2 / expected for c in counts.values())
    assert chi2 < (n_outcomes - 1) + 5 * np.sqrt(2 * (n_outcomes - 1))


# ---- the contract, for every topology

ANY_SIZE = [
    Dense(),
    Uniform(0.3),
    Uniform(1.0),
    ErdosRenyi(epsilon=1.5),
    ErdosRenyi(density=0.4),
    ErdosRenyi(epsilon=2, exact=False),
    ErdosRenyi(density=0.4, exact=False),
    RandomLayer(7),
    RandomExpander(fan_in=3),
    RandomExpander(density=0.8),
    RandomEquivalent(Uniform(0.5)),
    SmallWorld(0.3, rewire=0.2),
    SmallWorld(0.9, rewire=1.0),
]
IDS = [repr(t) for t in ANY_SIZE]


@pytest.mark.parametrize("topology", ANY_SIZE, ids=IDS)
@given(n_in=st.integers(4, 40), n_out=st.integers(4, 40), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_contract(topology, n_in, n_out, seed):
    mask = dense(topology, n_in, n_out, seed)
    assert mask.sum() > 0
    np.testing.assert_array_equal(mask, dense(topology, n_in, n_out, seed))


@pytest.mark.parametrize("topology", ANY_SIZE, ids=IDS)
def test_frozen_and_fresh_arrays(topology):
    with pytest.raises((FrozenInstanceError, AttributeError)):
        topology.epsilon = 3
    first = topology.build(20, 10, rng())
    first[1][:] = 0
    second = topology.build(20, 10, rng())
    assert second[1].any()


@pytest.mark.parametrize("topology", ANY_SIZE, ids=IDS)
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (2**31, 5), (5, 2**31)])
def test_units_out_of_range(topology, shape):
    with pytest.raises(TopologyError, match="units|connections"):
        topology.build(*shape, rng())


@pytest.mark.parametrize(
    "topology",
    [Dense(), Uniform(0.5), ErdosRenyi(epsilon=1e5), ErdosRenyi(density=0.9), RandomExpander(density=0.9), SmallWorld(0.9, 0.1)],
    ids=repr,
)
def test_too_many_connections_is_said_before_anything_is_allocated(topology):
    tracemalloc.start()
    with pytest.raises(TopologyError, match=str(LARGEST)):
        topology.build(100_000, 100_000, rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


@pytest.mark.parametrize("topology", [Uniform(1e-3), ErdosRenyi(epsilon=0.01), ErdosRenyi(density=1e-3), SmallWorld(1e-3, 0)], ids=repr)
def test_a_layer_without_connections_is_an_error(topology):
    with pytest.raises(TopologyError, match="no connection.*at least 1"):
        topology.build(10, 10, rng())


@pytest.mark.parametrize(
    "topology",
    [
        Uniform(1e-4),
        ErdosRenyi(epsilon=5),
        ErdosRenyi(density=1e-4),
        ErdosRenyi(epsilon=5, exact=False),
        RandomLayer(1_000_000),
        RandomExpander(fan_in=10),
        SmallWorld(1e-4, rewire=0.5),
    ],
    ids=repr,
)
def test_memory_of_a_wide_sparse_layer(topology):
    """100,000 x 100,000 units, 1,000,000 connections: a bool per possible connection would be 10 GB."""
    tracemalloc.start()
    indptr, indices = topology.build(100_000, 100_000, rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(len(indices) - 1_000_000) < 5000
    assert peak < 100e6
    positions = np.repeat(np.arange(100_000), np.diff(indptr)) * 100_000 + indices
    assert np.all(np.diff(positions) > 0)


# ---- sampling


@given(data=st.data(), n=st.integers(0, 300), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_distinct(data, n, seed):
    k = data.draw(st.integers(0, n))
    numbers = distinct(n, k, rng(seed))
    assert numbers.dtype == np.int64 and numbers.shape == (k,)
    assert np.all(np.diff(numbers) > 0) and (k == 0 or (numbers[0] >= 0 and numbers[-1] < n))


@pytest.mark.parametrize(("n", "k"), [(6, 1), (6, 3), (6, 4), (7, 2), (5, 4), (40, 2), (33, 2)])
def test_distinct_is_uniform(n, k):
    r = rng(1)
    n_draws = 6000
    assert_uniform(Counter(tuple(distinct(n, k, r)) for _ in range(n_draws)), comb(n, k), n_draws)


def test_distinct_of_very_many():
    numbers = distinct(2**62, 1000, rng())
    assert np.all(np.diff(numbers) > 0) and numbers[-1] > 2**61


@pytest.mark.parametrize(("n", "k"), [(3, 4), (3, -1), (2**62 + 1, 1)])
def test_distinct_rejects(n, k):
    with pytest.raises(ValueError, match=f"k={k}"):
        distinct(n, k, rng())


@given(data=st.data(), n_rows=st.integers(1, 8), n_columns=st.integers(1, 12), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_fill_rows(data, n_rows, n_columns, seed):
    taken = [sorted(data.draw(st.sets(st.integers(0, n_columns - 1)))) for _ in range(n_rows)]
    wanted = np.array([data.draw(st.integers(0, n_columns - len(t))) for t in taken])
    flat = np.array([r * n_columns + c for r, t in enumerate(taken) for c in t], dtype=np.int64)
    positions = fill_rows(flat, wanted, n_columns, rng(seed))
    assert np.all(np.diff(positions) > 0) and set(flat) <= set(positions)
    np.testing.assert_array_equal(np.bincount(positions // n_columns, minlength=n_rows), wanted + [len(t) for t in taken])


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_fill_rows_is_uniform(wanted):
    """5 free columns of 8 in the second of three rows: both the rejecting and the listing way."""
    r, n_draws = rng(2), 5000
    taken = np.array([9, 11, 14])
    seen = Counter(tuple(fill_rows(taken, np.array([1, wanted, 8]), 8, r)[1:-8]) for _ in range(n_draws))
    assert_uniform(seen, comb(5, wanted), n_draws)


def test_fill_rows_blocks_do_not_change_what_is_promised(monkeypatch):
    monkeypatch.setattr("sparsemlp.topology.sampling.BLOCK", 10)
    mask = dense(RandomExpander(density=0.8), 10, 13)
    assert np.all(mask.sum(axis=0) == 8)


def test_fill_rows_rejects_what_has_no_room():
    with pytest.raises(ValueError, match="cannot hold more than 3"):
        fill_rows(np.array([0, 1]), np.array([2]), 3, rng())


# ---- Erdős–Rényi


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        ([784, 1000, 1000, 1000, 10], 128_690),
        ([784, 4000, 1000, 4000, 10], 344_690),
        ([784, 4000, 2000, 2000, 1000, 10], 374_690),
    ],
)
def test_parameter_counts_of_the_papers_nets(sizes, parameters):
    layers = resolve(ErdosRenyi(epsilon=20), sizes)
    connections = [len(t.build(a, b, rng())[1]) for t, a, b in zip(layers, sizes, sizes[1:], strict=False)]
    assert connections[-1] == sizes[-2] * sizes[-1]  # the output layer is full
    assert sum(connections) + sum(sizes[1:]) == parameters


@given(sizes=st.lists(st.integers(1, 60), min_size=2, max_size=6), density=st.floats(0.001, 1))
@settings(deadline=None)
def test_density_of_the_whole_net(sizes, density):
    shapes = list(zip(sizes, sizes[1:], strict=False))
    possible = [a * b for a, b in shapes]
    topology = ErdosRenyi(density=density)
    try:
        counts = [layer.n_connections for layer in topology.layers(sizes)]
    except TopologyError as error:
        assert "no connection" in str(error)
        return
    assert sum(counts) == round(density * sum(possible))
    assert all(1 <= c <= p for c, p in zip(counts, possible, strict=True))
    # the same epsilon everywhere, to one connection, except in full layers
    epsilons = [(c - 1, c + 1, a + b) for c, p, (a, b) in zip(counts, possible, shapes, strict=True) if c < p]
    if epsilons:
        assert max(low / units for low, _, units in epsilons) < min(high / units for _, high, units in epsilons)
        # a layer is full only if that epsilon fills it
        top = min(high / units for _, high, units in epsilons)
        assert all(p - 1 <= top * (a + b) for c, p, (a, b) in zip(counts, possible, shapes, strict=True) if c == p)


def test_density_of_the_whole_net_by_hand():
    # 100-50-10: 5500 possible; at 0.1, 550 in proportion 150 : 60 is 392.86 + 157.14
    assert ErdosRenyi(density=0.1).layers([100, 50, 10]) == [RandomLayer(393), RandomLayer(157)]
    # at 0.95, 5225: the second layer fills up at 500, the first takes the other 4725
    assert ErdosRenyi(density=0.95).layers([100, 50, 10]) == [RandomLayer(4725), RandomLayer(500)]
    assert ErdosRenyi(density=1).layers([100, 50, 10]) == [RandomLayer(5000), RandomLayer(500)]
    # equal shares of 2.5: the tie goes to the earlier layer
    assert ErdosRenyi(density=0.1).layers([5, 5, 5]) == [RandomLayer(3), RandomLayer(2)]


@pytest.mark.parametrize("topology", [ErdosRenyi(epsilon=3, exact=False), ErdosRenyi(density=0.15, exact=False)], ids=repr)
def test_bernoulli_count(topology):
    counts = [len(topology.build(40, 40, r)[1]) for r in [rng(5)] * 400]
    p = 240 / 1600
    assert np.mean(counts) == pytest.approx(240, abs=4 * np.sqrt(1600 * p * (1 - p) / 400))
    assert np.var(counts) == pytest.approx(1600 * p * (1 - p), rel=0.25)


def test_bernoulli_of_the_whole_net():
    sizes = [100, 50, 10]
    layers = ErdosRenyi(density=0.1, exact=False).layers(sizes)
    totals = [sum(len(t.build(a, b, r)[1]) for t, a, b in zip(layers, sizes, sizes[1:], strict=False)) for r in [rng(3)] * 200]
    assert np.mean(totals) == pytest.approx(550, abs=6) and np.std(totals) > 5


@pytest.mark.parametrize("topology", [RandomLayer(3), ErdosRenyi(epsilon=0.6), Uniform(0.5), ErdosRenyi(density=0.5)], ids=repr)
def test_positions_are_uniform(topology):
    r, n_draws = rng(4), 4000
    layers = (topology.build(2, 3, r) for _ in range(n_draws))
    assert_uniform(Counter((tuple(a), tuple(b)) for a, b in layers), comb(6, 3), n_draws)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ErdosRenyi(), ValueError, "exactly one"),
        (lambda: ErdosRenyi(20, 0.1), ValueError, "exactly one"),
        (lambda: ErdosRenyi(epsilon=0), ValueError, "epsilon"),
        (lambda: ErdosRenyi(epsilon=float("nan")), ValueError, "epsilon"),
        (lambda: ErdosRenyi(epsilon="20"), TypeError, "epsilon"),
        (lambda: ErdosRenyi(density=0), ValueError, "density"),
        (lambda: ErdosRenyi(density=1.01), ValueError, "density.*not percent"),
        (lambda: ErdosRenyi(20, exact=1), TypeError, "exact"),
        (lambda: Uniform(0), ValueError, "density"),
        (lambda: Uniform(5), ValueError, "density.*not percent"),
        (lambda: RandomLayer(0), ValueError, "n_connections"),
        (lambda: RandomLayer(2**31), ValueError, "n_connections"),
        (lambda: RandomExpander(), ValueError, "exactly one"),
        (lambda: RandomExpander(fan_in=0), ValueError, "fan_in"),
        (lambda: RandomExpander(density=-0.1), ValueError, "density"),
        (lambda: RandomEquivalent(0.1), TypeError, "like"),
        (lambda: SmallWorld(0, 0.1), ValueError, "density"),
        (lambda: SmallWorld(0.1, 1.1), ValueError, "rewire"),
    ],
)
def test_settings_are_checked_at_construction(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- given


MATRIX = np.array([[0, 2.5, 0], [-1, 0, 3]])


@pytest.mark.parametrize("make", ["csr", "csc", "coo", "lil", "dok", "bsr"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_given_takes_every_scipy_format(make, kind):
    matrix = getattr(scipy.sparse, f"{make}_{kind}")(MATRIX)
    topology = Given(matrix, keep_values=True)
    found = scipy.sparse.csr_array((topology.values, topology.build(2, 3, rng())[1], topology.build(2, 3, rng())[0]), shape=(2, 3))
    np.testing.assert_array_equal(found.toarray(), MATRIX)


def test_given_takes_dia_and_numpy_and_lists():
    np.testing.assert_array_equal(dense(Given(scipy.sparse.dia_array(MATRIX)), 2, 3), MATRIX != 0)
    for matrix in (MATRIX, MATRIX.astype(np.float32), MATRIX != 0, MATRIX.astype(int), MATRIX.tolist(), np.asfortranarray(MATRIX)):
        np.testing.assert_array_equal(dense(Given(matrix), 2, 3), np.asarray(matrix).astype(float) != 0)
    assert Given(MATRIX != 0).values is None
    np.testing.assert_array_equal(Given(MATRIX != 0, keep_values=True).values, np.ones(3, np.float32))


def test_given_keeps_explicit_zeros_and_copies():
    matrix = scipy.sparse.csr_array((np.array([0.0, 2.0]), np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 2))
    topology = Given(matrix, keep_values=True)
    matrix.data[:] = 9
    matrix.indices[:] = 0
    np.testing.assert_array_equal(dense(topology, 2, 2), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(topology.values, [0, 2])
    topology.values[:] = 5
    topology.build(2, 2, rng())[1][:] = 0
    np.testing.assert_array_equal(dense(topology, 2, 2), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(topology.values, [0, 2])


def test_given_sorts_with_its_values():
    matrix = scipy.sparse.csr_array((np.array([1.0, 2, 3]), np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))
    topology = Given(matrix, keep_values=True)
    np.testing.assert_array_equal(topology.build(2, 3, rng())[1], [0, 2, 1])
    np.testing.assert_array_equal(topology.values, [2, 1, 3])


def damaged(attribute, value, make=scipy.sparse.csr_array):
    matrix = make(MATRIX)
    setattr(matrix, attribute, np.asarray(value))
    return matrix


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones(3), "2-D"),
        (np.ones((2, 2, 2)), "2-D"),
        (3.0, "2-D"),
        (MATRIX.astype(complex), "real"),
        (MATRIX.astype(object), "real"),
        (np.array([["a"]]), "real"),
        (np.array([[1, np.nan]]), "finite.*row 0, column 1"),
        (scipy.sparse.csr_array(np.array([[0.0], [np.inf]])), "finite.*row 1, column 0"),
        (np.zeros((2, 3)), "no connection"),
        (np.zeros((0, 3)), "rows and columns"),
        (scipy.sparse.coo_array(([1.0, 2], ([1, 1], [2, 2])), shape=(2, 3)), "Row 1.*column 2 twice.*sum_duplicates"),
        (damaged("indices", [0, 0, 0]), "Row 1.*column 0 twice"),
        (damaged("indices", [1, 0, 3]), "column indices.*0 to 2"),
        (damaged("indices", [1, -1, 2]), "column indices"),
        (damaged("indices", [1, 0, 2**30]), "column indices"),
        (damaged("indices", [1.0, 0, 2]), "whole numbers"),
        (damaged("indices", [1, 0]), "indptr ends at 3"),
        (damaged("data", [1.0, 0]), "indptr ends at 3"),
        (damaged("indptr", [0, 2]), "indptr"),
        (damaged("indptr", [0, 5, 3]), "indptr"),
        (damaged("indptr", [1, 1, 3]), "indptr"),
        (damaged("indptr", [0, 1, 10**12]), "indptr ends at"),
        (damaged("indptr", [0, np.nan, 3]), "whole numbers"),
        (damaged("indices", [1, 0, 2], scipy.sparse.csc_array), "row indices.*0 to 1"),
        (damaged("row", [0, 1, 7], scipy.sparse.coo_array), "row indices"),
        (damaged("data", [1.0, 2], scipy.sparse.coo_array), "as many"),
        (scipy.sparse.coo_array((2**31, 2)), "rows and columns"),
    ],
)
def test_given_rejects(matrix, message):
    with pytest.raises(TopologyError, match=message):
        Given(matrix)


def test_given_says_what_shape_it_wants():
    with pytest.raises(TopologyError, match=re.escape("(4, 5); got (2, 3).")):
        Given(MATRIX).build(4, 5, rng())
    with pytest.raises(TopologyError, match="transpose"):
        Given(MATRIX).build(3, 2, rng())
    with pytest.raises(TypeError, match="keep_values"):
        Given(MATRIX, keep_values="yes")


@given(data=st.data(), n_in=st.integers(1, 12), n_out=st.integers(1, 12))
@settings(deadline=None)
def test_given_twin(data, n_in, n_out):
    mask = np.array([[data.draw(st.booleans()) for _ in range(n_out)] for _ in range(n_in)])
    mask[0, 0] = True
    np.testing.assert_array_equal(dense(Given(mask), n_in, n_out), mask)
    np.testing.assert_array_equal(dense(Given(scipy.sparse.csc_array(mask)), n_in, n_out), mask)


# ---- RadiX-Net


def radix_matrices(N, B):
    """The definition, written with dense matrices: sums of powers of a cyclic permutation, then the Kronecker product."""
    n = prod(N[0])
    shift = np.roll(np.eye(n, dtype=int), 1, axis=1)  # row x has its 1 in column x + 1 (mod n)
    layers = []
    for system in N:
        place = 1
        for radix in system:
            layers.append(sum(np.linalg.matrix_power(shift, j * place) for j in range(radix)))
            place *= radix
    return [np.kron(a, np.ones((B[i], B[i + 1]), dtype=int)) for i, a in enumerate(layers)]


def radix_layers(net):
    widths = net.widths
    return [dense(layer, a, b) for layer, a, b in zip(net, widths, widths[1:], strict=False)]


@pytest.mark.parametrize(
    ("N", "B", "paths"),
    [
        ((2, 3, 4), (1, 1, 1, 1), 1),
        ((2, 3, 4), (1, 2, 3, 1), 6),
        ((4, 3, 2), (3, 1, 2, 5), 2),
        ((10, 10), (8, 3, 1), 3),
        (((2, 2, 3), (3, 4)), (1, 1, 1, 1, 1, 1), 12),
        (((2, 6), (3, 4), (2, 3)), (1, 2, 1, 1, 1, 1, 2), 12 * 6 * 2),
        ((7,), (1, 1), 1),
    ],
)
def test_every_input_and_output_are_joined_by_the_same_number_of_paths(N, B, paths):
    net = RadixNet(N, B)
    layers = radix_layers(net)
    for layer, twin in zip(layers, radix_matrices(net.N, B), strict=True):
        np.testing.assert_array_equal(layer, twin)
    joined = np.linalg.multi_dot(layers) if len(layers) > 1 else layers[0]
    assert np.all(joined == paths)
    assert [layer.mean() for layer in layers] == pytest.approx(net.densities)
    assert net.densities == pytest.approx([radix / net.n_nodes for system in net.N for radix in system])


def test_lenet_with_padded_inputs():
    sizes = [784, 300, 100, 10]
    layers = resolve([*RadixNet((10, 10), (8, 3, 1)), Dense()], sizes)
    masks = [dense(t, a, b) for t, a, b in zip(layers, sizes, sizes[1:], strict=False)]
    assert [m.sum() for m in masks] == [784 * 30, 300 * 10, 1000]
    full = dense(layers[0], 800, 300)
    np.testing.assert_array_equal(masks[0], full[:784])
    cut = dense(layers[0], 783, 300)  # the padding cuts through a node
    np.testing.assert_array_equal(cut, full[:783])


def test_radix_net_is_a_sequence():
    net = RadixNet([2, 3], np.array([1, 2, 1]))
    assert len(net) == 2 and list(net) == [net[0], net[1]] == net[:] and net[-1] == net[1]
    assert net == RadixNet((2, 3), (1, 2, 1)) and hash(net) == hash(RadixNet(((2, 3),), (1, 2, 1)))
    assert net.widths == (6, 12, 6) and net.n_nodes == 6
    with pytest.raises(IndexError):
        net[2]


@pytest.mark.parametrize(
    ("N", "B", "error", "message"),
    [
        ((2, 3), (1, 1), ValueError, "one number more than the 2 radices"),
        ((2, 1), (1, 1, 1), ValueError, "radix"),
        ((2, 3.0), (1, 1, 1), TypeError, "radix"),
        ((), (1,), ValueError, "at least one radix"),
        (((2, 3), ()), (1, 1, 1), ValueError, "at least one radix"),
        (((2, 3), 6), (1, 1, 1, 1), TypeError, "not both"),
        (((2, 3), (2, 2)), (1,) * 5, ValueError, r"\[6, 4\]"),
        (((2, 3), (2,), (2, 3)), (1,) * 6, ValueError, r"\[6, 2, 6\]"),
        ((2, 3), (1, 0, 1), ValueError, "B"),
        (6, (1, 1), TypeError, "N"),
        ("23", (1, 1, 1), TypeError, "N"),
        ((2**16, 2**16), (1, 1, 1), TopologyError, "units"),
    ],
)
def test_radix_net_rejects(N, B, error, message):
    with pytest.raises(error, match=message):
        RadixNet(N, B)


@pytest.mark.parametrize("shape", [(801, 300), (800, 299), (784, 301)])
def test_radix_layer_needs_its_widths(shape):
    with pytest.raises(TopologyError, match="800 inputs .* exactly 300 outputs"):
        RadixNet((10, 10), (8, 3, 1))[0].build(*shape, rng())


def test_random_equivalent_of_a_radix_net():
    net = RadixNet((10, 10), (8, 3, 1))
    sizes = [784, 300, 100]
    for t, twin, a, b in zip(net, resolve(net.random_equivalent(), sizes), sizes, sizes[1:], strict=False):
        explicit, random = dense(t, a, b), dense(twin, a, b)
        np.testing.assert_array_equal(explicit.sum(axis=0), random.sum(axis=0))
        assert not np.array_equal(explicit, random)


# ---- expander and small world


@given(n_in=st.integers(1, 30), n_out=st.integers(1, 30), data=st.data())
@settings(deadline=None)
def test_expander_fan_in(n_in, n_out, data):
    fan_in = data.draw(st.integers(1, n_in))
    assert np.all(dense(RandomExpander(fan_in=fan_in), n_in, n_out).sum(axis=0) == fan_in)


def test_expander_inputs_are_uniform_and_independent():
    r, n_draws = rng(6), 4000
    layers = (RandomExpander(fan_in=2).build(4, 2, r) for _ in range(n_draws))
    assert_uniform(Counter((tuple(a), tuple(b)) for a, b in layers), comb(4, 2) ** 2, n_draws)


def test_expander_rejects_more_inputs_than_there_are():
    with pytest.raises(TopologyError, match="room for 40 connections"):
        RandomExpander(fan_in=11).build(10, 4, rng())


@given(n_in=st.integers(1, 30), n_out=st.integers(1, 30), density=st.floats(0.05, 1), rewire=st.floats(0, 1))
@settings(deadline=None)
def test_small_world_count(n_in, n_out, density, rewire):
    count = round(density * (n_in * n_out))
    if not count:
        return
    fan_in = dense(SmallWorld(density, rewire), n_in, n_out).sum(axis=0)
    assert fan_in.sum() == count and fan_in.max() - fan_in.min() <= 1


def test_small_world_lattice_joins_neighbours_and_reaches_every_input():
    mask = dense(SmallWorld(0.1, 0), 100, 50)
    assert np.all(mask.sum(axis=0) == 10) and np.all(mask.sum(axis=1) == 5)
    inputs, outputs = np.nonzero(mask)
    around = np.abs(inputs - 2 * outputs)
    assert np.minimum(around, 100 - around).max() <= 5


def test_small_world_rewires_the_share_it_says():
    lattice = dense(SmallWorld(0.1, 0), 300, 200)
    for rewire in (0.1, 0.5, 1):
        mask = dense(SmallWorld(0.1, rewire), 300, 200)
        lost = 1 - (lattice * mask).sum() / lattice.sum()
        free = 0.9 / (0.9 + 0.1 * rewire)  # a cut place is empty too and may be drawn again
        assert lost == pytest.approx(rewire * free, abs=0.03)


# ---- resolve


def test_resolve_one_for_all_and_one_per_layer():
    assert resolve(Uniform(0.1), [3, 4, 5]) == [Uniform(0.1)] * 2
    assert resolve([Uniform(0.1), Dense()], (3, 4, 5)) == [Uniform(0.1), Dense()]
    assert resolve((ErdosRenyi(density=0.5),), [4, 4]) == [RandomLayer(8)]
    nested = resolve([RadixNet((2, 3), (1, 1, 1)), [Dense(), [Uniform(0.2)]]], [6, 6, 6, 4, 4])
    assert nested == [*RadixNet((2, 3), (1, 1, 1)), Dense(), Uniform(0.2)]
    assert resolve(RandomEquivalent(ErdosRenyi(density=0.5)), [4, 4, 4]) == [RandomEquivalent(RandomLayer(8))] * 2


@pytest.mark.parametrize(
    ("topology", "sizes", "error", "message"),
    [
        ([Dense()], [3, 4, 5], ValueError, "2 for the sizes.*got 1"),
        ([Dense()] * 3, [3, 4, 5], ValueError, "got 3"),
        ([], [3, 4], ValueError, "got 0"),
        (RadixNet((2, 3), (1, 1, 1)), [6, 6, 6, 2], ValueError, "got 2"),
        ([ErdosRenyi(density=0.1), Dense()], [3, 4, 5], ValueError, "whole net.*Uniform"),
        ([RandomEquivalent(ErdosRenyi(density=0.1)), Dense()], [3, 4, 5], ValueError, "whole net"),
        (Dense(), [3], ValueError, "at least 2 sizes"),
        (Dense(), [3, 0], ValueError, r"sizes\[1\]"),
        (Dense(), [3, 2**31], ValueError, r"sizes\[1\]"),
        (Dense(), [3, 4.0], TypeError, r"sizes\[1\]"),
        (0.1, [3, 4], TypeError, "Uniform"),
        ("dense", [3, 4], TypeError, "Uniform"),
        (None, [3, 4], TypeError, "Uniform"),
        ([Dense], [3, 4], TypeError, "Uniform"),
        (np.ones((3, 4)), [3, 4], TypeError, "Given"),
        ([scipy.sparse.csr_array(MATRIX)], [2, 3], TypeError, "Given"),
    ],
)
def test_resolve_rejects(topology, sizes, error, message):
    with pytest.raises(error, match=message):
        resolve(topology, sizes)


def test_a_topology_of_your_own():
    class Diagonal(Topology):
        def build(self, n_in, n_out, rng):
            return np.arange(n_in + 1, dtype=np.int32), np.arange(n_in, dtype=np.int32)

    assert all(np.array_equal(dense(t, 4, 4), np.eye(4)) for t in resolve(Diagonal(), [4, 4, 4]))
    assert Diagonal().values is None


def test_other_seed_other_connections():
    assert not np.array_equal(dense(Uniform(0.1), 50, 50, seed=0), dense(Uniform(0.1), 50, 50, seed=1))
