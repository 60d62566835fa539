"""apply_change: what it promises, and that a change that does not fit changes nothing."""

import tracemalloc

import numpy as np
import pytest

from sparsemlp.errors import TopologyError
from sparsemlp.kernels import rewrite as evolve
from sparsemlp.weights.change import Change, apply_change
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights


def layer(dtype=np.float32):
    """Rows 0: outputs 0, 2; 1: none; 2: 1, 2, 3; 3: 0."""
    indptr, indices = np.array([0, 2, 2, 5, 6], np.int32), np.array([0, 2, 1, 2, 3, 0], np.int32)
    w = SparseWeights((4, 4), indptr, indices, np.arange(1, 7).astype(dtype))
    w.allocate_state(2)
    w.state[:] = [[10, 20, 30, 40, 50, 60], [-1, -2, -3, -4, -5, -6]]
    return w


def arrays(w):
    return {name: a for name, a in vars(w).items() if isinstance(a, np.ndarray)}


def snapshot(w):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays(w).items()} | {"version": w.version}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_change_by_hand(dtype):
    w = layer(dtype)
    before = arrays(w)
    # drop (0, 2), (2, 1) and (3, 0); grow (1, 3), (2, 0) and (3, 0) again
    apply_change(w, Change(drop=[1, 2, 5], grow=[7, 8, 12], zero=[3], values=[0.5, -0.5, 0.25]))
    w.check()
    assert w.csr.toarray().tolist() == [[1, 0, 0, 0], [0, 0, 0, 0.5], [-0.5, 0, 0, 5], [0.25, 0, 0, 0]]
    assert w.indices.tolist() == [0, 3, 0, 2, 3, 0] and w.data.tolist() == [1, 0.5, -0.5, 0, 5, 0.25]
    assert w.state.tolist() == [[10, 0, 0, 40, 50, 0], [-1, 0, 0, -4, -5, 0]]  # zeroed keeps its state, regrown does not
    assert all(a is before[name] for name, a in arrays(w).items())  # kernels hold these arrays


@pytest.mark.parametrize(("drop", "grow"), [([0, 5], []), ([], [4, 15]), ([1], [4, 6, 15]), ([0, 1, 2, 3, 4, 5], [7]), (range(6), [])])
def test_the_number_of_connections_may_change(drop, grow):
    w = layer()
    flat = np.repeat(np.arange(4), np.diff(w.indptr)) * 4 + w.indices
    want = np.sort(np.concatenate([np.delete(flat, drop), grow])).astype(int)
    matrix = w.csr.toarray().reshape(-1)
    matrix[flat[list(drop)]] = 0
    version = w.version
    apply_change(w, Change(list(drop), grow))
    w.check()
    assert (np.repeat(np.arange(4), np.diff(w.indptr)) * 4 + w.indices).tolist() == want.tolist()
    assert w.csr.toarray().reshape(-1).tolist() == matrix.tolist()
    assert w.state.shape == (2, want.size) and w.data.dtype == np.float32 and w.version != version


def test_version_changes_with_the_topology_only():
    w = layer()
    versions = [w.version]
    apply_change(w, Change(drop=[0], grow=[1]))
    versions.append(w.version)
    apply_change(w, Change(zero=[1, 2]))
    apply_change(w, Change())
    assert versions[0] != versions[1] == w.version
    assert w.data.tolist() == [0, 0, 0, 4, 5, 6] and w.state[0].tolist() == [0, 20, 30, 40, 50, 60]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(drop=[6]), r"drop\[0\] must be a slot from 0 to 5 .* got 6"),
        (dict(drop=[-1, 2]), r"drop\[0\] must be a slot from 0 to 5 .* got -1"),
        (dict(drop=[3, 2]), r"drop\[1\] must be above the one before it"),
        (dict(drop=[2, 2]), r"drop\[1\] must be above the one before it"),
        (dict(zero=[0, 6]), r"zero\[1\] must be a slot"),
        (dict(zero=[1, 0]), r"zero\[1\] must be above"),
        (dict(drop=[1], zero=[1]), r"zero\[0\] must be a connection that stays"),
        (dict(grow=[16]), r"grow\[0\] must be a cell i \* 4 \+ j from 0 to 15; got 16"),
        (dict(grow=[-2]), r"grow\[0\] must be a cell"),
        (dict(grow=[3, 3]), r"grow\[1\] must be above"),
        (dict(grow=[3, 1]), r"grow\[1\] must be above"),
        (dict(grow=[1, 2]), r"grow\[1\] must be an empty cell once drop is gone; got 2"),
        (dict(drop=[1], grow=[2, 11]), r"grow\[1\] must be an empty cell"),
        (dict(grow=[1], values=[np.nan]), r"values must be finite in float32; got nan for grow\[0\]"),
        (dict(grow=[1, 3], values=[1, 1e39]), r"values must be finite in float32; got inf for grow\[1\]"),
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(change, message):
    w = layer()
    before = snapshot(w)
    with pytest.raises(TopologyError, match=message):
        apply_change(w, Change(**change))
    assert snapshot(w) == before


@pytest.mark.parametrize(
    "wrong",
    [
        dict(drop=[0.0]),
        dict(drop=[[0]]),
        dict(grow=np.array([1], np.uint64)),
        dict(grow=[True]),
        dict(grow=[1, 3], values=[1.0]),
        dict(grow=[1], values=["a"]),
        dict(values=[1.0]),
    ],
)
def test_a_change_that_fits_no_layer_cannot_be_made(wrong):
    with pytest.raises(TopologyError, match=r"Change\.(drop|grow|values) must be"):
        Change(**wrong)


def test_dense_weights_mask_what_is_dropped():
    w = DenseWeights(np.arange(1, 7, dtype=np.float32).reshape(2, 3))
    w.allocate_state(2)
    w.state[:] = [[10, 20, 30, 40, 50, 60], [-1, -2, -3, -4, -5, -6]]
    before, version = arrays(w), w.version
    apply_change(w, Change(zero=[1, 5]))
    assert w.matrix.tolist() == [[1, 0, 3], [4, 5, 0]] and w.removed is None and w.version == version
    apply_change(w, Change(drop=[0, 1, 4]))
    w.check()
    assert w.matrix.tolist() == [[0, 0, 3], [4, 0, 0]] and w.state.tolist() == [[0, 0, 30, 40, 0, 60], [0, 0, -3, -4, 0, -6]]
    assert w.removed.tolist() == [1, 1, 0, 0, 1, 0] and w.n_connections == 3 and w.density == 0.5 and w.version != version
    # 2 is dropped and starts anew, 0 and 4 come back
    version = w.version
    apply_change(w, Change(drop=[2, 3], grow=[0, 2, 4], values=[7, 8, 9]))
    w.check()
    assert w.matrix.tolist() == [[7, 0, 8], [0, 9, 0]] and w.state.tolist() == [[0, 0, 0, 0, 0, 60], [0, 0, 0, 0, 0, -6]]
    assert w.csr.toarray().tolist() == w.matrix.tolist() and w.csr.nnz == 4 and w.version == version
    assert all(a is before[name] for name, a in arrays(w).items() if name != "removed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(zero=[6]), "from 0 to 5"),
        (dict(drop=[1]), r"drop\[0\] must be a connection that exists, and this one was removed before; got 1"),
        (dict(zero=[0, 1]), r"zero\[1\] must be a connection that exists"),
        (dict(grow=[0, 1]), r"grow\[0\] must be an empty cell once drop is gone; got 0"),
        (dict(grow=[6]), r"grow\[0\] must be a cell"),
        (dict(drop=[3, 2]), r"drop\[1\] must be above"),
    ],
)
def test_a_change_that_does_not_fit_a_dense_layer_changes_nothing(change, message):
    w = DenseWeights(np.ones((2, 3), np.float32), removed=np.array([[False, True, False], [False, False, False]]))
    before = snapshot(w)
    with pytest.raises(TopologyError, match=message):
        apply_change(w, Change(**change))
    assert snapshot(w) == before
    with pytest.raises(TopologyError, match="empty cell"):
        apply_change(DenseWeights(np.ones((2, 3), np.float32)), Change(grow=[3]))


@pytest.mark.parametrize("change", [Change(drop=[0], grow=[1]), Change(drop=[0]), Change(grow=[1])])
def test_an_interrupt_comes_before_or_after(monkeypatch, change):
    w = layer()
    before = snapshot(w)
    with monkeypatch.context() as patch:
        patch.setattr(evolve, "rewrite", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            apply_change(w, change)
    w.check()
    after = snapshot(w)
    assert {**after, "version": 0} == {**before, "version": 0}
    apply_change(w, change)
    w.check()


def test_a_wide_layer_needs_no_memory_of_its_size():
    n, per_row = 100_000, 2
    indices = (np.arange(n)[:, None] * 7 + [0, 50_000]) % n
    w = SparseWeights((n, n), np.arange(n + 1) * per_row, np.sort(indices).reshape(-1), np.ones(per_row * n, np.float32))
    w.allocate_state(1)
    taken = np.repeat(np.arange(n), per_row) * n + w.indices
    change = Change(drop=np.arange(0, w.data.size, 4), grow=np.setdiff1d(taken[::4] ^ 1, taken))
    apply_change(w, Change(drop=[0], grow=taken[:1]))  # compiled
    tracemalloc.start()
    apply_change(w, change)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    w.check()
    assert peak < 40 * w.data.size
