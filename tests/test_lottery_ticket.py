"""Procedures around pruning: what is kept, where it starts again, and that an interrupted procedure goes on with the same bits."""

import numpy as np
import pytest

import sparsemlp as sm

X, Y, X_TEST, Y_TEST = sm.datasets.load("digits")
X, Y = X[:300] / 16, Y[:300]


def trainer(seed=1, **options):
    net = sm.MLP([64, 30, 10], seed=seed)
    return sm.Trainer(net, optimizer=sm.SGD(lr=0.05, momentum=0.9), **options)


def bits(net):
    return [layer.weights.csr.toarray().tobytes() + layer.bias.tobytes() for layer in net.layers]


def test_prune_keeps_the_largest_with_their_state():
    t = trainer()
    t.fit(X, Y, 1)
    before = [layer.weights for layer in t.network.layers]
    old, state = before[0].data.copy(), before[0].state.copy()
    thresholds = sm.prune(t.network, [0.9, 0.3])
    first, last = (layer.weights for layer in t.network.layers)
    kept = np.sort(np.argsort(np.abs(old), kind="stable")[-192:])
    assert not first.is_dense and last.is_dense and last.n_connections == 210
    np.testing.assert_array_equal(first.data, old[kept])
    np.testing.assert_array_equal(first.state, state[:, kept])
    assert thresholds[0] == np.sort(np.abs(old))[-193]
    sm.prune(t.network, 0.95, layers=(0,))
    assert t.network.layers[0].weights.n_connections == 96
    t.fit(X, Y, 1)
    t.network.check()
    for wrong, message in (
        ((0.9, (0, 2)), "layers with weights, of 0, 1; got 2"),
        (([0.9], None), "one for each of the 2 layers"),
        ((9, None), "percent"),
    ):
        with pytest.raises(ValueError, match=message):
            sm.prune(t.network, *wrong)


def test_restart_with_original_and_with_new_weights():
    initial = sm.MLP([64, 30, 10], seed=1)
    found = trainer()
    found.fit(X, Y, 1)
    sm.prune(found.network, 0.9, layers=(0,))
    again = sm.restart(found.network, initial)
    csr = again.layers[0].weights.csr
    np.testing.assert_array_equal(csr.indices, found.network.layers[0].weights.csr.indices)
    rows = np.repeat(np.arange(64), np.diff(csr.indptr))
    np.testing.assert_array_equal(csr.data, initial.layers[0].weights.matrix[rows, csr.indices])
    np.testing.assert_array_equal(again.layers[1].weights.matrix, initial.layers[1].weights.matrix)
    new, same, other = sm.restart(found.network), sm.restart(found.network), sm.restart(found.network, draw=1)
    assert bits(new) == bits(same) != bits(other) and not new.layers[0].bias.any()
    assert np.std(new.layers[0].weights.data) == pytest.approx(np.sqrt(2 / 6.4), rel=0.2)  # 6.4 connections a unit
    assert sm.restart(new, again).n_connections == new.n_connections  # sparse from sparse
    with pytest.raises(ValueError, match=r"layer 0 lacks \d+ of"):
        sm.restart(sm.MLP([64, 30, 10], density=0.5), again)
    with pytest.raises(ValueError, match="widths of the found net"):
        sm.restart(new, sm.MLP([64, 20, 10]))


class Interrupt(sm.Callback):
    def __init__(self, after):
        self.left = after

    def on_epoch_begin(self, trainer, epoch):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "procedure",
    [sm.TrainPruneRetrain(0.8, 3, 3, lr=0.1), sm.LotteryTicket(0.8, 2, rounds=2), sm.LotteryTicket(0.8, 2, weights="new", layers=(0,))],
    ids=repr,
)
def test_an_interrupted_procedure_goes_on_with_the_same_bits(procedure, tmp_path):
    whole = procedure.run(trainer(), X, Y)
    n = whole.trainer.network.n_connections
    assert n == (384 + 300 if procedure.layers else 384 + 60)
    for after in (1, 3, 5):
        folder = tmp_path / str(after)
        if procedure.layers is None or after < 4:
            with pytest.raises(KeyboardInterrupt):
                procedure.run(trainer(callbacks=[Interrupt(after)]), X, Y, folder=folder)
        for _ in range(2):  # the second finds everything done
            outcome = procedure.run(trainer(), X, Y, folder=folder)
            assert bits(outcome.trainer.network) == bits(whole.trainer.network)
            assert {k: h["loss"] for k, h in outcome.histories.items()} == {k: h["loss"] for k, h in whole.histories.items()}
    with pytest.raises(ValueError, match="holds .*sparsity=0.8.*, this is TrainPruneRetrain"):
        sm.TrainPruneRetrain(0.7, 3, 3).run(trainer(), X, Y, folder=folder)


def test_stages():
    outcome = sm.TrainPruneRetrain(0.8, 2, 0).run(trainer(), X, Y)
    assert list(outcome.histories) == ["train"] and outcome.trainer.network.n_connections == 444
    outcome = sm.LotteryTicket(0.75, 1, rounds=2).run(trainer(), X, Y)
    assert list(outcome.histories) == ["round-1", "round-2", "final"]
    assert outcome.histories["round-2"]["connections"] == [[960, 150]]
    with pytest.raises(ValueError, match="policy must be Static"):
        sm.LotteryTicket(0.8, 2).run(trainer(policy=sm.SET()), X, Y)
    with pytest.raises(ValueError, match="has not trained yet; got one after 3 steps"):
        used = trainer()
        used.fit(X, Y, 1)
        sm.LotteryTicket(0.8, 2).run(used, X, Y)
