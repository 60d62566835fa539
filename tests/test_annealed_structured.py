"""The experiments on annealed pruning and on structured nets: what is counted, that sweeps go on, that they report."""

import numpy as np
import pytest

import sparsemlp as sm
from bench.papers.annealed import settings as annealed
from bench.papers.structured import run as experiment
from bench.papers.structured import settings, timing
from bench.papers.structured.settings import Setting

from .experiments import replace, sweep


def images(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 784), dtype=np.uint8), rng.permutation(np.arange(n) % 10)


@pytest.fixture
def few(monkeypatch):
    """Few random images in place of MNIST and Fashion-MNIST."""
    monkeypatch.setattr(sm.datasets, "load", lambda name: (*images(260, 0), *images(40, 1)))
    replace(monkeypatch, "structured", HELD_OUT=60)
    replace(monkeypatch, "annealed", HELD_OUT=60, SIZES=[784, 20, 10])
    monkeypatch.setitem(annealed.SAMPLES, "small", 100)


def test_radix_nets_have_the_sparsities_and_widths_they_are_listed_under():
    for part, nets in (("structures", settings.SAME_SIZE), ("connections", settings.SAME_CONNECTIONS)):
        for sparsity in nets:
            counts = []
            for arm in ("radix", "random"):
                sizes, topology = settings.topology(Setting(part, arm, sparsity, 0.1, None, 0, 1))
                net = sm.MLP(sizes, topology=topology)
                counts.append([layer.weights.n_connections for layer in net.layers])
                hidden = sum(counts[-1][:-1])
                possible = sizes[0] * sizes[1] + sizes[1] * sizes[2]
                assert abs(1 - hidden / possible - sparsity) < 0.007
                assert part == "connections" or sizes == settings.SIZES
                assert part == "structures" or 0.85 < hidden / 26_520 < 1.05
            assert counts[0] == counts[1]


def test_every_run_has_a_name_of_its_own():
    names = [s.name for s in settings.settings(settings.PARTS, [0, 1], 6)]
    assert len(set(names)) == len(names) > 100


def test_structured_goes_on_and_reports(few, monkeypatch, tmp_path, capsys):
    replace(monkeypatch, "structured", SPARSITIES=(0.5, 0.9, 0.95, 0.99), REPEATS=2, SLICE=0.0, REST=0.0)
    monkeypatch.setattr(timing, "SPARSITIES", (0.99,))
    first = sweep("structured", tmp_path, "--parts", "dense", "one-time", "--seeds", "0", "--epochs", "3")
    assert len(first) == 5
    parts = ("dense", "one-time", "structures", "connections", "iterative", "frequency", "retrain", "--timing", "--degrees")
    found = sweep("structured", tmp_path, "--parts", *parts, "--seeds", "0", "--epochs", "3")
    assert all(found[name] == first[name] for name in first) and "finished before" in capsys.readouterr().out
    timed, counted = found.pop("timing")["timing"], found.pop("degrees")["degrees"]
    assert [sum(one["pixels"]) for one in counted] == [sum(one["first"]) for one in counted] == [11_760] * 2 + [2_352] * 2
    assert timed[0]["step_speedup"] == 1 and len(timed) == 20
    for run in found.values():
        if run["arm"] in ("one-time", "iterative", "prune-retrain") and run["sparsity"] > 0:
            assert run["part"] == "one-time" or run["by_epoch"]["connections"][0][:2] == [235_200, 30_000]
            assert run["connections"] == [round((1 - run["sparsity"]) * n) for n in (235_200, 30_000)] + [1000]
    again = found["retrain_one-time-original_99percent_lr0.03_seed0_3epochs"]
    assert again["connections"] == found["one-time_one-time_99percent_lr0.03_seed0_3epochs"]["connections"]
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wanted in ("## The claims", "retraining.png", "threshold_and_sparsity.png", "RadiX-Net | 90.0 %", "Open: 1 seed"):
        assert wanted in text
    assert len(list(tmp_path.glob("*.png"))) == 4 and "## What pruned structures look like" in text


def test_a_run_that_diverges_counts_as_chance(few, tmp_path):
    found = experiment.train(Setting("dense", "dense", 0.0, 1e12, None, 0, 2), tmp_path, experiment.load_data())
    assert found["diverged"] and found["test_accuracy_last"] == 0.1


def test_annealed_goes_on_and_reports(few, tmp_path):
    arguments = ("--samples", "small", "--epochs", "8", "--seeds", "0", "1")
    first = sweep("annealed", tmp_path, *arguments, "--arms", "none")
    found = sweep("annealed", tmp_path, *arguments, "--arms", *annealed.ARMS)
    assert len(found) == 18 and all(found[name] == first[name] for name in first)
    for run in found.values():
        pruned = run["arm"] not in ("none", "dropout")
        assert run["connections"] == [1568 if pruned else 15_680, 200], run["arm"]
    run = found["small_largest_seed0_8epochs"]
    nonzero = run["by_epoch"]["nonzero"]
    assert nonzero[:2] == [1, 1] and nonzero[4:] == [0.1] * 4 and 0.1 < nonzero[3] < nonzero[2] < 1
    assert run["by_epoch"]["storage"] == ["dense"] * 5 + ["sparse"] * 3
    same = [a == b for a, b in zip(run["by_epoch"]["test_accuracy"], run["by_epoch"]["test_accuracy_before_change"], strict=True)]
    assert all(same[:2] + same[5:])
    assert found["small_none_seed0_8epochs"]["by_epoch"]["test_accuracy"][0] == run["by_epoch"]["test_accuracy"][0]
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wanted in (
        "largest − none",
        "annealed_small.png",
        "A dip at epoch 5",
        "| small | fsa | 2 |",
        "Open: 2 seeds",
        "fsa 10.0 to 10.0 %",
    ):
        assert wanted in text
