"""Prune and retrain, with static and adaptive rates: what goes, what stays, when it ends, that it resumes to the same bits."""

import copy

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.procedures.magnitude import prune_below, slots_below

X, y, X_VALID, y_VALID = (a[:400] for a in sm.datasets.load("digits"))
X, X_VALID = X / 16, X_VALID / 16
OPTIONS = {"validation_data": (X_VALID, y_VALID), "batch_size": 50}


def trained(topology=None, *, epochs=8, callbacks=()):
    net = sm.MLP([64, 24, 16, 10], topology=topology or sm.Dense(), activation="tanh", seed=0)
    trainer = sm.Trainer(net, optimizer=sm.Adam(lr=0.005), callbacks=callbacks)
    if epochs:
        trainer.fit(X, y, epochs=epochs, **OPTIONS)
    return trainer


@pytest.fixture(scope="module")
def base():
    return trained()


# ---- what is removed ----
@pytest.mark.parametrize("topology", [sm.Dense(), sm.Uniform(0.4)])
@pytest.mark.parametrize("threshold", ["absolute", "std"])
def test_what_is_below_goes_and_the_rest_is_untouched(topology, threshold):
    net = trained(topology, epochs=1).network
    before = [layer.weights.csr.toarray() for layer in net.layers]
    found = prune_below(net, 0.15 if threshold == "absolute" else 0.8, threshold)
    for layer, old in zip(net.layers, before, strict=True):
        limit = 0.15 if threshold == "absolute" else 0.8 * old[old != 0].std()
        np.testing.assert_array_equal(layer.weights.csr.toarray(), np.where(abs(old) >= limit, old, 0))
        assert layer.weights.is_dense == (layer.weights.density >= 0.5 and topology == sm.Dense())
        layer.weights.check()
    assert found["removed"] == sum(np.count_nonzero(b) for b in before) - net.n_connections > 0
    assert prune_below(net, 0.15 if threshold == "absolute" else 1e-9, threshold) == {"removed": 0, "turned_sparse": []}


def test_the_largest_connection_always_stays():
    net = sm.MLP([5, 4, 3], topology=[sm.Dense(), sm.Uniform(0.5)], seed=0)
    largest = [abs(layer.weights.values).max() for layer in net.layers]
    prune_below(net, 1e9)
    assert [layer.weights.n_connections for layer in net.layers] == [1, 1]
    assert [abs(layer.weights.values).max() for layer in net.layers] == largest
    assert slots_below(net.layers[0].weights, 1e9).size == 0


# ---- rounds ----
def test_a_static_rate_removes_what_is_below_it_each_round(base):
    seen = []
    trainer = copy.deepcopy(base)
    outcome = sm.PruneRetrain(0.15, allowed_drop=1.0, retrain_epochs=2, max_rounds=3).run(
        trainer, X, y, on_round=lambda net, record: seen.append((net.n_connections, record)), **OPTIONS
    )
    assert [n for n, _ in seen] == [r["connections"] for r in (outcome.base, *outcome.rounds)]
    counts = [r["connections"] for r in (outcome.base, *outcome.rounds)]
    assert all(a - r["removed"] == b for a, b, r in zip(counts, counts[1:], outcome.rounds, strict=False))
    assert outcome.stopped == "max_rounds" and len(outcome.rounds) == 3
    assert {r["rate"] for r in outcome.rounds} == {0.15}
    means = [r["mean_magnitude_pruned"] for r in outcome.rounds]
    assert outcome.base["mean_magnitude"] < means[0] and all(m > 0.15 for m in means)
    assert outcome.base["seconds_per_epoch"] > 0 and all(r["seconds_per_epoch"] > 0 for r in outcome.rounds)
    assert list(outcome.histories) == ["round-1", "round-2", "round-3"]
    assert outcome.accuracy == outcome.network.score(X_VALID, y_VALID) == outcome.rounds[-1]["accuracy"]
    assert any(r["turned_sparse"] for r in outcome.rounds)


def test_the_last_network_that_held_is_kept(base):
    outcome = sm.PruneRetrain(0.35, allowed_drop=0.02, retrain_epochs=1).run(copy.deepcopy(base), X, y, **OPTIONS)
    assert outcome.stopped == "accuracy" and not outcome.rounds[-1]["held"]
    assert all(r["held"] for r in outcome.rounds[:-1])
    before = ([outcome.base, *outcome.rounds])[-2]
    assert outcome.network.n_connections == before["connections"]
    assert outcome.network.score(X_VALID, y_VALID) == outcome.accuracy == before["accuracy"] >= outcome.base["accuracy"] - 0.02
    outcome.network.check()
    outcome.trainer.fit(X, y, epochs=1, **OPTIONS)  # what was put back trains on


def test_it_ends_when_nothing_is_below(base):
    outcome = sm.PruneRetrain(1e-9, allowed_drop=0.0, retrain_epochs=1).run(copy.deepcopy(base), X, y, **OPTIONS)
    assert outcome.stopped == "nothing to remove" and outcome.rounds == []


def test_a_network_below_the_bound_is_left_alone(base):
    outcome = sm.PruneRetrain(0.2, allowed_drop=0.01, retrain_epochs=1).run(copy.deepcopy(base), X, y, base_accuracy=1.0, **OPTIONS)
    assert outcome.stopped == "accuracy" and outcome.rounds == [] and outcome.network.density == 1


def brute_force_rate(net, accuracy, drop, start=0.1, step=0.05):
    """Algorithm 1, read off a dense copy in NumPy."""
    steps = 0
    while True:
        steps += 1
        a = X_VALID
        for layer in net.layers:
            w = layer.weights.csr.toarray()
            w = np.where(abs(w) >= min(start + steps * step, abs(w).max()), w, 0)
            a = a @ w + layer.bias
            if layer is not net.layers[-1]:
                a = np.tanh(a)
        if np.mean(a.argmax(axis=1) == y_VALID) < accuracy - drop:
            return round(start + (steps - 1) * step, 12), steps


def test_the_adaptive_rate_is_that_of_the_algorithm(base):
    trainer = copy.deepcopy(base)
    accuracy = trainer.network.score(X_VALID, y_VALID)
    wanted = brute_force_rate(trainer.network, accuracy, 0.03)
    outcome = sm.AdaptivePruneRetrain(0.03, retrain_epochs=2, max_rounds=3).run(trainer, X, y, **OPTIONS)
    assert (outcome.rounds[0]["rate"], outcome.rounds[0]["trials"]) == wanted
    assert len({r["rate"] for r in outcome.rounds}) > 1
    assert all(r["accuracy"] >= outcome.base["accuracy"] - 0.03 for r in outcome.rounds if r["held"])


def test_trials_end_when_nothing_more_can_go(base):
    trainer = copy.deepcopy(base)
    outcome = sm.AdaptivePruneRetrain(1.0, retrain_epochs=1, trial_drop=1.0, max_rounds=1, step=0.5).run(trainer, X, y, **OPTIONS)
    assert outcome.network.n_connections == 3 and outcome.rounds[0]["rate"] > 1


def test_a_trial_drop_of_its_own(base):
    rates = []
    for drop in (0.0, 0.3):
        procedure = sm.AdaptivePruneRetrain(0.5, retrain_epochs=1, trial_drop=drop, max_rounds=1)
        rates.append(procedure.run(copy.deepcopy(base), X, y, **OPTIONS).rounds[0]["rate"])
    assert rates[0] < rates[1]


# ---- resuming ----
class Interrupt(sm.Callback):
    """Ctrl-C at the end of the epoch-th epoch of a process."""

    def __init__(self, epoch):
        self.left = epoch

    def on_epoch_end(self, trainer, record):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [2, 5, 8])
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, after):
    procedure = sm.AdaptivePruneRetrain(0.05, retrain_epochs=2, max_rounds=3, train_epochs=4)
    whole = procedure.run(trained(epochs=0), X, y, **OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        procedure.run(trained(epochs=0, callbacks=[Interrupt(after)]), X, y, folder=tmp_path, **OPTIONS)
    again = procedure.run(trained(epochs=0), X, y, folder=tmp_path, **OPTIONS)
    assert len(again.rounds) == len(whole.rounds) == 3 and list(again.histories) == list(whole.histories)
    for a, b in zip(again.network.layers, whole.network.layers, strict=True):
        np.testing.assert_array_equal(a.weights.csr.toarray(), b.weights.csr.toarray())
        np.testing.assert_array_equal(a.bias, b.bias)
    assert [r["accuracy"] for r in again.rounds] == [r["accuracy"] for r in whole.rounds]


def test_another_procedures_folder_is_refused(tmp_path, base):
    sm.PruneRetrain(1e-9, 0.1, 1).run(copy.deepcopy(base), X, y, folder=tmp_path, **OPTIONS)
    with pytest.raises(ValueError, match="of the same procedure"):
        sm.PruneRetrain(0.3, 0.1, 1).run(copy.deepcopy(base), X, y, folder=tmp_path, **OPTIONS)


# ---- refusals ----
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sm.PruneRetrain(0, 0.1, 1), r"PruneRetrain.rate must be in \(0, inf\)"),
        (lambda: sm.PruneRetrain(0.2, 1.5, 1), r"allowed_drop must be in \[0, 1\].*Fractions, not percent"),
        (lambda: sm.PruneRetrain(0.2, 0.1, 0), "retrain_epochs must be a whole number at least 1"),
        (lambda: sm.PruneRetrain(0.2, 0.1, 1, max_rounds=0), "max_rounds must be a whole number at least 1"),
        (lambda: sm.PruneRetrain(0.2, 0.1, 1, threshold="both"), "threshold must be one of 'absolute', 'std'"),
        (lambda: sm.AdaptivePruneRetrain(0.1, 1, step=0), r"step must be in \(0, inf\)"),
        (lambda: sm.AdaptivePruneRetrain(0.1, 1, trial_drop=2), "trial_drop must be in"),
        (lambda: sm.AdaptivePruneRetrain(0.1, 1, train_epochs=-1), "train_epochs must be a whole number at least 0"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_trainers_are_refused():
    procedure = sm.PruneRetrain(0.2, 0.1, 1)
    net = sm.MLP([64, 10], density=0.5, seed=0)
    with pytest.raises(ValueError, match=r"policy must be Static\(\); got SET"):
        procedure.run(sm.Trainer(net, policy=sm.SET(0.3)), X, y, **OPTIONS)
    net = sm.MLP([64, 1], output="identity", seed=0)
    with pytest.raises(ValueError, match="decides by accuracy"):
        procedure.run(sm.Trainer(net), X, X[:, :1], validation_data=(X_VALID, X_VALID[:, :1]))
