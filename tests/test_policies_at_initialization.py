"""Random pruning, K-starts, dissipating gradients and their combination: against hand-made cases and a naive twin with whole masks."""

from types import SimpleNamespace

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.errors import CheckpointError
from sparsemlp.policies import packed_masks as bits
from sparsemlp.policies.base import LayerView, Progress
from sparsemlp.weights.change import apply_change
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights

PROGRESS = Progress(epoch=0, n_epochs=5, step=0, n_steps=10)


def full_layer(values, *, dense=False):
    """One row of connections, all there."""
    values = np.array([values], np.float64)
    weights = DenseWeights(values) if dense else SparseWeights(values.shape, [0, values.size], np.arange(values.size), values[0])
    weights.allocate_state(1)
    return SimpleNamespace(weights=weights, initializer=sm.He())


def starts_state(masks, *, step=0):
    masks = np.array(masks, bool)
    packed = np.array([np.packbits(m) for m in masks])
    return {"masks": packed, "numbers": np.arange(len(masks)), "connections": masks.shape[1], "steps": step, "best": -1}


# ---- masks ----
def test_masks_have_exact_counts_and_differ():
    masks = bits.draw(1003, 20, 401, np.random.default_rng(0))
    kept = np.unpackbits(masks, axis=1)
    assert masks.shape == (20, 126) and np.all(kept.sum(axis=1) == 602) and not kept[:, 1003:].any()
    assert len({m.tobytes() for m in masks}) == 20
    rate = kept[:, :1003].mean(axis=0)
    assert abs(rate.mean() - 602 / 1003) < 1e-12 and 0.08 < rate.std() < 0.14  # binomial of 20: 0.109


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1000])
@pytest.mark.parametrize("block", [8, 64, 2**16])
def test_sums_and_removal_equal_those_of_whole_masks(monkeypatch, n, block):
    monkeypatch.setattr(bits, "BLOCK", block)
    rng = np.random.default_rng(n)
    whole, values = rng.random((5, n)) < 0.4, rng.standard_normal(n)
    packed = np.array([np.packbits(m) for m in whole])
    np.testing.assert_allclose(bits.sums(packed, values), whole @ values, atol=1e-12)
    drop = np.flatnonzero(rng.random(n) < 0.3)
    fewer = bits.without(packed, n, drop)
    for old, new, mask in zip(whole, fewer, packed, strict=True):
        np.testing.assert_array_equal(bits.removed(mask, n), np.flatnonzero(~old))
        np.testing.assert_array_equal(bits.removed(new, n - drop.size), np.flatnonzero(~np.delete(old, drop)))
    assert bits.sums(packed[:0], values).shape == (0,)


# ---- random pruning ----
@pytest.mark.parametrize("topology", [sm.Dense(), sm.Uniform(0.5)], ids=str)
def test_random_pruning_acts_once_before_the_first_step(topology):
    X, y, _, _ = sm.datasets.load("digits")
    net = sm.MLP([64, 30, 10], topology=topology, seed=3)
    before = [layer.weights.csr.toarray() for layer in net.layers]
    sm.Trainer(net, sm.Adam(lr=1e-9), policy=sm.RandomPruning(p=0.7)).fit(X[:100] / 16, y[:100], epochs=2)
    for layer, old in zip(net.layers, before, strict=True):
        n = np.count_nonzero(old)
        now = layer.weights.csr.toarray()
        assert layer.weights.n_connections == n - round(0.7 * n) and not layer.weights.is_dense
        np.testing.assert_allclose(now[now != 0], old[now != 0], atol=1e-7)
    other = sm.MLP([64, 30, 10], topology=topology, seed=4)
    sm.Trainer(other, policy=sm.RandomPruning(p=0.7)).fit(X[:100] / 16, y[:100], epochs=1)
    assert (other.layers[0].weights.csr.toarray() != 0).tolist() != (net.layers[0].weights.csr.toarray() != 0).tolist()


def test_random_pruning_of_nothing_changes_nothing():
    view = LayerView.of(full_layer([1, 2, 3]), 0)
    assert sm.RandomPruning(p=0).at_start([view], [np.random.default_rng(0)]) == [None]


# ---- K-starts ----
def test_k_starts_by_hand():
    layer = full_layer([1, -2, 4, 3])
    state = starts_state([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])  # sums -1, 2, 7; of magnitudes 3, 6, 7
    policy = sm.KStarts(k=3, p=0.5, drop_every=2)
    change, state = policy.on_step(LayerView.of(layer, 0), state, PROGRESS, None)
    assert (change.zero.tolist(), change.drop.size, state["best"], state["numbers"].tolist()) == ([0, 1], 0, 2, [0, 1, 2])
    layer.weights.data[:] = [9, -2, 4, 3]  # sums 7, 2, 7: the first of equals is the fittest, mask 1 goes
    change, state = policy.on_step(LayerView.of(layer, 0), state, PROGRESS, None)
    assert (change.zero.tolist(), state["best"], state["numbers"].tolist()) == ([2, 3], 0, [0, 2])
    _, state = policy.on_step(LayerView.of(layer, 0), state, PROGRESS, None)
    change, state = policy.on_step(LayerView.of(layer, 0), state, PROGRESS, None)  # equally fit: the last drawn goes, mask 0 stays
    assert (change.zero.size, change.drop.tolist(), state["best"], len(state["masks"])) == (0, [2, 3], 0, 0)
    assert policy.on_step(LayerView.of(layer, 0), state, PROGRESS, None) == (None, state)
    assert state["steps"] == 4


@pytest.mark.parametrize("dense", [False, True])
def test_fitnesses(dense):
    layer = full_layer([1, -2, 4, 3], dense=dense)
    view = LayerView.of(layer, 0, gradient=np.array([0.5, 0, -1, 2]), accumulated_gradient=np.array([10.0, -20, 30, 0]))
    masks = starts_state([[1, 1, 0, 0], [0, 1, 1, 0]])["masks"]
    expected = {
        ("magnitude", "signed"): [-1, 2],
        ("magnitude", "absolute"): [3, 6],
        ("gradient", "signed"): [0.5, -1],
        ("gradient", "absolute"): [0.5, 1],
        ("accumulated_gradient", "signed"): [-10, 10],
        ("accumulated_gradient", "absolute"): [30, 50],
        ("magnitude_and_accumulated_gradient", "signed"): [-11, 12],
        ("magnitude_and_accumulated_gradient", "absolute"): [33, 56],
    }
    for (fitness, sums), values in expected.items():
        assert sm.KStarts(fitness=fitness, sums=sums).fitnesses(view, masks).tolist() == values
    assert sm.KStarts(fitness="gradient").needs == {"gradient"} and sm.KStarts().needs == frozenset()


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("removing", [False, True])
def test_k_starts_equals_a_twin_with_whole_masks(dense, removing):
    """Random updates in place of training; with `removing`, some connections go on the way, as dissipating gradients would have it."""
    n, policy, rng = 53, sm.KStarts(k=6, p=0.4, drop_every=3), np.random.default_rng(7)
    layer = full_layer(rng.standard_normal(n), dense=dense)
    state = policy.start(LayerView.of(layer, 0), np.random.default_rng(1))
    alive = [np.unpackbits(m, count=n).astype(bool) for m in state["masks"]]
    w, there, settled = layer.weights.data.copy(), np.ones(n, bool), False
    for step in range(1, 20):
        update = rng.standard_normal(n) * there
        w = w + update
        layer.weights.data += update if dense else update[there]
        if not settled:
            fitness = [w[m].sum() for m in alive]
            w = w * alive[int(np.argmax(fitness))]
            if step % 3 == 0:
                alive.pop(int(np.argmin(fitness)))
            settled = len(alive) == 1
            there = there & alive[0] if settled else there
        change, state = policy.on_step(LayerView.of(layer, 0), state, PROGRESS, None)
        if change is not None:
            apply_change(layer.weights, change)
        if removing and step in (4, 10):
            view = LayerView.of(layer, 0)
            drop = view.slots[:: step + 1]
            gone = np.flatnonzero(there)[:: step + 1]
            state = policy.without(view, state, drop)
            apply_change(layer.weights, sm.policies.k_starts.Change(drop=drop))
            there[gone], w[gone] = False, 0
            for m in alive:
                m[gone] = False
        layer.weights.check()
        assert layer.weights.n_connections == there.sum()
        np.testing.assert_allclose(layer.weights.data, w if dense else w[there], atol=1e-12)
    assert settled and len(state["masks"]) == 0 and state["steps"] == 15


def test_what_is_zeroed_trains_on_and_one_mask_is_left():
    X, y, _, _ = sm.datasets.load("digits")
    net = sm.MLP([64, 20, 10], topology=sm.Dense(), activation="sigmoid", seed=0)
    trainer = sm.Trainer(net, sm.Adam(lr=0.01), policy=sm.KStarts(k=4, p=0.6, drop_every=5))
    zeros, densities = [], []

    class Look(sm.Callback):
        def on_step_end(self, trainer):
            zeros.append(frozenset(np.flatnonzero(net.layers[0].weights.csr.toarray() == 0).tolist()))
            densities.append([layer.weights.density for layer in net.layers])

    trainer.callbacks.append(Look())
    history = trainer.fit(X[:400] / 16, y[:400], epochs=3, batch_size=20)
    final = [1 - round(0.6 * n) / n for n in (1280, 200)]
    assert densities[13] == [1, 1] and densities[14] == pytest.approx(final) and densities[-1] == densities[14]
    assert len(set(zeros[:14])) > 1  # the fittest mask changed, so what it had zeroed had a gradient
    assert len(zeros[0]) == 768 and not any(layer.weights.is_dense for layer in net.layers)
    assert [t["layer"] for t in history.records[0]["turned_sparse"]] == [0, 1]
    assert trainer.policy_states[0]["masks"].size == 0


def test_k_masks_are_held_a_bit_a_connection():
    view = LayerView.of(full_layer(np.ones(8000)), 0)
    state = sm.KStarts(k=10).start(view, np.random.default_rng(0))
    assert state["masks"].nbytes == 10 * 8000 // 8


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"k": 0}, "KStarts.k must be a whole number at least 1; got 0"),
        ({"p": 1.0}, r"KStarts.p must be in \[0, 1\); got 1.0"),
        ({"fitness": "size"}, "KStarts.fitness must be one of 'magnitude', 'gradient'"),
        ({"sums": "abs"}, "KStarts.sums must be one of 'signed', 'absolute'"),
        ({"drop_every": 0}, "KStarts.drop_every must be a whole number at least 1"),
    ],
)
def test_k_starts_checks_its_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        sm.KStarts(**settings)


def test_the_other_policies_check_their_settings():
    with pytest.raises(ValueError, match=r"RandomPruning.p must be in \[0, 1\); got 50. Fractions"):
        sm.RandomPruning(p=50)
    with pytest.raises(ValueError, match="DissipatingGradients.epsilon must be in"):
        sm.DissipatingGradients(epsilon=-1e-6)
    with pytest.raises(ValueError, match="DissipatingGradients.epochs must be a whole number"):
        sm.DissipatingGradients(epochs=0)
    with pytest.raises(TypeError, match="Combined.starts must be like sm.KStarts"):
        sm.Combined(0.5)


@pytest.mark.parametrize(
    "damage, message",
    [
        ({"masks": np.zeros((3, 2), np.int64)}, "must have masks as uint8 with 2"),
        ({"masks": np.zeros(6, np.uint8)}, "must have masks as uint8 with 2"),
        ({"masks": np.zeros((3, 1), np.uint8)}, "must have masks of the layer's 10 connections; got 10 and 1 bytes"),
        ({"masks": np.full((3, 2), 255, np.uint8)}, "no bits beyond the last"),
        ({"masks": np.zeros((2, 2), np.uint8)}, "one number, ascending, for each"),
        ({"numbers": np.array([2, 1, 0])}, "one number, ascending"),
        ({"numbers": np.array([0, 1, 3])}, "numbers from 0 to 2"),
        ({"numbers": np.array([-1, 1, 2])}, "numbers from 0 to 2"),
        ({"connections": 11}, "the layer's 10 connections; got 11"),
        ({"connections": 10.0}, "whole numbers"),
        ({"steps": True}, "whole numbers"),
        ({"steps": -1}, "steps from 0"),
        ({"best": 3}, "best from -1 to 2"),
        ({"more": 1}, "must have masks, numbers, connections, steps and best"),
    ],
)
def test_a_damaged_state_is_refused(damage, message):
    policy, view = sm.KStarts(k=3), LayerView.of(full_layer(np.ones(10)), 1)
    state = policy.start(view, np.random.default_rng(0))
    policy.check_state(view, state)
    for checking in (policy, sm.Combined(policy)):
        with pytest.raises(CheckpointError, match=f"the state of KStarts of layer 1 .*{message}"):
            checking.check_state(view, {**state, **damage})
    with pytest.raises(CheckpointError, match="must have masks"):
        policy.check_state(view, None)


# ---- dissipating gradients, and both ----
def test_dissipating_gradients_ranks_magnitudes_of_sums():
    sums = np.array([0.5, -0.5, 1e-3, -1e-3, 0.0, 2e-3])
    for dense in (False, True):
        view = LayerView.of(full_layer(np.ones(6), dense=dense), 0, accumulated_gradient=sums)
        policy = sm.DissipatingGradients(epsilon=2e-3, epochs=2)
        change, state = policy.between_epochs(view, None, PROGRESS, None)
        assert change.drop.tolist() == [2, 3, 4] and state is None
        assert policy.between_epochs(view, None, Progress(2, 5, 30, 10), None) == (None, None)
    assert sm.DissipatingGradients(epsilon=0).between_epochs(view, None, PROGRESS, None) == (None, None)


def test_dissipating_by_displacement_compares_with_the_start():
    for dense in (False, True):
        policy = sm.DissipatingGradients(epsilon=0.1, epochs=2, by="displacement")
        layer = full_layer(np.array([1.0, 1.0, -2.0, -2.0, 0.0, 0.5]), dense=dense)
        view = LayerView.of(layer, 0)
        state = policy.start(view, None)
        policy.check_state(view, state)
        layer.weights.data += np.array([0.05, 0.2, 0.19, 0.21, 0.0, -0.5]).reshape(layer.weights.data.shape)
        change, state = policy.between_epochs(LayerView.of(layer, 0), state, Progress(0, 5, 10, 10), None)
        assert change.drop.tolist() == [0, 2] and state["initial"].tolist() == [1.0, -2.0, 0.0, 0.5]  # 0 never goes
        apply_change(layer.weights, change)
        layer.weights.data[layer.weights.data == 1.2] = 1.05  # back within a tenth of its start
        change, state = policy.between_epochs(LayerView.of(layer, 0), state, Progress(1, 5, 20, 10), None)
        assert LayerView.of(layer, 0).values[change.drop if not dense else [0]].tolist() == [1.05] and state is None
        assert policy.needs == policy.needs_at(0, state, PROGRESS) == frozenset()
        with pytest.raises(CheckpointError, match="initial"):
            policy.check_state(view, {"initial": np.zeros(2)})


def test_combined_wants_gradients():
    with pytest.raises(ValueError, match="by='gradient'"):
        sm.Combined(gradients=sm.DissipatingGradients(by="displacement"))
    with pytest.raises(ValueError, match=r"DissipatingGradients.by must be"):
        sm.DissipatingGradients(by="weight")


def test_dissipating_gradients_asks_only_for_what_it_will_use():
    policy = sm.DissipatingGradients(epochs=2)
    asked = [bool(policy.needs_at(0, None, Progress(epoch, 5, 0, 10))) for epoch in range(5)]
    assert asked == [True, True, False, False, False]
    assert policy.needs_at(0, None, Progress(0, 1, 0, 10))  # a run of one epoch may be resumed and made longer


@pytest.mark.parametrize("topology", [sm.Dense(), sm.Uniform(0.8)], ids=str)
def test_inputs_that_are_always_zero_lose_their_connections(topology):
    X, y, _, _ = sm.datasets.load("digits")
    X = X[:500] / 16
    blank = np.flatnonzero(~X.any(axis=0))
    net = sm.MLP([64, 20, 10], topology=topology, seed=0)
    policy = sm.DissipatingGradients(epsilon=1e-12, epochs=1)
    history = sm.Trainer(net, sm.Adam(lr=0.01), policy=policy).fit(X, y[:500], epochs=3, batch_size=50)
    left = net.layers[0].weights.csr.toarray() != 0
    assert blank.size and not left[blank].any() and left[np.setdiff1d(np.arange(64), blank)].any(axis=1).all()
    assert sum(history["dropped"][1]) and not sum(history["dropped"][2])


@pytest.mark.parametrize("fitness", ["magnitude", "accumulated_gradient"])
@pytest.mark.parametrize("k", [3, 20])
def test_combined_removes_what_each_removes(fitness, k):
    """k = 3 is settled within the first epoch of 10 steps; k = 20 goes on for ten epochs while connections go from under its masks."""
    X, y, _, _ = sm.datasets.load("digits")
    X = X[:500] / 16
    blank = np.flatnonzero(~X.any(axis=0))
    net = sm.MLP([64, 20, 10], topology=sm.Dense(), activation="sigmoid", seed=0)
    starts = sm.KStarts(k=k, p=0.5, fitness=fitness)
    policy = sm.Combined(starts, sm.DissipatingGradients(epsilon=1e-3, epochs=2))
    trainer = sm.Trainer(net, sm.Adam(lr=0.01), policy=policy, debug=True)
    trainer.fit(X, y[:500], epochs=11, batch_size=50)
    assert not (net.layers[0].weights.csr.toarray() != 0)[blank].any()
    assert net.layers[0].weights.density < 0.5 and net.layers[1].weights.density <= 0.5
    assert all(len(state["masks"]) == 0 for state in trainer.policy_states)


@pytest.mark.parametrize(
    "policy",
    [
        sm.RandomPruning(p=0.6),
        sm.KStarts(k=6, p=0.6),
        sm.KStarts(k=6, p=0.3, fitness="magnitude_and_accumulated_gradient", sums="absolute"),
        sm.DissipatingGradients(epsilon=1e-2, epochs=3),
        sm.DissipatingGradients(epsilon=0.3, epochs=3, by="displacement"),
        sm.Combined(sm.KStarts(k=8, p=0.4, fitness="gradient"), sm.DissipatingGradients(epsilon=1e-2, epochs=2)),
    ],
    ids=repr,
)
def test_a_run_that_is_resumed_ends_with_the_same_bits(policy, tmp_path):
    X, y, _, _ = sm.datasets.load("digits")
    X, y = X[:90] / 16, y[:90]

    def run(stops):
        trainer = sm.Trainer(sm.MLP([64, 20, 10], topology=sm.Dense(), seed=5), sm.Adam(lr=0.01), policy=policy)
        for epochs in (*stops, 6):
            trainer.fit(X, y, epochs=epochs, batch_size=10, resume=epochs > 1 and bool(stops))
            sm.save(tmp_path / "run", trainer)
            trainer = sm.load(tmp_path / "run")
        return [layer.weights.csr.toarray().tobytes() + layer.bias.tobytes() for layer in trainer.network.layers]

    assert run([]) == run([1, 2, 4])
