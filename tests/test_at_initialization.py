"""The experiment on pruning at initialization: the pair that is chosen, trials that are paired, a sweep that goes on, its report."""

import numpy as np
import pytest

import sparsemlp as sm
from bench.papers.at_initialization import claims, evidence, settings
from bench.papers.at_initialization import run as experiment

from .experiments import replace, sweep


@pytest.fixture
def small(monkeypatch):
    """Few random images with labels that can be learned, small nets, four short rows of table 1."""
    values = {
        "STEPS": (1, 2, 4, 6),
        "IMAGES": 200,
        "SAMPLES": (150, 200),
        "FIGURE3_STEPS": 3,
        "FIGURE2_P": (0.5, 0.9),
        "SCAN": [(0.05, 1e-3), (0.5, 1e-2)],
        "NETS": {"784-10": (), "784-128-100-10": (6, 5), "autoencoder": (6, 4, 6, 784)},
        "EPSILONS": {"784-128-100-10": (1e-6,), "autoencoder": (1e-6,)},
    }
    replace(monkeypatch, "at_initialization", **values)
    rng = np.random.default_rng(0)
    X, X_test = (rng.integers(0, 256, (n, 784), dtype=np.uint8) for n in (200, 50))
    y, y_test = (rng.permutation(np.arange(n) % 10) for n in (200, 50))
    monkeypatch.setattr(experiment.datasets, "load", lambda name: (X, y, X_test, y_test))


def test_the_pair_nearest_the_papers_dense_column_is_chosen():
    paper = [mean for mean, _ in settings.PAPER["dense"]]
    near, far = [m + 1 for m in paper], [*paper[:3], paper[3] + 3]
    assert evidence.choose({(0.05, 1e-3): far, (0.5, 1e-4): near}) == (0.5, 1e-4)


def test_settings_are_those_of_the_paper():
    table = settings.table_settings(0.5, 1e-3) + settings.fitness_settings(0.5, 1e-3)
    assert [s.policy.k for s in table[:4]] == [1, 10, 50, 100] and all(s.policy.p == 0.5 for s in table if s.arm != "dense from 0")
    assert len({(s.policy.fitness, s.policy.sums) for s in table if s.policy.__class__ is sm.KStarts}) == 8
    assert all(s.steps == (10, 100, 1_000, 10_000) and s.std == (0 if s.part == "zeros" else 0.5) for s in table)
    assert {s.steps for s in settings.figure3_settings(0.5, 1e-3)} == {(2_500,)}
    every = [*table, *settings.scan_settings(), *settings.figure3_settings(0.5, 1e-3), *settings.figure2_settings(5)]
    assert len({s.name(10) for s in every}) == len(every)


def test_trials_of_a_seed_begin_alike(small):
    data, at = experiment.load_data(), {"std": 0.05, "lr": 1e-9, "steps": (1,)}
    losses = [experiment.trial(settings.Setting("table1", "x", policy, **at), 3, data) for policy in (sm.Static(), sm.KStarts(p=0.0))]
    assert losses[0]["performance"] == losses[1]["performance"]
    assert [t["sparsity"] for t in losses] == [0, 0]


def test_a_trial_says_what_k_starts_chose(small):
    data = experiment.load_data()
    setting = settings.Setting("table1", "k3", sm.KStarts(k=3, p=0.5, drop_every=2), std=1.0, lr=1e-6, steps=(1, 6))
    found = experiment.trial(setting, 0, data)
    assert (found["choices"], found["changes"], found["last_change"]) == (4, 0, 1)  # steps so small leave the first choice as it is
    assert found["sparsity"] == 0.5 and len(found["performance"]) == 2
    assert experiment.trial(settings.Setting("scan", "dense", sm.Static(), std=1.0, steps=(1,)), 0, data)["last_change"] is None


def test_differences_are_taken_seed_by_seed():
    def run(*values):
        return {"net": "784-10", "trials": [{"seed": k, "performance": [v]} for k, v in enumerate(values)]}

    mean, error = claims.difference(run(0.5, 0.7, 0.9), run(0.4, 0.6, 0.8))
    assert mean == pytest.approx(10) and error == pytest.approx(0, abs=1e-9) and claims.clear((mean, error)) == 1
    assert claims.clear(claims.difference(run(0.5, 0.7), run(0.4, 0.8))) == 0
    assert claims.clear((-3.0, 1.0)) == -1


def test_a_sweep_goes_on_and_reports(small, tmp_path, capsys):
    sizes = ("at_initialization", tmp_path, "--trials", "2", "--figure2-trials", "1", "--figure2-epochs", "1")
    sweep(*sizes, "--report")
    assert "nothing to report" in capsys.readouterr().out
    table = sweep(*sizes, "--parts", "table1", "fitness")
    assert len(table) == 2 + 5 + 2 + 7
    every = sweep(*sizes)
    assert len(every) == 16 + 2 * 2 * 6 + 4 * (1 + 2 * 3 + 2)
    assert all(every[name] == table[name] for name in table)  # wall time too: they were not run again
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wanted in ("(chosen)", "| 6 | here |", "the combination is the best of the four", "Figure 3: accuracy", "| random from 0 | 2 |"):
        assert wanted in text
    assert "Not run yet" not in text
    assert sorted(p.name for p in tmp_path.glob("*.png")) == ["figure2.png", "figure3.png", "table1.png"]
    run = next(run for name, run in every.items() if name.startswith("figure2_autoencoder_mnist_random-p0.9"))
    assert run["trials"][0]["sparsity"] >= 0.9 - 1e-6 and run["machine"]["threads"] == 1
