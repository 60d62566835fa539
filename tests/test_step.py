"""The step in two halves, and who asks for it: clipping, accumulation, hooks, optimizers of one's own, two ranks in one process."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.engine.batches import Rows, StepTargets
from sparsemlp.engine.step import Step
from sparsemlp.training.communicator import Serial, share

TOPOLOGIES = {"sparse": sm.Uniform(0.3), "dense": sm.Dense(), "mixed": [sm.Uniform(0.4), sm.Dense(), sm.Uniform(0.5)]}


def data(n=96, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 12)).astype(dtype)
    return X, rng.integers(0, 4, n)


def net(topology="sparse", dtype="float64", **options):
    return sm.MLP([12, 30, 20, 4], topology=TOPOLOGIES[topology], dtype=dtype, activation="tanh", seed=0, **options)


def values(network):
    return np.concatenate([p.data for layer in network.layers for p in layer.parameters()])


OPTIMIZERS = {"momentum": sm.SGD(0.1, 0.9, nesterov=True, weight_decay=0.01), "adamw": sm.AdamW(0.01), "rmsprop": sm.RMSprop(0.01)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_two_halves_are_the_fused_step(topology, optimizer):
    X, y = data()
    trainers = [
        sm.Trainer(net(topology, dropout=0.2), optimizer=optimizer, **options) for options in ({}, {"on_gradients": lambda g: None})
    ]
    assert [t.split for t in trainers] == [False, True]
    for trainer in trainers:
        trainer.fit(X, y, epochs=3, batch_size=40)
    fused, split = trainers
    np.testing.assert_allclose(values(split.network), values(fused.network), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(split.history["loss"], fused.history["loss"], rtol=1e-12)


def test_the_step_alone():
    """`Step` by itself: forward, gradients in one flat buffer with views by parameter, update."""
    X, y = data()
    network = net()
    step = Step(network, "cross_entropy", sm.SGD(0.1, 0.9))
    batch = step.batch(Rows(X, 12), None, StepTargets(y, len(X), network, step.loss))
    loss = step.forward(batch)
    found = step.gradients(batch)
    assert found.loss == loss and 0 <= found.right <= len(y)
    assert [[g.size for g in row] for row in found.layers] == [[p.data.size for p in layer.parameters()] for layer in network.layers]
    assert all(np.shares_memory(g, found.flat) for row in found.layers for g in row)
    assert found.norm() == pytest.approx(np.sqrt(sum(float(g @ g) for row in found.layers for g in row)))
    before = values(network)
    step.update(found, 0.1)
    assert step.number == 1 and not np.array_equal(values(network), before)
    assert step.forward(batch) < loss


@pytest.mark.parametrize("accumulate, batch_size", [(3, 16), (2, 24), (7, 7)])
def test_accumulation_is_the_larger_batch(accumulate, batch_size):
    X, y = data()
    weights = np.random.default_rng(0).random(len(X))
    runs = []
    for options, size in (({"accumulate": accumulate}, batch_size), ({}, accumulate * batch_size)):
        trainer = sm.Trainer(net(dropout=0.3), optimizer=sm.SGD(0.1, 0.9), policy=sm.SET(zeta=0.3), **options)
        trainer.fit(X, y, epochs=3, batch_size=size, sample_weight=weights)
        runs.append(trainer)
    assert runs[0].step == runs[1].step
    np.testing.assert_allclose(values(runs[0].network), values(runs[1].network), rtol=1e-10, atol=1e-13)
    with pytest.raises(ValueError, match="accumulate must be 1"):
        sm.Trainer(net(), policy=sm.RigL(), accumulate=2)


def test_clipping():
    X, y = data()
    norms = []
    trainer = sm.Trainer(net(), optimizer=sm.SGD(1.0), clip_norm=0.01, on_gradients=lambda g: norms.append(g.norm()), lr_scale=None)
    before = values(trainer.network)
    trainer.train_step(X, y)
    assert norms == [pytest.approx(0.01)]
    assert np.linalg.norm(values(trainer.network) - before) == pytest.approx(0.01)
    unclipped = sm.Trainer(net(), optimizer=sm.SGD(1.0), clip_norm=1e9, lr_scale=None)
    plain = sm.Trainer(net(), optimizer=sm.SGD(1.0), lr_scale=None)
    for trainer in (unclipped, plain):
        trainer.train_step(X, y)
    np.testing.assert_allclose(values(unclipped.network), values(plain.network), rtol=1e-12)
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="clip_norm"):
            sm.Trainer(net(), clip_norm=wrong)


@dataclass(frozen=True)
class Heavy(sm.Optimizer):
    """SGD with momentum, in NumPy."""

    lr: object = 0.1
    momentum: float = 0.9
    n_state = 1

    def update(self, p, g, state, hyper):
        state[0] = self.momentum * state[0] + g
        p -= hyper.lr * state[0]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_an_optimizer_of_ones_own(topology, tmp_path):
    X, y = data()
    own, ours = (sm.Trainer(net(topology), optimizer=o, policy=sm.SET(zeta=0.3)) for o in (Heavy(), sm.SGD(0.1, 0.9)))
    own.fit(X, y, epochs=2, batch_size=40)
    sm.save(tmp_path / "own.sm", own)
    own = sm.load(tmp_path / "own.sm", custom=[Heavy])
    own.fit(X, y, epochs=4, batch_size=40, resume=True)
    ours.fit(X, y, epochs=4, batch_size=40)
    np.testing.assert_allclose(values(own.network), values(ours.network), rtol=1e-10, atol=1e-13)


def test_optimizers_that_cannot_train_are_refused():
    @dataclass(frozen=True)
    class Unknown(sm.Optimizer):
        lr: float = 0.1
        rule = 5
        n_state = 0

    @dataclass(frozen=True)
    class WrongState(Unknown):
        rule = 3
        n_state = 1

    @dataclass(frozen=True)
    class ShortHyper(Unknown):
        rule = 1

        def hyper(self, lr, step):
            return (lr,)

    @dataclass(frozen=True)
    class Storing(Unknown):
        rule = 0

    @dataclass(frozen=True)
    class NoState(sm.Optimizer):
        lr: float = 0.1

        def update(self, p, g, state, hyper):
            p -= g

    for kind, message in ((Unknown, "rule must be one of"), (Storing, "rule must be one of"), (WrongState, "n_state must be 2"),
                          (ShortHyper, "9 finite numbers"), (NoState, "n_state")):  # fmt: skip
        with pytest.raises(TypeError, match=message):
            sm.Trainer(net(), optimizer=kind())
    with pytest.raises(TypeError, match="optimizer must be like"):
        sm.Trainer(net(), optimizer="adam")


class Both:
    """Two ranks in one process: a sum of two arrays behind a barrier, in the order of the ranks."""

    size = 2

    def __init__(self, rank, shared):
        self.rank, self.shared = rank, shared

    def allreduce(self, array):
        self.shared["arrays"][self.rank] = array.copy()
        self.barrier()
        array[...] = self.shared["arrays"][0] + self.shared["arrays"][1]
        self.barrier()

    def broadcast(self, array):
        self.shared["arrays"][self.rank] = array.copy()
        self.barrier()
        array[...] = self.shared["arrays"][0]
        self.barrier()

    def barrier(self):
        self.shared["barrier"].wait(timeout=60)


def two_ranks(make, X, y, **options):
    shared = {"arrays": [None, None], "barrier": threading.Barrier(2)}
    trainers, errors = [make(communicator=Both(rank, shared)) for rank in (0, 1)], []

    def run(trainer):
        try:
            trainer.fit(X, y, **options)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(trainer,)) for trainer in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return trainers


@pytest.mark.parametrize("policy", [sm.SET(zeta=0.3), sm.RigL(fraction=0.3, every=2), sm.SNIP(density=0.2)], ids=["SET", "RigL", "SNIP"])
def test_two_ranks_are_one_process(policy):
    """Bit-equal to each other, and to one process with whole batches up to the order of sums: dropout, Adam, ragged batches, weights."""
    X, y = data(n=83)
    weights = np.random.default_rng(0).random(83)

    def make(**options):
        return sm.Trainer(net(dropout=0.3), optimizer=sm.Adam(0.01), policy=policy, **options)

    options = {"epochs": 4, "batch_size": 20, "sample_weight": weights}
    a, b = two_ranks(make, X, y, **options)
    one = make()
    one.fit(X, y, **options)
    for p, q, r in zip(a.network.layers, b.network.layers, one.network.layers, strict=True):
        np.testing.assert_array_equal(p.weights.indices, q.weights.indices)
        np.testing.assert_array_equal(p.weights.indices, r.weights.indices)
    assert values(a.network).tobytes() == values(b.network).tobytes()
    np.testing.assert_allclose(values(a.network), values(one.network), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(a.history["loss"], one.history["loss"], rtol=1e-10)
    assert a.history["accuracy"] == b.history["accuracy"] == one.history["accuracy"]


def test_nan_on_one_rank_ends_all():
    X, y = data(n=40)

    def make(**options):
        network = net()
        if options["communicator"].rank == 1:
            network.layers[0].bias[:] = np.inf
        return sm.Trainer(network, **options)

    with pytest.raises(sm.NonFiniteError):
        two_ranks(make, X, y, epochs=1, batch_size=20)


def test_shares_and_serial():
    assert isinstance(Serial(), sm.Communicator)
    parts = [share(11, rank, 3) for rank in range(3)]
    assert parts[0].start == 0 and parts[-1].stop == 11
    assert all(a.stop == b.start for a, b in zip(parts[:-1], parts[1:], strict=True))
    with pytest.raises(TypeError, match="communicator"):
        sm.Trainer(net(), communicator=2)


def test_rates_by_density():
    """Connections of a sparse layer get lr / sqrt(density), with the decay of lr; biases and dense layers get lr."""
    X, y = data()
    network = net("mixed")
    seen = {}

    @dataclass(frozen=True)
    class Watch(sm.Optimizer):
        lr: float = 0.1
        n_state = 0

        def update(self, p, g, state, hyper):
            seen[p.size] = hyper

    trainer = sm.Trainer(network, optimizer=Watch())
    trainer.train_step(X, y)
    for layer, density in zip(network.layers, (0.4, 1.0, 0.5), strict=True):
        assert seen[layer.weights.data.size].lr == pytest.approx(0.1 / np.sqrt(density))
        assert seen[layer.bias.size].lr == 0.1 and not seen[layer.bias.size].decays
    for optimizer in (sm.SGD(0.1, weight_decay=0.5), sm.AdamW(0.1, weight_decay=0.5)):
        plain, scaled = (sm.Trainer(net(), optimizer=optimizer, lr_scale=s) for s in (None, "density"))
        shrunk = []
        for t in (plain, scaled):
            before = t.network.layers[0].weights.data.copy()
            t.network.layers[0].weights.data[:] = before
            t.train_step(np.zeros_like(X), y)  # no gradient at the first layer's connections: decay alone
            shrunk.append(t.network.layers[0].weights.data / before)
        np.testing.assert_allclose(shrunk[0], 1 - 0.1 * 0.5)
        np.testing.assert_allclose(shrunk[1], 1 - 0.1 * 0.5)
    history = sm.Trainer(net("mixed"), policy=sm.SET(zeta=0.3)).fit(X, y, epochs=2)
    np.testing.assert_allclose(history.last["lr_scale"], [1 / np.sqrt(0.4), 1, 1 / np.sqrt(0.5)])
    with pytest.raises(ValueError, match="lr_scale must be one of"):
        sm.Trainer(net(), lr_scale=2)


def test_rates_follow_the_density():
    X, y = data()
    trainer = sm.Trainer(net(), policy=sm.OneTimePruning(0.9, at_epoch=1) if False else sm.IterativePruning(0.9), lr_scale="density")
    history = trainer.fit(X, y, epochs=4)
    for record in history.records:
        assert len(record["lr_scale"]) == 3
    assert history.last["lr_scale"][0] > history.records[0]["lr_scale"][0]


def test_a_loss_of_ones_own(tmp_path):
    X, _ = data()
    targets = X[:, :4]

    def squared(outputs, wanted):
        error = outputs - wanted
        return (error**2).mean(axis=1), 2 * error / error.shape[1]

    runs = []
    for loss in ("mse", sm.CustomLoss(squared)):
        network = net(output="identity")
        trainer = sm.Trainer(network, optimizer=sm.SGD(0.05, 0.9), loss=loss)
        trainer.fit(X, targets, epochs=3, batch_size=40, sample_weight=np.arange(1.0, 97.0), validation_data=(X, targets))
        runs.append(trainer)
    np.testing.assert_allclose(values(runs[0].network), values(runs[1].network), rtol=1e-10)
    np.testing.assert_allclose(runs[0].history["val_loss"], runs[1].history["val_loss"], rtol=1e-10)
    with pytest.raises(sm.CheckpointError, match="cannot be saved"):
        sm.save(tmp_path / "run.sm", runs[1])
    with pytest.raises(TypeError, match="function"):
        sm.CustomLoss()
    bad = sm.Trainer(net(output="identity"), loss=sm.CustomLoss(lambda o, t: (o, t)))
    with pytest.raises(ValueError, match="must return values of shape"):
        bad.fit(X, targets, epochs=1)


@dataclass(frozen=True)
class Absolute(sm.CustomLoss):
    name: str = "absolute"

    def value_and_gradient(self, outputs, targets):
        error = outputs - targets
        return abs(error).sum(axis=1), np.sign(error)


def test_a_loss_that_is_saved(tmp_path):
    X, _ = data()
    trainer = sm.Trainer(net(output="identity"), loss=Absolute(), clip_norm=1.0)
    trainer.fit(X, X[:, :4], epochs=1)
    sm.save(tmp_path / "run.sm", trainer)
    again = sm.load(tmp_path / "run.sm", custom=[Absolute])
    assert again.loss == Absolute() and again.clip_norm == 1.0
    for t in (trainer, again):
        t.fit(X, X[:, :4], epochs=2, resume=True)
    assert values(trainer.network).tobytes() == values(again.network).tobytes()
