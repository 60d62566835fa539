"""The experiment on pruning at initialization: the pair that is chosen, trials that are paired, a sweep that goes on, its report."""

import numpy as np
import pytest

import sparsemlp as sm
from bench.papers.at_initialization import evidence, settings
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
        "SCAN": [("softmax", 0.05, 1e-3), ("squared", 0.5, 1e-2)],
        "HELD_OUT": 40,
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
    assert evidence.choose({("softmax", 0.05, 1e-3): far, ("squared", 0.5, 1e-4): near}) == ("squared", 0.5, 1e-4)
    assert evidence.distance(near) == pytest.approx(1)


def test_settings_are_those_of_the_paper():
    at = ("squared", 0.5, 1e-3)
    table = settings.table_settings(*at) + settings.fitness_settings(*at)
    assert [s.policy.k for s in table[1:5]] == [1, 10, 50, 100] and all(s.policy.p == 0.5 for s in table if not s.arm.startswith("dense"))
    assert len({(s.policy.fitness, s.policy.sums) for s in table if s.policy.__class__ is sm.KStarts}) == 8
    assert all(s.steps == (10, 100, 1_000, 10_000) and s.std == (0 if s.part == "zeros" else 0.5) for s in table)
    assert {s.structure for s in table} == {"squared"} and {s for s, _, _ in settings.SCAN} == set(settings.STRUCTURES)
    assert {s.steps for s in settings.figure3_settings(*at)} == {(2_500,)}
    every = [
        *table,
        *settings.scan_settings(),
        *settings.figure3_settings(*at),
        *settings.k_by_p_settings(*at),
        *settings.figure2_settings(5),
    ]
    assert len({s.name(10) for s in every}) == len(every)


def test_structures_are_what_they_say_and_the_scan_sees_no_test_image(small, monkeypatch):
    data, nets, seen = experiment.load_data(), [], []
    monkeypatch.setattr(experiment, "_performance", lambda network, X, y: seen.append(len(X)) or nets.append(network) or 0.5)
    for name, (output, _) in settings.STRUCTURES.items():
        experiment.trial(settings.Setting("structure", "dense", sm.Static(), std=0.5, steps=(1,), structure=name), 0, data)
        assert nets[-1].output == output and seen[-1] == 40
    experiment.trial(settings.Setting("table1", "dense", sm.Static(), std=0.5, steps=(2,), structure="squared"), 0, data)
    X_test = data["mnist"][2]
    assert seen[-1] == len(X_test) == 50
    monkeypatch.undo()


def test_accuracy_is_that_of_the_largest_output():
    X, y, _, _ = sm.datasets.load("digits")
    net = sm.MLP([64, 10], output="sigmoid", seed=0)
    assert experiment._performance(net, X / 16, y) == np.mean(net.predict_proba(X / 16).argmax(1) == y)


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


def run(arm, *values, net="784-10", sparsity=0.5):
    trials = [{"seed": k, "performance": [v], "sparsity": sparsity} for k, v in enumerate(values)]
    return {"part": "figure2", "arm": arm, "net": net, "dataset": "mnist", "steps": [9], "trials": trials}


def test_differences_are_taken_seed_by_seed():
    (c,) = evidence.compared(run("a", 0.5, 0.7, 0.9), run("b", 0.4, 0.6), "a", "b", "here")
    assert c.values == pytest.approx((10, 10))
    (c,) = evidence.compared(run("a", 0.02, net="autoencoder"), run("b", 0.03, net="autoencoder"), "a", "b", "here")
    assert c.values == pytest.approx((10,))  # less error is better
    assert evidence.compared(None, run("b", 0.4), "a", "b", "here") == ()
    pairs = [(run("a", 0.5, 0.7), run("b", 0.4, 0.4)), (run("a", 0.5, 0.5), run("b", 0.5, 0.6))]
    assert evidence.pooled(pairs, "a", "b", "here")[0].values == pytest.approx((5, 10))


def test_a_lead_is_taken_at_the_same_sparsity():
    others = [
        run("random p0", 0.9, 0.8, sparsity=0.2),
        run("random p1", 0.7, 0.4, sparsity=0.6),
        run("k-starts p0", 0.1, 0.1, sparsity=0.4),
    ]
    own = [run("combination p0", 0.85, 0.65, sparsity=0.4), run("combination p1", 0.0, 0.0, sparsity=0.9)]
    (c,) = evidence.lead([*others, *own], "combination", ("random", "k-starts"), "here")
    assert c.values == pytest.approx((5, 5))  # nothing to compare with at 0.9
    assert evidence.lead(others, "combination", ("random",), "here") == ()


def test_a_sweep_goes_on_and_reports(small, tmp_path, capsys):
    sizes = ("at_initialization", tmp_path, "--trials", "2", "--scan-trials", "1", "--figure2-trials", "1", "--figure2-epochs", "1")
    sweep(*sizes, "--report")
    assert "nothing to report" in capsys.readouterr().out
    table = sweep(*sizes, "--parts", "table1", "fitness")
    assert len(table) == 1 + 2 + 6 + 2 + 7
    every = sweep(*sizes)
    assert len(every) == 18 + 4 * 4 + 2 * 2 * 6 + 4 * (1 + 2 * 3 + 2 * (1 + 6))
    assert all(every[name] == table[name] for name in table)  # wall time too: they were not run again
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wanted in (
        "(chosen)",
        "| 6 | here |",
        "The combination is the best of the four",
        "Figure 3: accuracy",
        "| random from 0 | 2 |",
        "Open: 2 seeds",
    ):
        assert wanted in text
    assert "Not run yet" not in text
    drawn = {p.name.split("_")[0] for p in tmp_path.glob("*.png")}
    assert drawn == {"figure2.png", "figure3", "table1"} and "the mean training image" in text
    run = next(run for name, run in every.items() if name.startswith("figure2_autoencoder_mnist_random-p0.9"))
    assert run["trials"][0]["sparsity"] >= 0.9 - 1e-6 and run["machine"]["threads"] == 1
