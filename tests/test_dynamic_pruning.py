"""The dynamic pruning experiment: what is counted, that arms are paired, that a sweep goes on, that it reports."""

import argparse
import json

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.experiments import dynamic_pruning as experiment
from sparsemlp.experiments import dynamic_pruning_report, runs
from sparsemlp.experiments.exploration import Exploration


@pytest.fixture
def small(monkeypatch):
    """Tiny nets and random images in place of the paper's."""
    nets = {"mlp-1k": (30, 20, 30), "mlp-4k": (40, 20, 40), "mlp-4k4l": (40, 20, 20, 20)}
    monkeypatch.setattr(experiment, "NETS", nets)
    monkeypatch.setattr(experiment, "SMALL", {net: (5,) * len(sizes) for net, sizes in nets.items()})
    monkeypatch.setitem(experiment.SETTINGS, "epsilon", 3)
    monkeypatch.setitem(experiment.SETTINGS, "held_out", 50)
    rng = np.random.default_rng(0)
    X, X_test = (rng.integers(0, 256, (n, 784), dtype=np.uint8) for n in (250, 60))
    y, y_test = (rng.permutation(np.arange(n) % 10) for n in (250, 60))
    monkeypatch.setattr(experiment.datasets, "load", lambda name: (X, y, X_test, y_test))
    return experiment.load_data()


def test_data_are_split_and_standardised_by_the_kept_part(small):
    (X, y), (X_held_out, y_held_out), (X_test, _), augment = small
    assert (X.shape, X.dtype, y.shape) == ((200, 784), np.uint8, (200,))
    assert (X_held_out.shape, X_held_out.dtype, X_test.shape, y_held_out.shape) == ((50, 784), np.float32, (60, 784), (50,))
    mean = augment.standardizer.mean
    np.testing.assert_allclose(mean, X.mean(axis=0))
    again = experiment.load_data()
    np.testing.assert_array_equal(again[0][0], X)


def test_exploration_counts_what_brute_force_counts():
    X, y, _, _ = sm.datasets.load("digits")
    net = sm.MLP([64, 30, 20, 10], topology=[sm.Uniform(0.4), sm.Uniform(0.3), sm.Uniform(1.0)], seed=1)
    exploration = Exploration()
    history = []

    class Brute(sm.Callback):
        def on_fit_begin(self, trainer):
            self.alive = [self.now(trainer)[k] for k in (0, 1)]
            self.seen = [set(a) for a in self.alive]
            self.before = [set(a) for a in self.alive]

        def now(self, trainer):
            return [set(zip(*layer.weights.csr.tocoo().coords, strict=True)) for layer in trainer.network.layers]

        def on_epoch_end(self, trainer, record):
            now = self.now(trainer)
            for k, change in self.changes.items():
                ordered = sorted(self.before[k])
                self.alive[k] = self.alive[k] - {ordered[d] for d in change.drop}
            self.changes.clear()
            for k in (0, 1):
                self.seen[k] |= now[k]
                self.before[k] = now[k]
            connections = len(now[0]) + len(now[1])
            history.append((sum(map(len, self.alive)) / connections, sum(map(len, self.seen)) / (64 * 30 + 30 * 20)))

    class Noted(sm.Policy):
        inner = sm.SET(0.4)

        def between_epochs(self, view, state, progress, rng):
            change, state = self.inner.between_epochs(view, state, progress, rng)
            if change is not None:
                brute.changes[view.index] = change
            return change, state

    brute = Brute()
    brute.changes = {}
    trainer = sm.Trainer(net, policy=exploration.watch(Noted()), callbacks=[brute, exploration])
    trainer.fit(X[:200] / 16, y[:200], epochs=5)
    np.testing.assert_allclose([exploration.survived, exploration.tried], np.transpose(history))
    assert exploration.survived[0] == 1 and exploration.survived[-1] < 0.5


def test_sparse_arms_of_a_seed_begin_alike_and_see_the_same_batches(small):
    results = {arm: experiment.train("mlp-1k", arm, 3, 2, small) for arm in experiment.ARMS if "dense" not in arm}
    firsts = {(r["by_epoch"]["training_loss"][0], r["by_epoch"]["test_accuracy"][0], r["n_parameters"]) for r in results.values()}
    assert len(firsts) == 1
    assert len({r["by_epoch"]["training_loss"][1] for r in results.values()}) > 3
    static, discarded = results["static"]["by_epoch"], results["discarded"]["by_epoch"]
    for name in ("training_loss", "test_accuracy", "survived", "tried"):
        assert static[name] == discarded[name]
    assert discarded["zeta"] == [None, 0.3] and static["zeta"] == [None, None]


def test_dense_arms_are_dense(small):
    dense, control = (experiment.train("mlp-4k4l", arm, 0, 1, small) for arm in ("dense", "small-dense"))
    assert dense["n_parameters"] == dense["n_parameters_dense"] == 784 * 40 + 40 * 20 + 2 * 20 * 20 + 20 * 10 + 40 + 3 * 20 + 10
    assert control["sizes"] == [784, 5, 5, 5, 5, 10]
    assert dense["by_epoch"]["survived"] == []


def test_the_papers_parameters():
    for net, sparse, dense in (("mlp-1k", 128_690, 2_797_010), ("mlp-4k", 344_690, 11_185_010), ("mlp-4k4l", 374_690, 17_155_010)):
        built = experiment.build(net, "exd", 0)
        assert built.n_parameters == sparse
        assert sum(n * m + m for n, m in zip(built.sizes[:-1], built.sizes[1:], strict=True)) == dense
        assert abs(experiment.build(net, "small-dense", 0).n_parameters / sparse - 1) < 0.01


def test_a_sweep_goes_on_and_reports(small, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    experiment.add_arguments(parser)

    def sweep(*arguments):
        experiment.main(parser.parse_args(["--epochs", "2", "--out", str(tmp_path), "--threads", "1", *arguments]))
        sm.set_num_threads(None)
        return runs.load_runs(tmp_path)

    first = sweep("--arms", "static", "set", "--seeds", "0", "1")
    assert len(first) == 4
    both = sweep("--arms", "static", "set", "dense", "--seeds", "0", "1")
    assert len(both) == 6 and all(both[name] == first[name] for name in first)  # wall time too: they were not run again
    assert "finished before" in capsys.readouterr().out
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wanted in ("set − static", "figure1_training_time.png", "figure4_accuracy.png", "| mlp-1k | dense | 2 | 2 |"):
        assert wanted in text
    assert len(list(tmp_path.glob("*.png"))) == 4
    run = json.loads((tmp_path / "mlp-1k_set_seed1_2epochs.json").read_text(encoding="utf-8"))
    best = int(np.argmax(run["by_epoch"]["held_out_accuracy"]))
    assert run["chosen_epoch"] == best and run["test_accuracy_chosen"] == pytest.approx(run["by_epoch"]["test_accuracy"][best])
    assert run["machine"]["threads"] == 1 and run["settings"]["batch_size"] == 100


def test_an_interrupted_run_leaves_no_file(tmp_path):
    def train(number):
        if number == 1:
            raise KeyboardInterrupt
        return {"test_accuracy_last": 0.5}

    wanted = [(f"run{k}", {"number": k}) for k in range(3)]
    with pytest.raises(KeyboardInterrupt):
        runs.sweep(tmp_path, wanted, train)
    assert [path.name for path in tmp_path.iterdir()] == ["run0.json"]
    dynamic_pruning_report.report(tmp_path / "nothing")
