"""The comparison with small dense nets: its budgets, a run of each kind, and the page that is written from the lines."""

import doctest
import pathlib

import pytest
from sklearn.datasets import load_wine

import sparsemlp as sm
from bench.small_dense_parts import nets, page
from bench.small_dense_parts.experiments import EXPERIMENTS, Experiment, dense, logistic, one, recipes, sklearn
from bench.small_dense_parts.sets import load

ROOT = pathlib.Path(__file__).parents[1]


def test_examples():
    assert doctest.testmod(nets).failed == 0


@pytest.mark.parametrize("budget", [4_000, 12_000, 128_690])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_nets_keep_to_their_budget(budget, depth):
    sizes, topology = nets.dense(budget, depth, 100, 5)
    n = sm.MLP(sizes, topology=topology).n_parameters
    assert abs(n - budget) <= 0.5 * (sum(sizes) + 2 * depth * max(sizes))  # half a unit a layer
    sizes, topology = nets.one_layer(budget, 300, 100, 5, "random")
    assert abs(sm.MLP(sizes, topology=topology).n_parameters - min(budget, 300 * 106 + 5)) <= 150 or budget == 4_000


def test_a_run_of_each_kind():
    training = {"epochs": 2, "lr": 0.03, "decay": 0.0, "batch": 32}
    arms = {"dense": dense(1), "Correlated": one("correlated", 20), "Weighted": one("weighted", 20), "s": sklearn(1), "l": logistic}
    e = Experiment({"name": "wine"}, 300, training, arms)
    for arm in arms:
        found = e.run(arm, 0)
        assert 20 < found["accuracy"] <= 100 and found["parameters"] > 40
    assert recipes("wine").run("recipe", 0)["recipe"] == "tabular"
    split = load("wine", seed=1)
    assert len(split.X) + len(split.X_test) == len(load_wine().target) and split.n_classes == 3


def test_the_page_says_what_the_lines_say(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/sparse_or_small_dense.md"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    lines = []
    for name, experiment in EXPERIMENTS.items():
        for k, arm in enumerate(experiment.arms):
            for seed in range(3):
                curve = [[1.0, 80.0], [2.0, 90.0 + seed / 10]]
                line = {"experiment": name, "arm": arm, "seed": seed, "accuracy": 80 + k + seed, "parameters": 1000, "build": 0.5}
                lines.append({**line, "curve": curve, "recipe": "tabular"})
    lines.append({"experiment": "mnist", "arm": "Local", "seed": 3, "accuracy": None, "parameters": 1000})  # diverged
    epochs = {"threads": 2, "seconds": {"Local": 2.0, "torch full dense": 9.0}}
    page.write(lines, epochs, tmp_path)
    text = (tmp_path / "docs" / "sparse_or_small_dense.md").read_text(encoding="utf-8")
    assert "| Local | 1,000 | 84.00 ± 1.00 |" in text and "best small dense" in text
    assert "| Local | 2 | 3 of 3 | 2 | 4.5 |" in text
    assert "| 4,000 | 81.00 ± 1.00 |" in text
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| fashion-mnist | 1,000 |" in readme
    page.write(lines, epochs, tmp_path)  # again: nothing is added twice
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == readme


def test_differences_are_paired():
    assert page.difference({0: 3.0, 1: 5.0, 2: 4.0}, {0: 1.0, 1: 3.0, 2: 2.0}) == "+2.00 [+2.00, +2.00]"
    assert page.difference({0: 3.0}, {0: 1.0}) == "+2.00" and page.difference({}, {0: 1.0}) == ""
