"""What the pruning policies promise: counts by their formulas, against slow twins, on dense and on sparse layers, in whole runs."""

from types import SimpleNamespace

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.errors import CheckpointError
from sparsemlp.policies.base import LayerView, Progress
from sparsemlp.policies.select import largest_magnitude
from sparsemlp.weights.change import apply_change
from sparsemlp.weights.dense import DenseWeights

X, Y, X_TEST, Y_TEST = sm.datasets.load("digits")
X, X_TEST = X / 16, X_TEST / 16


def dense_layer(n_in=20, n_out=15, seed=0):
    matrix = np.random.default_rng(seed).standard_normal((n_in, n_out)).astype(np.float32)
    return SimpleNamespace(weights=DenseWeights(matrix), initializer=sm.He())


def run(policy, epochs, topology=None, n=300, hidden=(30,)):
    net = sm.MLP([64, *hidden, 10], topology=topology or sm.Dense(), seed=1)
    trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.05, momentum=0.9), policy=policy, debug=True)
    return trainer, trainer.fit(X[:n], Y[:n], epochs, 32)


def test_largest_magnitude_takes_the_first_of_equals():
    assert largest_magnitude(np.array([1.0, -3.0, 3.0, 0.5, 3.0]), 2).tolist() == [1, 2]
    assert largest_magnitude(np.array([1.0, 2.0]), 0).size == 0


@pytest.mark.parametrize("topology", [sm.Dense(), sm.Uniform(1.0)], ids=["dense", "sparse"])
def test_one_time_keeps_the_largest(topology):
    before, _ = run(sm.Static(), 2, topology)
    trainer, history = run(sm.OneTimePruning(0.8, after=2, layers=(0,)), 3, topology)
    assert [c[0] for c in history["connections"]] == [1920, 1920, 384]
    found = before.network.layers[0].weights.data
    order = np.lexsort((np.arange(found.size), np.abs(found)))
    kept = trainer.network.layers[0].weights.csr
    positions = np.repeat(np.arange(64), np.diff(kept.indptr)) * 30 + kept.indices
    assert positions.tolist() == sorted(order[-384:].tolist())
    assert trainer.policy_states[0]["threshold"] == pytest.approx(np.abs(found)[order[-385]])
    assert trainer.network.layers[1].weights.n_connections == 300 and not trainer.network.layers[0].weights.is_dense


def test_iterative_follows_its_schedule_by_steps_and_by_epochs():
    s = sm.CubicSparsity(0.0, 0.9, begin=1, end=3)
    _, history = run(sm.IterativePruning(s, every=4, layers=(0,)), 4)  # 10 steps an epoch: pruned after 12, 16 ... 40
    assert [c[0] for c in history["connections"]] == [1920] + [round((1 - s(t, 4)) * 1920) for t in (2.0, 2.8, 3.2)]
    _, history = run(sm.IterativePruning(s, layers=(0,)), 5)
    assert [c[0] for c in history["connections"]] == [1920, 1920] + [round((1 - s(t, 5)) * 1920) for t in (2, 3, 4)]
    _, history = run(sm.IterativePruning(sm.CubicSparsity(0, 0.9), every=1000, layers=(0,)), 2)
    assert history["connections"][-1][0] == 192  # the run's last step


def test_a_second_fit_counts_its_own_steps():
    trainer, _ = run(sm.IterativePruning(sm.CubicSparsity(0, 0.5), every=7), 2)
    trainer.policy = sm.IterativePruning(sm.CubicSparsity(0.5, 0.9), every=7)
    history = trainer.fit(X[:300], Y[:300], 2, 32)
    assert history["connections"][-1] == [192, 30]
    assert history["connections"][0][0] == round((1 - trainer.policy.sparsity(0.7, 2)) * 1920)


def test_fsa_keeps_what_the_formula_says_after_each_step():
    layer, mu, keep, n_steps = dense_layer(), 2.0, 0.1, 12
    policy, state = sm.FSA(keep, mu), {"done": False}
    counts = []
    for e in range(1, n_steps + 1):
        progress = Progress((e - 1) // 4, 3, 100 + e - 1, 4, e - 1)
        change, state = policy.on_step(LayerView.of(layer, 0), state, progress, None)
        if change is not None:
            apply_change(layer.weights, change)
        counts.append(layer.weights.n_connections)
    k, total = 30, 300
    expected = [round(k + (total - k) * max(0, (n_steps - 2 * e) / (2 * e * mu + n_steps))) for e in range(1, n_steps + 1)]
    assert counts == expected and state["done"]
    magnitudes = np.abs(dense_layer().weights.data)
    assert np.flatnonzero(~layer.weights.removed).tolist() == sorted(np.argsort(magnitudes)[-30:].tolist())


def naive_annealed(w, masked, i, n, keep, mu, target):
    """The mask of pruning i, by a list."""
    k = round(keep * len(w))
    m_e = round(k + (len(w) - k) * max(0, (n - i) / (2 * i * mu + n)))
    order = sorted((p for p in range(len(w)) if not masked[p]), key=lambda p: (-abs(w[p]) if target == "largest" else abs(w[p]), p))
    masked = list(masked)
    for p in order[: max(0, len(order) - m_e)]:
        masked[p] = True
    return np.array(masked), m_e


@pytest.mark.parametrize("target", ["largest", "smallest"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_annealed_pruning_step_by_step(target, sparse):
    layer, n_epochs, n = dense_layer(), 12, 12 - 3 - 2 + 1
    if sparse:
        layer.weights = layer.weights.to_sparse()
    policy, state, masked = sm.AnnealedPruning(0, keep=0.2, mu=0.5, first=2, post=3, target=target), None, np.zeros(300, bool)
    rng = np.random.default_rng(3)
    for epoch in range(n_epochs - 1):
        w = layer.weights.data.copy()
        change, state = policy.between_epochs(LayerView.of(layer, 0), state, Progress(epoch, n_epochs, 0, 5), rng)
        i = epoch + 1 - 2 + 1
        if not 1 <= i <= n:
            assert change is None
            continue
        before = masked.sum()
        masked, m_e = naive_annealed(w, masked, i, n, 0.2, 0.5, target)
        assert (~masked).sum() == m_e
        if i == n:
            assert change.drop.tolist() == np.flatnonzero(masked).tolist() and state is None
        else:
            assert change.zero.tolist() == np.flatnonzero(masked).tolist() and not change.drop.size
            back = masked & ~state["masked"].astype(bool)
            assert not (state["masked"].astype(bool) & ~masked).any() and back.sum() <= before * 0.5 * (n - i) / (n - 1)
            assert i > 1 or not back.any()
            masked = state["masked"].astype(bool)
        apply_change(layer.weights, change)
        layer.weights.data[layer.weights.removed == 0 if not sparse and i == n else slice(None)] += rng.standard_normal(
            60 if i == n else 300
        )  # training: zeroed weights move again, removed ones do not
    assert layer.weights.n_connections == 60


def test_annealed_pruning_in_a_run():
    trainer, history = run(sm.AnnealedPruning(0, first=1, post=2), 6)
    assert [c[0] for c in history["connections"]] == [1920] * 4 + [192] * 2
    assert [s[0] for s in history["storage"]] == ["dense"] * 4 + ["sparse"] * 2
    assert history["turned_sparse"][4][0]["layer"] == 0 and trainer.policy_states[0] is None
    assert history["connections"][-1][1] == 300
    with pytest.raises(ValueError, match="at least one epoch to prune after; got a run of 5"):
        run(sm.AnnealedPruning(0, first=3, post=3), 5)


@pytest.mark.parametrize("target", ["largest", "smallest"])
@pytest.mark.parametrize("topology", [sm.Dense(), sm.Uniform(1.0)], ids=["dense", "sparse"])
def test_annealed_pruning_for_good(topology, target):
    """The counts of the paper's schedule, removed at once; the layer turns sparse long before the last pruning."""
    policy = sm.AnnealedPruning(0, keep=0.1, first=2, post=2, target=target, permanent=True)
    trainer, history = run(policy, 8, topology)
    n, kept = 5, 192
    left = [round(kept + (1920 - kept) * (n - i) / (2 * i + n)) for i in range(1, n + 1)]
    assert [c[0] for c in history["connections"]] == [1920] * 2 + left + [kept] and left[-1] == kept
    assert history["connections"][-1][1] == 300 and trainer.policy_states[0] is None
    storage = [s[0] for s in history["storage"]]
    assert storage == ["sparse"] * 8 if isinstance(topology, sm.Uniform) else storage.index("sparse") == 3


def test_annealed_pruning_for_good_takes_what_the_target_names():
    layer = dense_layer()
    values = np.abs(layer.weights.data.ravel())
    for target, order in (("largest", np.argsort(-values)), ("smallest", np.argsort(values))):
        policy = sm.AnnealedPruning(0, keep=0.2, first=1, post=1, target=target, permanent=True)
        change, state = policy.between_epochs(LayerView.of(layer, 0), None, Progress(0, 5, 0, 5), None)
        assert state == {"size": 300} and set(change.drop) == set(order[: change.drop.size]) and change.drop.size > 100
        policy.check_state(LayerView.of(layer, 0), state)
        with pytest.raises(CheckpointError, match="size: int from 1"):
            policy.check_state(LayerView.of(layer, 0), {"size": 0})


def test_a_checkpoint_cannot_bring_a_mask_of_another_length():
    view, policy = LayerView.of(dense_layer(), 0), sm.AnnealedPruning(0)
    policy.check_state(view, {"masked": np.zeros(300, np.uint8)})
    length, names = r"uint8\[300\]", "must be a dict of masked; got"
    for state, said in (({"masked": np.zeros(299, np.uint8)}, length), ({"masked": np.zeros(300)}, length), ({}, names), (3, names)):
        with pytest.raises(CheckpointError, match=said):
            policy.check_state(view, state)


def test_resumed_in_the_middle_gives_the_same_bits(tmp_path):
    for_good = sm.AnnealedPruning(0, first=1, post=1, permanent=True)
    for policy in (sm.AnnealedPruning(0, first=1, post=1), for_good, sm.IterativePruning(sm.CubicSparsity(0, 0.9), every=3), sm.FSA(0.2)):
        whole, _ = run(policy, 5)
        for stop in (2, 3):
            net = sm.MLP([64, 30, 10], seed=1)
            trainer = sm.Trainer(net, optimizer=sm.SGD(lr=0.05, momentum=0.9), policy=policy)
            trainer.callbacks = [Stop(stop)]
            trainer.fit(X[:300], Y[:300], 5, 32)
            sm.save(tmp_path / "run.sm", trainer)
            trainer = sm.load(tmp_path / "run.sm")
            trainer.fit(X[:300], Y[:300], 5, 32, resume=True)
            for a, b in zip(whole.network.layers, trainer.network.layers, strict=True):
                np.testing.assert_array_equal(a.weights.csr.toarray(), b.weights.csr.toarray())
                assert a.weights.n_connections == b.weights.n_connections


class Stop(sm.Callback):
    def __init__(self, after):
        self.after = after

    def on_epoch_end(self, trainer, record):
        if record["epoch"] + 1 == self.after:
            trainer.stop_training = "here"


def test_threshold_pruning_absolute_and_relative():
    for relative in (False, True):
        layer = dense_layer()
        policy = sm.ThresholdPruning(0.5, relative=relative, layers=(0,))
        for _ in range(2):
            values = layer.weights.data[~layer.weights.removed] if layer.weights.removed is not None else layer.weights.data
            threshold = 0.5 * (np.std(values, dtype=np.float64) if relative else 1)
            left = int((np.abs(values) >= threshold).sum())
            change, state = policy.between_epochs(LayerView.of(layer, 0), None, Progress(0, 3, 5, 5), None)
            if change is not None:
                apply_change(layer.weights, change)
            assert layer.weights.n_connections == left and state["threshold"] == pytest.approx(threshold)
    assert policy.between_epochs(LayerView.of(layer, 1), None, Progress(0, 3, 5, 5), None) == (None, None)
    with pytest.raises(ValueError, match="must leave layer 0 at least one connection; 100 is above its largest weight"):
        sm.ThresholdPruning(100).between_epochs(LayerView.of(layer, 0), None, Progress(0, 3, 5, 5), None)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sm.OneTimePruning(90), ValueError, "OneTimePruning.sparsity must be in"),
        (lambda: sm.OneTimePruning(0.9, after=0), ValueError, "OneTimePruning.after"),
        (lambda: sm.OneTimePruning(0.9, layers=()), ValueError, "OneTimePruning.layers must be one or more different"),
        (lambda: sm.OneTimePruning(0.9, layers=(1, 1)), ValueError, "different layer numbers"),
        (lambda: sm.IterativePruning(0.9, layers=0), TypeError, "IterativePruning.layers must be like"),
        (lambda: sm.IterativePruning(0.9, every=0), ValueError, "IterativePruning.every"),
        (lambda: sm.FSA(0), ValueError, "FSA.keep"),
        (lambda: sm.AnnealedPruning(-1), ValueError, "AnnealedPruning.layer"),
        (lambda: sm.AnnealedPruning(0, post=0), ValueError, "No policy is asked after the last epoch"),
        (lambda: sm.AnnealedPruning(0, target="all"), ValueError, "'largest', 'smallest'"),
        (lambda: sm.AnnealedPruning(0, permanent=1), TypeError, "True or False"),
        (lambda: sm.ThresholdPruning(-1), ValueError, "ThresholdPruning.threshold"),
    ],
)
def test_settings_are_checked_at_construction(make, error, message):
    with pytest.raises(error, match=message):
        make()
