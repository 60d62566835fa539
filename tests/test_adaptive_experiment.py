"""The adaptive pruning experiment: its data and folds, that arms share their start, that a sweep goes on and reports; its data's areas."""

import dataclasses

import numpy as np
import pytest

import sparsemlp as sm
from bench.papers.adaptive import run as experiment
from bench.papers.adaptive import settings
from bench.papers.adaptive.evidence import chosen_trial, compared, kept, n_failed, outcomes

from .experiments import sweep


@pytest.fixture
def small(monkeypatch):
    """The embedded digits, few epochs and rounds, in place of the paper's."""
    X, y, X_test, y_test = sm.datasets.load("digits")
    monkeypatch.setattr(experiment.datasets, "load", lambda name: (X, y, X_test, y_test))
    smaller = {
        "image": (8, 8),
        "side": 5,
        "hidden": (16, 12, 8),
        "train_epochs": 4,
        "retrain_epochs": 1,
        "inserted_epochs": 2,
        "max_rounds": 2,
        "lr": 0.01,
    }
    for name, value in {**smaller, "batch_size": 50, "small_drop": 0.1, "large_drop": 0.3}.items():
        monkeypatch.setitem(settings.SETTINGS, name, value)
    monkeypatch.setitem(settings.ARMS, "auxiliary-20", dataclasses.replace(settings.ARMS["auxiliary-20"], auxiliary=6))
    return experiment.load_data()


def test_area_average_is_the_mean_of_a_fine_grid():
    X = np.random.default_rng(0).integers(0, 256, (3, 28 * 28), dtype=np.uint8)
    fine = np.repeat(np.repeat(X.reshape(3, 28, 28).astype(float), 10, axis=1), 10, axis=2)
    wanted = fine.reshape(3, 10, 28, 10, 28).mean(axis=(2, 4)).reshape(3, 100)
    found = sm.datasets.area_average(X, (28, 28), (10, 10))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    np.testing.assert_allclose(found.mean(axis=1), X.mean(axis=1), rtol=1e-5)
    with pytest.raises(ValueError, match="28 \\* 27 columns, the pixels of an image; got shape"):
        sm.datasets.area_average(X, (28, 27), (10, 10))


def test_folds_test_everything_once_and_never_train_on_it(small):
    X, y = small
    assert X.shape == (1437, 25) and X.dtype == np.float32
    tested = 0
    for fold in range(10):
        parts = experiment.split((np.arange(1437)[:, None], y), fold)
        rows = [set(part[0][:, 0]) for part in parts]
        assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2]) and len(set.union(*rows)) == 1437
        assert len(rows[1]) == (1437 - len(rows[2])) // 10
        tested += len(rows[2])
    assert tested == 1437


def test_the_papers_net():
    sizes = [settings.SETTINGS["side"] ** 2, *settings.SETTINGS["hidden"], 10]
    assert sm.MLP(sizes, seed=0).n_connections == 15_600


def test_arms_share_their_start(small):
    starts = experiment.Starts()
    results = {arm: experiment.train(arm, 3, small, starts) for arm in settings.ARMS}
    assert len({r["base_accuracy"] for r in results.values()}) == 1
    plain = [r for arm, r in results.items() if not settings.ARMS[arm].auxiliary]
    assert len({tuple(sorted(r["base"].items())) for r in plain}) == 1
    again = experiment.train("again", 3, small, experiment.Starts())  # started afresh, as after an interruption
    assert again["rounds"][0]["connections"] == results["again"]["rounds"][0]["connections"]
    assert results["auxiliary-20"]["sizes"] == [25, 16, 6, 12, 8, 10] and results["again"]["sizes"] == [25, 16, 12, 8, 10]
    for r in results.values():
        last = kept(r)
        if last is not None:
            assert last["connections"] == sum(r["connections_by_layer"]) == r["energy"]["connections"]
            assert last["test_accuracy"] == pytest.approx(r["test_accuracy_last"], abs=1e-5)


@pytest.mark.parametrize("arm", ["adaptive-0.46-trial-3", "auxiliary-20", "again"])
def test_a_run_that_is_cut_off_goes_on_with_the_same_bits(small, tmp_path, monkeypatch, arm):
    whole = experiment.train(arm, 2, small, experiment.Starts())
    evaluate, calls = sm.Network.evaluate, []

    def interrupted(self, X, y, **options):
        calls.append(len(X))
        if len(calls) == 9:
            raise KeyboardInterrupt
        return evaluate(self, X, y, **options)

    with monkeypatch.context() as during:
        during.setattr(sm.Network, "evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            experiment.train(arm, 2, small, experiment.Starts(), tmp_path / "run.unfinished")
    assert (tmp_path / "base_fold2.sm").exists() and (tmp_path / "run.stages").exists() == (arm.startswith("adaptive"))
    again = experiment.train(arm, 2, small, experiment.Starts(), tmp_path / "run.unfinished")
    assert not (tmp_path / "run.stages").exists()
    for name in ("base_accuracy", "connections_by_layer", "test_accuracy_last", "stopped"):
        assert again[name] == whole[name]
    for a, b in zip([again["base"], *again["rounds"]], [whole["base"], *whole["rounds"]], strict=True):
        assert {k: v for k, v in a.items() if k != "seconds_per_epoch"} == {k: v for k, v in b.items() if k != "seconds_per_epoch"}


def test_what_is_kept_at_a_smaller_drop():
    rounds = [{"round": k + 1, "accuracy": a, "connections": c} for k, (a, c) in enumerate(((0.96, 9), (0.955, 8), (0.962, 7), (0.94, 6)))]
    run = {"arm": "static-0.2", "settings": {"large_drop": 0.01}, "base_accuracy": 0.96, "base": {"accuracy": 0.96}, "rounds": rounds}
    assert kept(run)["connections"] == 7
    assert kept(run, 0.0046)["connections"] == 9
    assert kept({**run, "base_accuracy": 0.98}) is None


def ended(arm, fold, connections, accuracy=0.96, base=0.97):
    rounds = [{"round": 1, "accuracy": accuracy, "connections": connections}]
    run = {"arm": arm, "fold": fold, "settings": {"small_drop": 0.005, "large_drop": 0.02}, "base_accuracy": 0.96, "rounds": rounds}
    return run | {"base": {"accuracy": base, "connections": 100}}


def test_a_fold_that_failed_counts_with_what_it_started_from(monkeypatch):
    monkeypatch.setitem(settings.SETTINGS, "folds", 2)
    before = [ended("adaptive-0.46-trial-3", 0, 40), ended("adaptive-0.46-trial-3", 1, 60)]
    late = [ended("auxiliary-40-trial-3", 0, 30), ended("auxiliary-40-trial-3", 1, 10, base=0.5)]  # its larger net is too bad
    groups = {"adaptive-0.46-trial-3": before, "auxiliary-40-trial-3": late, "static-0.4": [ended("static-0.4", 1, 5, accuracy=0.2)]}
    assert {f: r["connections"] for f, r in outcomes(groups, "auxiliary-40-trial-3").items()} == {0: 30, 1: 60}
    assert {f: r["connections"] for f, r in outcomes(groups, "static-0.4").items()} == {1: 100}
    assert [n_failed(groups, arm) for arm in groups] == [0, 1, 1]
    found = compared(groups, "auxiliary-40-trial-3", "adaptive-0.46-trial-3", lambda r: r["connections"])
    assert found[0].values == (-10, 0) and compared(groups, "static-0.4", "static-0.2", lambda r: 0) == ()
    assert chosen_trial(groups) is None
    for trial, connections in ((1, 70), (2, 45), (5, 55)):
        name = f"adaptive-0.46-trial-{trial}"
        groups[name] = [ended(name, fold, connections) for fold in (0, 1)]
    assert chosen_trial(groups) == 0.02


def test_a_sweep_goes_on_and_reports(small, tmp_path, monkeypatch, capsys):
    sweep("adaptive", tmp_path, "--report")
    assert "nothing to report" in capsys.readouterr().out
    first = sweep("adaptive", tmp_path, "--folds", "0", "--arms", "static-0.2", "adaptive-0.46")
    assert len(first) == 2
    monkeypatch.setitem(settings.SETTINGS, "folds", 2)
    assert len(sweep("adaptive", tmp_path, "--seconds", "0")) == 2
    both = sweep("adaptive", tmp_path)  # static and adaptive arms, then the auxiliary ones of the trial drop that was chosen
    assert len(both) == 2 * (3 + 8 + 5) + 1 and all(both[name] == first[name] for name in first)  # wall time too: they were not run again
    assert "finished before" in capsys.readouterr().out
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    titles = ("Table I:", "Table II:", "Table III:", "Table IV:", "Table V:", "Claims", "Seconds per epoch", "before pruning")
    for wanted in (*titles, "weights_by_round.png", "Auxiliary arms start from it".lower(), "no verdict on the paper"):
        assert wanted in text, wanted
    assert len(list(tmp_path.glob("*.png"))) == 2
    with pytest.raises(SystemExit):
        sweep("adaptive", tmp_path, "--folds", "10")
    assert "argument --folds: invalid choice: 10" in capsys.readouterr().err
