"""One table that every policy passes. A new policy is a new row: what makes it, and how many connections it promises."""

import copy
import functools
import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.errors import CheckpointError
from sparsemlp.kernels.simd import WIDTH
from sparsemlp.policies.base import LayerView, Policy, Progress
from sparsemlp.policies.missing_gradients import DenseGrowth, TiledGrowth
from sparsemlp.weights.change import Change, apply_change
from sparsemlp.weights.dense import DenseWeights
from sparsemlp.weights.sparse import SparseWeights

N_EPOCHS, N_STEPS = 5, 4


# ---- what a change must leave: (policy, view, progress, occasion) -> connections of the layer
def same(policy, view, progress, occasion):
    return view.n_connections


def at_most(view, n):
    return min(view.n_connections, max(1, n))


def possible(view):
    return view.shape[0] * view.shape[1]


def one_time(policy, view, progress, occasion):
    return at_most(view, round((1 - policy.sparsity) * possible(view)))


def iterative(policy, view, progress, occasion):
    done, run = (progress.epoch + 1, N_EPOCHS - 1) if occasion == "between_epochs" else (progress.fit_step + 1, N_EPOCHS * N_STEPS)
    return at_most(view, round((1 - 0.9 * (1 - (1 - done / run) ** 3)) * possible(view)))


def fsa(policy, view, progress, occasion):
    e, n, m = progress.fit_step + 1, N_EPOCHS * N_STEPS, possible(view)
    k = max(1, round(policy.keep * m))
    return at_most(view, round(k + (m - k) * max(0, (n - 2 * e) / (2 * e * policy.mu + n))))


def threshold(policy, view, progress, occasion):
    bound = policy.threshold * (np.std(view.values, dtype=float) if policy.relative else 1)
    return int(np.sum(np.abs(view.values) >= bound))


def annealed(policy, view, progress, occasion):
    last = progress.epoch == N_EPOCHS - policy.post - 1
    return max(1, round(policy.keep * view.n_connections)) if last else view.n_connections


def annealed_for_good(policy, view, progress, occasion):
    if progress.epoch == policy.first - 1:
        BEGAN[view.shape] = view.n_connections
    size, n, i = BEGAN[view.shape], N_EPOCHS - policy.post - policy.first + 1, progress.epoch + 2 - policy.first
    kept = max(1, round(policy.keep * size))
    return at_most(view, round(kept + (size - kept) * max(0, (n - i) / (2 * i * policy.mu + n))))


BEGAN = {}  # connections that a layer began to be pruned with


def random_pruning(policy, view, progress, occasion):
    return view.n_connections - round(policy.p * view.n_connections)


def k_starts(policy, view, progress, occasion):
    settles = progress.fit_step + 1 == max(1, (policy.k - 1) * policy.drop_every)
    return random_pruning(policy, view, progress, occasion) if settles else view.n_connections


def dissipating(policy, view, progress, occasion):
    return int(np.sum(np.abs(view.of_connections(view.accumulated_gradient)) >= policy.epsilon))


def combined(policy, view, progress, occasion):
    part, promised = (policy.starts, k_starts) if occasion == "on_step" else (policy.gradients, dissipating)
    return promised(part, view, progress, occasion)


def snip(policy, view, progress, occasion):
    return round(policy.density * view.n_connections)


# ---- the table: a name, what makes the policy, and what it promises
TABLE = {
    "Static": (sm.Static, same),
    "SET": (sm.SET, same),
    "SET by magnitude": (lambda: sm.SET(zeta=0.7, by="magnitude"), same),
    "SET, threshold": (lambda: sm.SET(zeta=0.4, new="threshold"), same),
    "SET, EXD, initializer": (lambda: sm.SET(zeta=sm.ExponentialDecay(0.5, interest=0.2), new="initializer"), same),
    "SET, LDV, magnitude, initializer": (lambda: sm.SET(zeta=sm.LinearDecrease(0.9, 0.0), by="magnitude", new="initializer"), same),
    "SET, OSV": (lambda: sm.SET(zeta=sm.Oscillating(0.6, 0.01)), same),
    "SET of nothing": (lambda: sm.SET(zeta=0.0), same),
    "OneTimePruning": (lambda: sm.OneTimePruning(0.7, after=2), one_time),
    "IterativePruning": (sm.IterativePruning, iterative),
    "IterativePruning on steps": (lambda: sm.IterativePruning(every=3), iterative),
    "FSA": (lambda: sm.FSA(keep=0.2, mu=1.1, every=2), fsa),  # with mu=1 some M_e lie halfway between two numbers
    "ThresholdPruning": (lambda: sm.ThresholdPruning(0.3), threshold),
    "ThresholdPruning, relative": (lambda: sm.ThresholdPruning(0.4, relative=True), threshold),
    "AnnealedPruning": (lambda: sm.AnnealedPruning(layer=0, keep=0.3, first=1, post=1), annealed),
    "AnnealedPruning of the smallest": (lambda: sm.AnnealedPruning(layer=0, keep=0.3, first=2, post=1, target="smallest"), annealed),
    "AnnealedPruning for good": (lambda: sm.AnnealedPruning(layer=0, keep=0.3, first=1, post=1, permanent=True), annealed_for_good),
}

TABLE |= {
    "RandomPruning": (sm.RandomPruning, random_pruning),
    "KStarts": (lambda: sm.KStarts(k=4, drop_every=3), k_starts),
    "KStarts, one mask": (lambda: sm.KStarts(k=1, p=0.8), k_starts),
    "KStarts by gradient": (lambda: sm.KStarts(k=3, p=0.3, fitness="gradient", sums="absolute", drop_every=2), k_starts),
    "KStarts by sums": (lambda: sm.KStarts(k=3, fitness="accumulated_gradient"), k_starts),
    "KStarts by both": (lambda: sm.KStarts(k=3, fitness="magnitude_and_accumulated_gradient", sums="absolute"), k_starts),
    "DissipatingGradients": (lambda: sm.DissipatingGradients(0.01), dissipating),
    "Combined": (lambda: sm.Combined(sm.KStarts(k=2, drop_every=2), sm.DissipatingGradients(0.01, epochs=3)), combined),
    "RigL": (lambda: sm.RigL(every=3), same),
    "RigL of candidates": (lambda: sm.RigL(fraction=0.6, every=1, until=0.5, candidates=20), same),
    "SNIP": (lambda: sm.SNIP(density=0.4), snip),
    "SNIP on batches": (lambda: sm.SNIP(density=0.6, batches=3), snip),
}

# (n_in, n_out, density, kind)
LAYERS = [
    (30, 20, 0.1, "sparse"),
    (7, 40, 0.5, "sparse"),
    (50, 3, 0.9, "sparse"),
    (5, 5, 1.0, "sparse"),
    (6, 4, 0.0, "sparse"),
    (9, 8, 1.0, "dense"),
    (12, 10, 0.4, "masked"),
]
rows = pytest.mark.parametrize("name", TABLE)


# ---- layers by hand
def layer(n_in, n_out, density, kind="sparse", dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    taken = rng.random((n_in, n_out)) < density
    data = rng.standard_normal((n_in, n_out)).astype(dtype)
    data[rng.random(data.shape) < 0.1] = 0
    if kind == "sparse":
        indptr = np.concatenate([[0], np.cumsum(taken.sum(1))])
        weights = SparseWeights((n_in, n_out), indptr, np.nonzero(taken)[1], data[taken])
    else:
        weights = DenseWeights(data, ~taken if kind == "masked" else None)
    weights.allocate_state(2)
    weights.state[:] = rng.standard_normal(weights.state.shape)
    if weights.is_dense:
        weights.clear_removed()
    return SimpleNamespace(weights=weights, initializer=sm.He())


def view_of(layer, policy, seed=1):
    """What the trainer shows, with everything that the policy needs."""
    rng, size = np.random.default_rng(seed), layer.weights.data.size
    extra = {name: rng.standard_normal(size) for name in ("gradient", "accumulated_gradient") if name in policy.needs}
    if policy.start_batches:
        extra["gradient"] = rng.standard_normal(size)
    if "growth_gradient" in policy.needs:
        w, (n_in, n_out) = layer.weights, layer.weights.shape
        x, dy = (rng.standard_normal((2, n, 16)).astype(w.dtype) for n in (n_in, n_out))
        extra["growth_gradient"] = DenseGrowth(rng.standard_normal(size)) if w.is_dense else TiledGrowth(WIDTH[16], 1, x, dy)
    return LayerView.of(layer, 0, **extra)


def positions(weights):
    """Where in `data` the connections are."""
    return weights.slots


def content(weights):
    arrays = [a for a in vars(weights).values() if isinstance(a, np.ndarray)]
    return [a.tobytes() for a in arrays], weights.version


def decisions(policy, row_layer, seed):
    """The policy at work on one layer: yields (occasion, view, progress, change, (view after it, state)), then applies the change."""
    state = policy.start(view_of(row_layer, policy), np.random.default_rng(seed))
    run = [("at_start", 0, 0)]
    for step in range(N_EPOCHS * N_STEPS):
        run.append(("on_step", step // N_STEPS, step))
        if step % N_STEPS == N_STEPS - 1 and step // N_STEPS < N_EPOCHS - 1:
            run.append(("between_epochs", step // N_STEPS, step + 1))
    for occasion, epoch, step in run:
        progress = Progress(epoch, N_EPOCHS, 100 + step, N_STEPS, step)
        view, rng = view_of(row_layer, policy, step), np.random.default_rng((seed, step, occasion == "on_step"))
        before = content(row_layer.weights)
        if occasion == "at_start":
            (change,) = policy.at_start([view], [rng])
        else:
            assert policy.needs_at(0, state, progress) <= policy.needs
            change, state = getattr(policy, occasion)(view, state, progress, rng)
        assert content(row_layer.weights) == before  # deciding changes nothing
        after = view_of(SimpleNamespace(weights=applied(row_layer.weights, change)), policy)
        policy.check_state(after, state)
        yield occasion, view, progress, change, (after, state)
        if change is not None:
            apply_change(row_layer.weights, change)


def applied(weights, change):
    """A copy of the weights with the change."""
    weights = copy.deepcopy(weights)
    if change is not None:
        apply_change(weights, change)
    return weights


# ---- the contract
@rows
@pytest.mark.parametrize("shape", LAYERS, ids=str)
def test_plans_and_what_they_leave(name, shape):
    make, promised = TABLE[name]
    policy, dtype = make(), np.float64 if sum(shape[:2]) % 2 else np.float32
    ours, twin = layer(*shape, dtype=dtype), layer(*shape, dtype=dtype)
    w = ours.weights
    for one, other in zip(decisions(policy, ours, 5), decisions(make(), twin, 5), strict=True):
        occasion, view, progress, change, _ = one
        if change is None:
            assert other[3] is None
            continue
        assert isinstance(change, Change)
        for part in ("drop", "grow", "zero", "values"):  # the same seed makes the same plan
            np.testing.assert_array_equal(getattr(change, part), getattr(other[3], part))
        at, places, values, states = positions(w), w.cells, w.data.copy(), w.state.copy()
        kept = np.setdiff1d(at, change.drop)
        kept_places = kept if w.is_dense else places[kept]
        assert np.all(np.diff(change.drop) > 0) and np.isin(change.drop, at).all()
        assert np.all(np.diff(change.grow) > 0) and not np.isin(change.grow, kept_places).any()
        values[change.zero] = 0
        after = applied(w, change)
        after.check()
        if not w.is_dense:
            sm.SparseWeights(w.shape, after.indptr, after.indices, after.data)  # canonical
        assert after.n_connections == promised(policy, view, progress, occasion)
        found = after.cells
        assert found.tolist() == np.union1d(kept_places, change.grow).tolist()
        now = positions(after)
        survivors, new = now[np.searchsorted(found, kept_places)], now[np.searchsorted(found, change.grow)]
        assert after.data[survivors].tobytes() == values[kept].tobytes()
        assert after.state[:, survivors].tobytes() == states[:, kept].tobytes()
        assert not after.state[:, new].any()
        start = np.zeros(new.size) if change.values is None else change.values
        np.testing.assert_array_equal(after.data[new], start.astype(dtype))


@rows
def test_settings_are_frozen_and_comparable(name):
    policy = TABLE[name][0]()
    assert policy == TABLE[name][0]() == eval(repr(policy), dict(vars(sm))) and hash(policy) == hash(TABLE[name][0]())
    assert type(policy).__doc__ and type(policy).__name__ in vars(sm)
    with pytest.raises(AttributeError):
        policy.anything = 1


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 10)), rng.integers(0, 3, 40)


def trainer_of(name, kind):
    policy = TABLE[name][0]()
    topology = {"sparse": sm.Uniform(0.5), "dense": sm.Dense()}[kind]
    net = sm.MLP([10, 14, 3], topology=topology, dropout=0.2, seed=2)
    return sm.Trainer(net, sm.Adam(lr=0.02), policy=policy, debug=True)


@functools.cache
def whole_run(name, kind):
    trainer = trainer_of(name, kind)
    trainer.fit(*data(), epochs=N_EPOCHS, batch_size=10)
    return trainer


def bits(trainer):
    """Everything that a run leaves behind, but times."""
    arrays = [content(layer.weights)[0] + [layer.bias.tobytes(), layer.bias_state.tobytes()] for layer in trainer.network.layers]
    times = ("seconds", "evolution_seconds", "evaluation_seconds")
    return arrays, [{k: v for k, v in r.items() if k not in times} for r in trainer.history.records], repr(trainer.policy_states)


@rows
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_checkpoint_and_resume_in_the_middle_gives_the_same_bits(name, kind, tmp_path):
    part = trainer_of(name, kind)
    for stop in range(1, N_EPOCHS + 1):
        part.fit(*data(), epochs=N_EPOCHS, batch_size=10, resume=True) if stop == N_EPOCHS else _until(part, stop)
        sm.save(tmp_path / "run.sm", part)
        part = sm.load(tmp_path / "run.sm")
    assert bits(part) == bits(whole_run(name, kind))


def _until(trainer, stop):
    """Train on to the end of epoch `stop` of a run of N_EPOCHS."""

    class Stop(sm.Callback):
        def on_epoch_end(self, trainer, record):
            if trainer.epoch == stop:
                trainer.stop_training = "enough"

    trainer.callbacks = [Stop()]
    trainer.fit(*data(), epochs=N_EPOCHS, batch_size=10, resume=True)


@rows
@pytest.mark.parametrize("shape", [(12, 10, 0.4, "sparse"), (12, 10, 0.4, "masked")], ids=str)
def test_states_that_are_not_the_policys_are_refused(name, shape):
    policy = TABLE[name][0]()
    seen = [s for *_, s in decisions(policy, layer(*shape), 5)]
    view, state = next((s for s in seen if s[1] is not None), seen[0])
    wrong = ["text", 3, [state], {"unknown": 1}, {**(state or {}), "unknown": 1}]
    for key, value in (state or {}).items():
        wrong += [{k: v for k, v in state.items() if k != key}, {**state, key: "text"}, {**state, key: None}]
        if isinstance(value, np.ndarray):
            wrong += [{**state, key: np.append(value, value[:1] if value.ndim == 1 else 0)}, {**state, key: value.astype(complex)}]
        elif isinstance(value, float):
            wrong.append({**state, key: math.nan})
    for bad in wrong:
        with pytest.raises(CheckpointError):
            policy.check_state(view, bad)


def test_every_policy_has_a_row():
    from sparsemlp import policies

    offered = {c for c in vars(policies).values() if isinstance(c, type) and issubclass(c, Policy) and c is not Policy}
    assert offered == {type(make()) for make, _ in TABLE.values()}


def test_the_contract_finds_what_breaks_it(monkeypatch):
    """A policy that draws from elsewhere, one that promises wrongly."""

    @dataclass(frozen=True)
    class Elsewhere(Policy):
        def on_step(self, view, state, progress, rng):
            return Change(drop=np.sort(np.random.default_rng().choice(view.n_connections, 2, replace=False))), state

    monkeypatch.setitem(TABLE, "Elsewhere", (Elsewhere, lambda policy, view, *_: view.n_connections - 2))
    monkeypatch.setitem(TABLE, "wrong promise", (lambda: sm.ThresholdPruning(0.3), same))
    for name in ("Elsewhere", "wrong promise"):
        with pytest.raises(AssertionError):
            test_plans_and_what_they_leave(name, (30, 20, 0.1, "sparse"))
