"""What a policy is shown and when: gradients, sums of them, decisions before the first step, saved states."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sparsemlp as sm
from sparsemlp.weights.change import Change

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 8))
Y = RNG.integers(0, 3, 50)
TOPOLOGIES = {"sparse": sm.Uniform(0.5), "dense": sm.Dense(), "mixed": [sm.Uniform(0.5), sm.Dense()]}
SEEN = []


def net(topology="sparse", **settings):
    return sm.MLP([8, 12, 3], topology=TOPOLOGIES[topology], dropout=0.1, dtype="float64", seed=1, **settings)


@dataclass(frozen=True)
class Look(sm.Policy):
    """Notes what it is shown; asks for `what` in `layer` in every `every`-th step."""

    needs: ClassVar[frozenset] = frozenset({"gradient", "accumulated_gradient"})
    what: tuple = ("gradient", "accumulated_gradient")
    layer: int | None = None
    every: int = 1

    def needs_at(self, index, state, progress):
        asked = self.layer in (None, index) and progress.fit_step % self.every == 0
        return frozenset(self.what) if asked else frozenset()

    def _note(self, occasion, view, progress):
        copies = [None if a is None else a.copy() for a in (view.gradient, view.accumulated_gradient)]
        SEEN.append((occasion, progress.epoch, progress.fit_step, view.index, *copies))

    def on_step(self, view, state, progress, rng):
        self._note("step", view, progress)
        return None, state

    def between_epochs(self, view, state, progress, rng):
        self._note("between", view, progress)
        return None, state


@dataclass(frozen=True)
class Dissipate(sm.Policy):
    """Removes the tenth with the smallest accumulated gradients; keeps a count as its state; changes on a step too."""

    needs: ClassVar[frozenset] = frozenset({"accumulated_gradient", "gradient"})

    def start(self, view, rng):
        return {"n": 0}

    def on_step(self, view, state, progress, rng):
        if progress.fit_step % 5 != 2:
            return None, state
        drop = view.smallest(2, view.gradient)
        return Change(drop=drop, grow=view.draw_empty(1, rng, drop)), state

    def between_epochs(self, view, state, progress, rng):
        return Change(drop=view.smallest(view.n_connections // 10, view.accumulated_gradient)), {"n": state["n"] + 1}

    def check_state(self, view, state):
        if not isinstance(state, dict) or set(state) != {"n"} or not isinstance(state["n"], int) or state["n"] < 0:
            raise sm.CheckpointError(f"Dissipate's state must be a count; got {state!r:.80}.")


def weights_of(network):
    return [a.copy() for layer in network.layers for a in (layer.weights.data, layer.weights.state, layer.bias, layer.bias_state)]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_sum_is_that_of_the_epochs_gradients(topology):
    SEEN.clear()
    trainer = sm.Trainer(net(topology), sm.Adam(lr=0.01), policy=Look())
    trainer.fit(X, Y, epochs=3, batch_size=20)
    for k in (0, 1):
        total = 0
        for occasion, epoch, step, index, gradient, accumulated in SEEN:
            if index != k:
                continue
            if occasion == "step":
                total = gradient + (0 if step % 3 == 0 else total)
                assert gradient.shape == trainer.network.layers[k].weights.data.shape
            else:
                assert step == 3 * (epoch + 1)
            assert_allclose(accumulated, total, rtol=0, atol=1e-14)
            last = gradient
        assert last is not None
    assert [s[0] for s in SEEN] == (["step"] * 6 + ["between"] * 2) * 2 + ["step"] * 6


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_it_is_the_mean_over_the_batch(topology):
    SEEN.clear()
    trainer = sm.Trainer(net(topology), sm.SGD(lr=0.1), policy=Look())
    _, want = sm.Trainer(net(topology)).gradients(X[:20], Y[:20])
    trainer.fit(X, Y, epochs=1, batch_size=20, shuffle=False)
    for k in (0, 1):
        assert_allclose(SEEN[k][4], want[k][0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("optimizer", [sm.SGD(lr=0.05), sm.SGD(lr=0.05, momentum=0.9, weight_decay=0.01), sm.AdamW(lr=0.01)], ids=repr)
def test_only_the_layers_and_steps_that_ask_are_unfused_and_all_train_the_same(topology, optimizer):
    SEEN.clear()
    plain = sm.Trainer(net(topology), optimizer)
    watched = sm.Trainer(net(topology), optimizer, policy=Look(what=("gradient",), layer=1, every=2))
    for trainer in (plain, watched):
        trainer.fit(X, Y, epochs=2, batch_size=20)
    shown = {(step, k) for occasion, _, step, k, g, a in SEEN if occasion == "step" and g is not None}
    assert shown == {(0, 1), (2, 1), (4, 1)} and all(a is None for *_, a in SEEN)
    assert list(watched.evolution.gradients) == [1]
    for a, b in zip(weights_of(plain.network), weights_of(watched.network), strict=True):
        assert_allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_resume_in_the_middle_gives_the_same_bits(tmp_path, topology):
    def new():
        return sm.Trainer(net(topology), sm.Adam(lr=0.01), policy=Dissipate(), debug=True)

    whole = new()
    whole.fit(X, Y, epochs=5, batch_size=20)
    assert sum(whole.history["dropped"][2]) > 4 and whole.policy_states == [{"n": 4}, {"n": 4}]
    part = new()
    for stop in (1, 2, 4, 5):
        part.fit(X, Y, epochs=stop, batch_size=20, resume=True)
        sm.save(tmp_path / "run.sm", part)
        part = sm.load(tmp_path / "run.sm", custom=[Dissipate])
    for a, b in zip(weights_of(whole.network), weights_of(part.network), strict=True):
        assert a.tobytes() == b.tobytes()
    assert part.history["connections"] == whole.history["connections"] and part.history["grown"] == whole.history["grown"]


def test_sums_follow_a_change_of_the_topology():
    """A survivor keeps its sum, a connection that was new since counts from 0."""
    SEEN.clear()

    @dataclass(frozen=True)
    class Swap(Look):
        def on_step(self, view, state, progress, rng):
            self._note("step", view, progress)
            if progress.fit_step == 1 and view.index == 0:
                drop = np.array([3, 7])
                return Change(drop=drop, grow=view.draw_empty(4, rng, drop)), state
            return None, state

    trainer = sm.Trainer(net(), sm.SGD(lr=0.0001), policy=Swap(), debug=True)
    places = []
    run = trainer.evolution.after_step
    trainer.evolution.after_step = lambda *a: (places.append(trainer.network.layers[0].weights.csr.tocoo().coords), run(*a))
    trainer.fit(X, Y, epochs=1, batch_size=20)
    steps = [s for s in SEEN if s[3] == 0]
    total = np.zeros((8, 12))
    for (*_, gradient, accumulated), at in zip(steps, places, strict=True):
        now = np.zeros((8, 12))
        now[at] = gradient
        stored = np.zeros((8, 12), bool)
        stored[at] = True
        total = np.where(stored, total + now, 0)
        assert_allclose(accumulated, total[at], rtol=0, atol=1e-15)
    assert len(steps[2][4]) == len(steps[0][4]) + 2


@dataclass(frozen=True)
class Begin(sm.Policy):
    """Removes, before the first step, the half of all connections of the net with the smallest |weight * gradient|."""

    needs: ClassVar[frozenset] = frozenset({"gradient"})
    start_batches: int = 1

    def needs_at(self, index, state, progress):
        return frozenset()

    def at_start(self, views, rngs):
        scores = [np.abs(v.data * v.gradient) for v in views]
        bound = np.median(np.concatenate(scores))
        return [Change(drop=np.flatnonzero(s < bound)) for s in scores]


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("n_batches", [1, 2, 99])
def test_at_start_sees_all_layers_and_their_mean_gradients(topology, n_batches):
    trainer = sm.Trainer(net(topology), policy=Begin(n_batches), dense_above=0.9)
    twin = sm.Trainer(net(topology))
    order = [X[:20], X[20:40], X[40:]][:n_batches], [Y[:20], Y[20:40], Y[40:]][:n_batches]
    found = [[dw for dw, _ in twin.gradients(x, y)[1]] for x, y in zip(*order, strict=True)]
    scores = np.concatenate(
        [np.abs(layer.weights.data * np.mean(g, axis=0)) for layer, *g in zip(twin.network.layers, *found, strict=True)]
    )
    trainer.fit(X, Y, epochs=2, batch_size=20, shuffle=False)
    assert trainer.network.n_connections == np.sum(scores >= np.median(scores))
    first, second = trainer.history.records
    assert sum(first["dropped"]) == scores.size // 2 and sum(second["dropped"]) == 0
    assert first["storage"] == ["sparse"] * 2
    assert [t["layer"] for t in first["turned_sparse"]] == [k for k, layer in enumerate(twin.network.layers) if layer.weights.is_dense]


@pytest.mark.parametrize("through_a_file", [False, True])
def test_an_interrupted_epoch_is_not_evolved_again(tmp_path, through_a_file):
    SEEN.clear()

    class Interrupt(sm.Callback):
        def on_step_end(self, trainer):
            if trainer.step == 5:
                raise KeyboardInterrupt

    trainer = sm.Trainer(net(), sm.Adam(lr=0.01), policy=Look(), callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=4, batch_size=20)
    assert trainer.epoch == 1 and trainer.step == 5
    trainer.callbacks.clear()
    if through_a_file:
        sm.save(tmp_path / "run.sm", trainer)
        trainer = sm.load(tmp_path / "run.sm", custom=[Look])
    trainer.fit(X, Y, epochs=4, batch_size=20, resume=True)
    between = [s for s in SEEN if s[0] == "between" and s[3] == 0]
    assert [epoch for _, epoch, *_ in between] == [0, 1, 2] and all(s[5] is not None for s in between)


def test_the_memory_report_counts_the_gradients():
    plain, watched = sm.Trainer(net()), sm.Trainer(net(), policy=Look(layer=0))
    for trainer in (plain, watched):
        trainer.fit(X, Y, epochs=1, batch_size=20)
    of = [sm.memory_report(t).buffers["gradients"] for t in (plain, watched)]
    assert of[1] - of[0] == 8 * (48 + 12) + 8 * 48 == watched.evolution.nbytes()


def test_states_of_a_file_are_checked(tmp_path, monkeypatch):
    trainer = sm.Trainer(net(), policy=Dissipate())
    trainer.fit(X, Y, epochs=1, batch_size=20)
    trainer.evolution.states[1] = {"n": -1}
    words = "Dissipate's state must be a count; got {'n': -1}"
    with pytest.raises(sm.CheckpointError, match=words):
        sm.save(tmp_path / "bad.sm", trainer)
    monkeypatch.setattr(trainer.evolution, "states", [{"n": 1}, {"n": 1}])
    monkeypatch.setattr(Dissipate, "check_state", lambda *_: None)
    trainer.evolution.states[1] = {"n": -1}
    sm.save(tmp_path / "bad.sm", trainer)
    monkeypatch.undo()
    with pytest.raises(sm.CheckpointError, match=words):
        sm.load(tmp_path / "bad.sm", custom=[Dissipate])


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros(48, np.float32), np.full(48, np.nan), 5])
def test_gradients_of_a_file_are_checked(tmp_path, monkeypatch, wrong):
    trainer = sm.Trainer(net(), policy=Dissipate())
    trainer.fit(X, Y, epochs=1, batch_size=20)
    nothing = {"gradient": None, "accumulated_gradient": None}
    monkeypatch.setattr(trainer.evolution, "saved", lambda: [{**nothing, "accumulated_gradient": wrong}, nothing])
    sm.save(tmp_path / "bad.sm", trainer)
    with pytest.raises(sm.CheckpointError, match=r"gradients\[0\].accumulated_gradient"):
        sm.load(tmp_path / "bad.sm", custom=[Dissipate])


def test_the_policy_may_be_replaced_between_fits():
    trainer = sm.Trainer(net(), policy=sm.SET(zeta=0.5))
    trainer.fit(X, Y, epochs=2, batch_size=20)
    trainer.policy = Dissipate()
    trainer.fit(X, Y, epochs=2, batch_size=20)
    assert trainer.history["zeta"] == [None, None] and trainer.policy_states == [{"n": 1}, {"n": 1}]
    with pytest.raises(TypeError, match="policy must be like"):
        trainer.policy = "SET"
