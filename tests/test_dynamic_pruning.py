"""The dynamic pruning experiment: what is counted, that arms are paired, that a sweep goes on, that it reports."""

import numpy as np
import pytest

import sparsemlp as sm
from bench.papers.dynamic_pruning import run as experiment
from bench.papers.dynamic_pruning import settings
from bench.papers.dynamic_pruning.evidence import Evidence
from bench.papers.dynamic_pruning.exploration import Exploration, Watched
from bench.papers.shared import runs

from .experiments import replace, sweep


@pytest.fixture
def small(monkeypatch):
    """Tiny nets and random images in place of the paper's."""
    nets = {"mlp-1k": (784, 30, 20, 30, 10), "mlp-4k": (784, 40, 20, 40, 10), "mlp-4k4l": (784, 40, 20, 20, 20, 10)}
    small = {net: (784, *(5,) * (len(widths) - 2), 10) for net, widths in nets.items()}
    replace(monkeypatch, "dynamic_pruning", NETS=nets, SMALL=small, SLICE=0.0, REST=0.0)
    monkeypatch.setitem(settings.SETTINGS, "epsilon", 3)
    monkeypatch.setitem(settings.SETTINGS, "held_out", 50)
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
    trainer = sm.Trainer(net, policy=Watched(Noted()), callbacks=[brute, Exploration()], lr_scale=None)
    trainer.fit(X[:200] / 16, y[:200], epochs=5)
    survived, tried = trainer.history["survived"], trainer.history["tried"]
    np.testing.assert_allclose([survived, tried], np.transpose(history))
    assert survived[0] == 1 and (np.diff(survived) < 0).all()


def test_sparse_arms_of_a_seed_begin_alike_and_see_the_same_batches(small):
    results = {arm: experiment.train("mlp-1k", arm, 3, 2, small, "ours") for arm in settings.ARMS if "dense" not in arm}
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
        built = settings.build(net, "exd", 0)
        assert built.n_parameters == sparse
        assert sum(n * m + m for n, m in zip(built.sizes[:-1], built.sizes[1:], strict=True)) == dense
        assert abs(settings.build(net, "small-dense", 0).n_parameters / sparse - 1) < 0.01


def test_a_sweep_goes_on_and_reports(small, tmp_path, capsys):
    two = ("dynamic_pruning", tmp_path, "--epochs", "2")
    first = sweep(*two, "--arms", "static", "set", "--seeds", "0", "1")
    assert len(first) == 4
    both = sweep(*two, "--arms", "static", "set", "dense", "--seeds", "0", "1")
    assert len(both) == 6 and all(both[name] == first[name] for name in first)  # wall time too: they were not run again
    assert "finished before" in capsys.readouterr().out
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wanted in ("set − static", "figure4_accuracy_code.png", "| code | mlp-1k | dense | 2 | 2 |"):
        assert wanted in text
    assert {path.name for path in tmp_path.glob("*.png")} == {"figure4_accuracy_code.png", "exploration_mlp-1k_code.png"}
    run = both["mlp-1k_set_code-start_seed1_2epochs"]
    best = int(np.argmax(run["by_epoch"]["held_out_accuracy"]))
    assert run["chosen_epoch"] == best and run["test_accuracy_chosen"] == pytest.approx(run["by_epoch"]["test_accuracy"][best])
    assert run["machine"]["threads"] == 1 and run["settings"]["batch_size"] == 100


def test_times_bytes_and_claims(small, tmp_path):
    def run(*arguments):
        return sweep("dynamic_pruning", tmp_path, *arguments)

    run("--epochs", "3", "--arms", "dense", "static", "set", "exd", "discarded", "--seeds", "0", "1", "2")
    run("--epochs", "3", "--arms", "static", "exd", "--seeds", "0", "--start", "ours")
    run("--memory")
    found = run("--time", "3", "--arms", "dense", "set", "exd", "small-dense")
    times = found["times_mlp-1k"]["arms"]
    assert times["set"]["zeta"] == [0.3, 0.3, 0.3]
    assert times["exd"]["zeta"] == pytest.approx([0.3 * 0.99 ** (500 * k / 6) for k in (1, 3, 5)], abs=1e-6)  # middles of thirds of 500
    assert times["dense"]["images"] == 20 and times["set"]["images"] == 40
    assert found["memory"]["nets"]["mlp-1k"]["dense"]["training"] == 8 * found["mlp-1k_dense_code-start_seed0_3epochs"]["n_parameters"]
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wanted in (
        "| EXD is the best of the sparse methods | mlp-1k, 3 epochs, 3 seeds: exd − set",
        "mlp-1k: discarded equal bit for bit",
        "a change takes",
        "no verdict on the paper",
        "Open: the longest runs have 3 of the paper's 500 epochs",
        "of the paper's 500 epochs",
        "% less (",
    ):
        assert wanted in text, wanted
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert {"figure1_training_time.png", "accuracy_by_seconds_mlp-1k_code.png", "figure4_accuracy_ours.png"} <= drawn


def test_the_start_sets_the_scale_of_the_weights():
    code, ours = (settings.build("mlp-1k", "static", 0, start).layers[1].weights.csr.data for start in ("code", "ours"))
    assert code.std() == pytest.approx((2 / 2000) ** 0.5, rel=0.02) and ours.std() == pytest.approx((2 / 40) ** 0.5, rel=0.02)


def run_of(arm, seed, accuracies, **more):
    return {"net": "mlp-1k", "arm": arm, "seed": seed, "epochs": len(accuracies), "by_epoch": {"test_accuracy": accuracies}, **more}


def test_differences_are_paired_by_seed_epoch_and_start():
    found = [run_of("set", 0, [0.5, 0.7, 0.8]), run_of("set", 1, [0.5, 0.6, 0.9]), run_of("set", 2, [0.1])]
    found += [run_of("static", 0, [0.4, 0.6]), run_of("static", 1, [0.4, 0.7]), run_of("ldv", 1, [0.5, 0.5])]
    found += [run_of("set", 0, [1.0, 1.0], start="code"), run_of("static", 0, [0.5, 0.75], start="code")]
    ours, code = (Evidence(found, start, {}, {}) for start in ("ours", "code"))
    c = ours.compared("mlp-1k", "set", "static")  # the shorter runs' last epoch; seed 2 has no partner
    assert c.where == "ours start, mlp-1k, 2 epochs" and c.values == pytest.approx((10, 0))
    assert ours.compared("mlp-1k", "ldv", "set") is None  # another length, and ldv's zeta depends on it
    assert len(ours.compared("mlp-1k", "ldv", "static").values) == 1
    assert code.compared("mlp-1k", "set", "static").values == pytest.approx((37.5,)) and code.compared("mlp-1k", "set", "ldv") is None
    assert ours.first_epochs("mlp-1k", "set", 0.7) == {0: 2, 1: 3, 2: None}


@pytest.mark.parametrize("arm", ["exd", "discarded", "dense"])
def test_an_interrupted_run_goes_on_with_the_same_bits(small, tmp_path, monkeypatch, arm):
    settings = {"net": "mlp-1k", "arm": arm, "seed": 1, "epochs": 4, "data": small}
    whole = experiment.train(**settings)
    evaluate, calls = sm.Network.evaluate, []

    def interrupted(self, X, y, **options):
        calls.append(len(X))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(self, X, y, **options)

    monkeypatch.setattr(runs.Keeper.__init__, "__defaults__", (0.0,))  # save after every epoch
    with monkeypatch.context() as during:
        during.setattr(sm.Network, "evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            runs.sweep(tmp_path, [("run", settings)], experiment.train)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["run.unfinished"] and not runs.load_runs(tmp_path)
    runs.sweep(tmp_path, [("run", settings)], experiment.train)
    assert not [*(tmp_path / "work").iterdir()]
    again = runs.load_runs(tmp_path)["run"]
    assert again["resumed_at"] == 2 and whole["resumed_at"] is None
    for name, values in whole["by_epoch"].items():
        assert name.endswith("seconds") or again["by_epoch"][name] == values
