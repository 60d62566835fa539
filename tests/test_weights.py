"""SparseWeights and DenseWeights: their invariants, what breaks them, and arrays that are not what they claim."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

import sparsemlp as sm
from sparsemlp import DenseWeights, SparseWeights, TopologyError


def weights(dtype=np.float32):
    """Rows of 2, 0, 3 and 1 connections; column 1 is empty.

    [[1 . 2 .]
     [. . . .]
     [3 . 4 5]
     [. . . 6]]
    """
    indptr, indices = np.array([0, 2, 2, 5, 6], np.int32), np.array([0, 2, 0, 2, 3, 3], np.int32)
    w = SparseWeights((4, 4), indptr, indices, np.arange(1, 7, dtype=dtype))
    w.allocate_state(2)
    return w


MATRIX = np.array([[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 5], [0, 0, 0, 6]])


# ---- what they hold
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_weights(dtype):
    w = weights(dtype)
    assert w.shape == (4, 4) and w.n_connections == 6 and w.density == 6 / 16 and w.dtype == dtype and not w.is_dense
    assert w.indptr.dtype == w.indices.dtype == w.perm.dtype == w.inputs.dtype == w.out_ptr.dtype == np.int32
    assert_array_equal(w.csr.toarray(), MATRIX)
    assert_array_equal(w.perm, [0, 2, 1, 3, 4, 5])
    assert_array_equal(w.inputs, [0, 2, 0, 2, 2, 3])
    assert_array_equal(w.out_ptr, [0, 2, 2, 4, 6])
    assert repr(w) == "SparseWeights(4, 4): 6 connections, density 0.375"
    size = np.dtype(dtype).itemsize
    assert w.nbytes() == {
        "values": 6 * size,
        "indices": 4 * (6 + 5),
        "transposed_index": 4 * (6 + 6 + 5),
        "optimizer_state": 2 * 6 * size,
    }
    w.check()


def test_arrays_are_taken_over_and_csr_shares_them():
    indptr, indices = np.array([0, 1, 2], np.int32), np.array([1, 0], np.int32)
    data = np.array([1.0, 2.0], np.float32)
    w = SparseWeights((2, 2), indptr, indices, data)
    assert w.data is data and np.shares_memory(w.indptr, indptr) and np.shares_memory(w.indices, indices)
    csr = w.csr
    assert isinstance(csr, sp.csr_array)
    for a, b in ((csr.data, data), (csr.indices, indices), (csr.indptr, indptr)):
        assert np.shares_memory(a, b)
    csr.data[0] = 7
    assert w.data[0] == 7
    assert (np.ones((1, 2), np.float32) @ w.csr).tolist() == [[2, 7]]


def test_other_integers_are_converted():
    for dtype in (np.int64, np.uint8, np.uint64, ">i4"):
        w = SparseWeights((2, 3), np.array([0, 2, 3]).astype(dtype), np.array([0, 2, 1]).astype(dtype), np.ones(3, np.float32))
        assert w.indices.dtype == w.indptr.dtype == np.int32
        w.check()
    w = SparseWeights((2, 3), np.array([0, 9, 2, 9, 3])[::2], np.array([0, 9, 2, 9, 1])[::2], np.arange(6, dtype=np.float32)[::2])
    assert w.data.flags.c_contiguous
    assert_array_equal(w.csr.toarray(), [[0, 0, 2], [0, 4, 0]])


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_from_scipy_takes_every_format(form):
    for container in (sp.csr_array, sp.csr_matrix):
        w = SparseWeights.from_scipy(container(MATRIX).asformat(form))
        assert w.dtype == np.float32
        assert_array_equal(w.csr.toarray(), MATRIX)
        w.check()


def test_from_scipy_copies_and_sorts():
    matrix = sp.csr_array((np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))
    w = SparseWeights.from_scipy(matrix, np.float64)
    assert_array_equal(w.indices, [0, 2, 1])
    assert_array_equal(w.data, [2, 1, 3])
    w.data[:] = 9
    assert matrix.data.tolist() == [1, 2, 3] and matrix.indices.tolist() == [2, 0, 1]


def test_explicit_zeros_are_connections():
    w = SparseWeights.from_scipy(sp.csr_array((np.array([0.0, 1.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 2)))
    assert w.n_connections == 2


def test_a_layer_may_be_empty():
    w = SparseWeights((2, 3), np.zeros(3, int), np.zeros(0, int), np.zeros(0, np.float32))
    assert w.n_connections == 0 and w.density == 0
    assert_array_equal(w.csr.toarray(), np.zeros((2, 3)))
    w.check()


def test_state_is_kept_if_it_fits_and_new_if_not():
    w = weights()
    w.state[:] = 5
    before = w.state
    w.allocate_state(2)
    assert w.state is before
    w.allocate_state(1)
    assert w.state.shape == (1, 6) and not w.state.any()
    w.allocate_state(0)
    assert w.state.shape == (0, 6)
    w.check()


def test_dense_weights():
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    w = DenseWeights(matrix)
    assert w.is_dense and w.shape == (2, 3) and w.n_connections == 6 and w.density == 1 and w.dtype == np.float32
    assert np.shares_memory(w.matrix, matrix) and np.shares_memory(w.data, matrix)
    assert_array_equal(w.csr.toarray(), matrix)
    assert w.csr.nnz == 6  # the zero too
    w.csr.data[:] = 9  # a copy
    assert matrix.max() == 5
    w.data[0] = 7
    assert matrix[0, 0] == 7
    w.allocate_state(2)
    assert w.nbytes() == {"values": 24, "indices": 0, "transposed_index": 0, "optimizer_state": 48}
    assert repr(w) == "DenseWeights(2, 3): 6 connections"
    w.check()


def test_dense_weights_of_other_layouts_are_copied_into_c_order():
    matrix = np.arange(6, dtype=np.float64).reshape(2, 3)
    for other in (np.asfortranarray(matrix), np.repeat(matrix, 2, axis=1)[:, ::2], matrix[::-1][::-1]):
        w = DenseWeights(other)
        assert w.matrix.flags.c_contiguous and np.shares_memory(w.matrix, w.data)
        assert_array_equal(w.matrix, matrix)


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)))
def test_any_matrix_goes_in_and_comes_out(mask):
    values = np.where(mask, 1 + np.arange(mask.size).reshape(mask.shape), 0)
    w = SparseWeights.from_scipy(sp.csr_array(values), np.float64)
    w.check()
    assert_array_equal(w.csr.toarray(), values)
    for j in range(mask.shape[1]):  # the index by output unit
        part = slice(w.out_ptr[j], w.out_ptr[j + 1])
        assert_array_equal(w.inputs[part], np.flatnonzero(mask[:, j]))
        assert_array_equal(w.data[w.perm[part]], values[mask[:, j], j])


# ---- what is refused
OK = {"shape": (2, 3), "indptr": [0, 2, 3], "indices": [0, 2, 1], "data": np.ones(3, np.float32)}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"indices": [2, 0, 1]}, r"Input unit 0 holds output 2 before 0: sorted and unique is the rule.*sum_duplicates"),
        ({"indices": [1, 1, 1]}, r"Input unit 0 holds output 1 before 1"),
        ({"indptr": [0, 1, 3], "indices": [0, 2, 1]}, r"Input unit 1 holds output 2 before 1"),
        ({"indices": [0, 3, 1]}, r"Output units must be from 0 to 2; got 0 to 3"),
        ({"indices": [0, 2**31, 1]}, r"Output units must be from 0 to 2; got 0 to 2147483648"),
        ({"indices": [-1, 2, 1]}, r"Output units must be from 0 to 2; got -1 to 2"),
        ({"indices": np.array([0, 2**64 - 1, 1], np.uint64)}, r"Output units must be from 0 to 2"),
        ({"indptr": [0, 3]}, r"indptr must rise from 0 to the 3 connections in n_in \+ 1 = 3 steps"),
        ({"indptr": [0, 1, 2, 3]}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": [1, 2, 3]}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": [0, 2, 4]}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": [0, 2, 2]}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": [0, 4, 3]}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": [0, -1, 3]}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": np.array([0, 2**64 - 1, 3], np.uint64)}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": [0, 2**32 + 2, 3]}, r"indptr must rise from 0 to the 3 connections"),
        ({"indptr": []}, r"indptr must be a 1-D integer array; got float64\[0\]"),
        ({"indptr": [0.0, 2.0, 3.0]}, r"indptr must be a 1-D integer array; got float64\[3\]"),
        ({"indices": [[0, 2, 1]]}, r"indices must be a 1-D integer array; got int64\[1, 3\]"),
        ({"indices": [True, False, True]}, r"indices must be a 1-D integer array; got bool\[3\]"),
        ({"indices": ["0", "2", "1"]}, r"indices must be a 1-D integer array; got <U1\[3\]"),
        ({"indices": [0, 2]}, r"indptr must rise from 0 to the 2 connections"),
        (
            {"shape": (0, 3), "indptr": [0], "indices": [], "data": np.ones(0)},
            r"at least one input and one output unit; got shape \(0, 3\)",
        ),
        ({"shape": (2, 0)}, r"at least one input and one output unit; got shape \(2, 0\)"),
        ({"shape": (2, -3)}, r"at least one input and one output unit"),
        ({"shape": (2**31, 3)}, r"at most 2\*\*31 - 1 units or connections; got 2147483648 x 3"),
        ({"shape": (2, 2**31)}, r"at most 2\*\*31 - 1 units or connections; got 2 x 2147483648"),
        ({"data": np.ones(2, np.float32)}, r"data must be float32 or float64 \[3\]; got float32\[2\]"),
        ({"data": np.ones((3, 1), np.float32)}, r"data must be float32 or float64 \[3\]; got float32\[3, 1\]"),
        ({"data": np.ones(3, np.float16)}, r"data must be float32 or float64 \[3\]; got float16\[3\]"),
        ({"data": np.ones(3, ">f4")}, r"data must be float32 or float64 \[3\]; got >f4\[3\]"),
        ({"data": np.ones(3, int)}, r"data must be float32 or float64 \[3\]; got int64\[3\]"),
        ({"data": np.ones(3, complex)}, r"data must be float32 or float64 \[3\]; got complex128\[3\]"),
    ],
)
def test_wrong_structures(changed, words):
    with pytest.raises(TopologyError, match=words):
        SparseWeights(**(OK | changed))


def test_more_connections_than_an_index_counts():
    """The length alone decides: a view of one number 2**31 times, which no code may walk through first."""
    many = np.broadcast_to(np.int32(0), (2**31,))
    with pytest.raises(TopologyError, match=r"at most 2\*\*31 - 1 units or connections; got 2 x 3 with 2147483648 connections"):
        SparseWeights((2, 3), np.array([0, 1, 2**31]), many, np.broadcast_to(np.float32(0), (2**31,)))


def test_locked_arrays_are_copied():
    """Training writes to them."""
    arrays = {"indptr": np.array([0, 2, 3], np.int32), "indices": np.array([0, 2, 1], np.int32), "data": np.ones(3, np.float32)}
    for a in arrays.values():
        a.flags.writeable = False
    w = SparseWeights((2, 3), **arrays)
    assert w.data.flags.writeable and w._indices.flags.writeable and w._indptr.flags.writeable
    matrix = np.ones((2, 3), np.float32)
    matrix.flags.writeable = False
    assert DenseWeights(matrix).data.flags.writeable
    bias = np.zeros(6, np.float32)[::2]
    bias.flags.writeable = False
    assert sm.Linear(DenseWeights(matrix), bias).bias.flags.carray


@pytest.mark.parametrize("matrix", [np.ones(3), np.ones((2, 2, 2)), np.ones((0, 3)), np.ones((3, 0)), np.ones((2, 2), int)], ids=str)
def test_wrong_dense_matrices(matrix):
    with pytest.raises(TopologyError, match=r"Dense weights must be float32 or float64 \[n_in, n_out\]; got "):
        DenseWeights(matrix)


def test_wrong_scipy_matrices():
    twice = sp.coo_array((np.ones(2), ([0, 0], [1, 1])), shape=(2, 2))
    csr_twice = sp.csr_array((np.ones(2), np.array([1, 1]), np.array([0, 2, 2])), shape=(2, 2))
    for matrix in (twice, csr_twice):
        with pytest.raises(TopologyError, match=r"[Rr]ow 0 .*column 1 twice|sum_duplicates"):
            SparseWeights.from_scipy(matrix)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(TopologyError, match="finite"):
            SparseWeights.from_scipy(sp.csr_array([[1.0, bad]]))
    with pytest.raises(TopologyError, match="finite"):  # in float32
        SparseWeights.from_scipy(sp.csr_array([[1.0, 1e300]]))
    hostile = sp.csr_array(np.ones((3, 3)))
    hostile.indices[4] = 10**6
    with pytest.raises(TopologyError, match=r"must be (from )?0 to 2; got 0 to 1000000"):
        SparseWeights.from_scipy(hostile)


# ---- what check() finds
def spoil(name, place, value):
    def change(w):
        getattr(w, f"_{name}" if hasattr(w, f"_{name}") else name)[place] = value

    return change


def replace(name, make):
    def change(w):
        private = f"_{name}" if hasattr(w, f"_{name}") else name
        setattr(w, private, make(getattr(w, private)))

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoil("indices", 0, 2), "sorted and unique"),
        (spoil("indices", slice(0, 2), [2, 0]), "sorted and unique"),
        (spoil("indices", 5, 4), "Output units must be from 0 to 3"),
        (spoil("indices", 5, -1), "Output units must be from 0 to 3"),
        (spoil("indptr", 0, 1), "indptr must rise"),
        (spoil("indptr", 1, 6), "indptr must rise"),
        (spoil("indptr", -1, 5), "indptr must rise"),
        (replace("indptr", lambda a: a[:-1]), "indptr must rise"),
        (replace("data", lambda a: a[:-1]), r"State \(2, 6\) and data \(5,\) must align with 6 connections"),
        (replace("data", lambda a: a.reshape(2, 3)), "must align with 6 connections"),
        (replace("state", lambda a: a[:, :-1]), r"State \(2, 5\) and data \(6,\) must align"),
        (replace("state", lambda a: a[0]), "must align"),
        (spoil("perm", slice(0, 2), [2, 0]), "index by output unit does not match.*rebuild_index"),
        (spoil("inputs", 0, 3), "index by output unit does not match"),
        (spoil("out_ptr", 1, 1), "index by output unit does not match"),
        (replace("perm", lambda a: a[:-1]), "index by output unit does not match"),
        (spoil("indptr", 1, 1), "index by output unit does not match"),  # a valid structure, but another one
        (spoil("data", 3, np.nan), "must be finite"),
        (spoil("data", 3, np.inf), "must be finite"),
        (spoil("state", (1, 3), np.nan), "must be finite"),
    ],
)
def test_check_finds_each_broken_invariant(change, words):
    w = weights()
    w.check()
    change(w)
    with pytest.raises(TopologyError, match=words):
        w.check()


def test_check_of_dense_weights():
    for change, words in (
        (spoil("data", 1, np.nan), "must be finite"),
        (spoil("matrix", (0, 0), np.inf), "must be finite"),
        (replace("state", lambda a: a[:, :-1]), r"State \(1, 5\) must align with 6 connections"),
    ):
        w = DenseWeights(np.ones((2, 3), np.float32))
        w.allocate_state(1)
        w.check()
        change(w)
        with pytest.raises(TopologyError, match=words):
            w.check()


def test_check_of_a_network_looks_at_every_layer():
    net = sm.MLP([4, 5, 3], density=0.5)
    net.check()
    net.layers[1].weights._perm[:2] = net.layers[1].weights.perm[[1, 0]]
    with pytest.raises(TopologyError, match="index by output unit"):
        net.check()
    net.layers[1].weights.rebuild_index()
    net.check()
    net.layers[0].bias[0] = np.nan
    with pytest.raises(TopologyError, match=r"Biases and their optimizer state must be finite; those of layer 0 are not"):
        net.check()


def test_rebuilding_the_index_mends_it_and_counts():
    w = weights()
    version = w.version
    w._perm[:] = 0
    w.rebuild_index()
    assert w.version > version
    w.check()
