"""Benchmarks: the same problem for every system, turns, workers, results."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.benchmark import numpy_dense, record, systems, turns, workers
from sparsemlp.benchmark.problem import Problem
from sparsemlp.benchmark.statistics import break_even, line
from sparsemlp.commands.main import main
from sparsemlp.reports import speed

BENCH = pathlib.Path(__file__).resolve().parent.parent / "bench"
SMALL = Problem((12, 20, 15, 4), density=0.3, batch_size=8, lr=0.05)


@pytest.mark.parametrize("script", sorted(p.stem for p in BENCH.glob("*.py") if p.stem not in ("common", "roofline")))
def test_scripts_start(script):
    """They import what the package still has."""
    done = subprocess.run(
        [sys.executable, str(BENCH / f"{script}.py"), "--help"], capture_output=True, text=True, env=workers.environment(1)
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_importing_loads_no_other_library():
    code = (
        "import sys, sparsemlp.benchmark.turns, sparsemlp.benchmark.workers, sparsemlp.benchmark.systems, sparsemlp.reports.speed; "
        "print([m for m in ('torch', 'sklearn', 'threadpoolctl', 'matplotlib.figure') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=workers.environment(1))
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("topology", [{"density": 0.3}, {"epsilon": 3}, {}], ids=str)
def test_matrices_are_those_of_the_net(topology):
    problem = Problem((12, 20, 15, 4), **topology)
    net = sm.MLP(problem.sizes, topology=problem.topology, seed=problem.seed)
    for matrix, layer in zip(problem.matrices(), net.layers, strict=True):
        assert matrix.shape == layer.weights.shape and matrix.dtype == np.float32
        if topology:
            np.testing.assert_array_equal(matrix.indices, layer.weights.indices)
            np.testing.assert_array_equal(matrix.indptr, layer.weights.indptr)
    assert Problem(**json.loads(json.dumps(problem.to_dict()))) == problem


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "sgd"])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_numpy_trains_as_the_trainer_does(optimizer, activation, monkeypatch):
    problem = Problem((12, 20, 15, 4), batch_size=8, lr=0.01, optimizer=optimizer, activation=activation)
    net = sm.MLP(problem.sizes, activation=activation, seed=0)
    start = [layer.weights.matrix.copy() for layer in net.layers]
    monkeypatch.setattr(Problem, "matrices", lambda self: start)
    run, info = numpy_dense.dense(problem)
    trainer = sm.Trainer(net, optimizer=systems._optimizer(problem))
    batches = problem.batches()
    np.testing.assert_allclose([run() for _ in range(24)], [trainer.train_step(*batches[k % 8]) for k in range(24)], rtol=1e-4)
    assert info["connections"] == net.n_connections


@pytest.mark.parametrize("task", ["train", "predict"])
def test_measure_in_one_process(task):
    problem = Problem(SMALL.sizes, density=0.3, batch_size=8, task=task)
    jobs = [turns.Job(name, build, problem) for name, build in systems.OWN.items()]
    jobs.append(turns.Job("absent", "no_such_module:build", problem))
    said = []
    rows, skipped = turns.measure(jobs, threads=1, repeats=4, turns=2, settle=0, processes=False, log=said.append)
    assert [row["system"] for row in rows] == list(systems.OWN) and "no_such_module" in skipped["absent"] in said[0]
    assert [row["connections"] for row in rows] == [180, 600, 600]
    for row in rows:
        assert row["n"] >= 4 and 0 < row["minimum"] <= row["q1"] <= row["median"] <= row["q3"] < 1 and row["threads"] == 1
        assert Problem(**row["problem"]) == problem
    assert "times sparsemlp" in speed.table(rows, "sparsemlp").splitlines()[0]


FOREIGN = """
import os, sys
def good(problem):
    print("noise on standard output")
    e = os.environ
    return lambda: None, {"connections": 1, "bound": e["OPENBLAS_NUM_THREADS"], "extra": e.get("EXTRA"), "pid": os.getpid()}
def bad(problem):
    raise ZeroDivisionError("cannot")
def dead(problem):
    sys.stderr.write("last words")
    sys.stderr.flush()
    os._exit(3)
"""


def test_workers_are_one_a_system_and_bounded(tmp_path):
    (tmp_path / "foreign.py").write_text(textwrap.dedent(FOREIGN))
    jobs = [turns.Job("one", "foreign:good", SMALL), turns.Job("one, again", "foreign:good", Problem((3, 2)))]
    jobs += [turns.Job("other", "foreign:good", SMALL, threads=1, env={"EXTRA": "x"})]
    jobs += [turns.Job("bad", "foreign:bad", SMALL), turns.Job("dead", "foreign:dead", SMALL)]
    rows, skipped = turns.measure(jobs, threads=2, repeats=2, turns=1, settle=0, path=[tmp_path])
    assert [(row["bound"], row["extra"]) for row in rows] == [("2", None), ("2", None), ("1", "x")]
    assert rows[0]["pid"] == rows[1]["pid"] != rows[2]["pid"] and os.getpid() not in [row["pid"] for row in rows]
    assert skipped["bad"] == "ZeroDivisionError: cannot" and "code 3: last words" in skipped["dead"]


def test_workers_choose_their_kernels_themselves(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    found = workers.environment(3, {"EXTRA": "x"})
    assert "OPENBLAS_CORETYPE" not in found and found["OMP_NUM_THREADS"] == "3" and found["EXTRA"] == "x"


def test_jobs_of_one_process_share_its_environment():
    with pytest.raises(ValueError, match="worker processes"):
        turns.measure([turns.Job("x", "m:f", SMALL, env={"A": "1"})], threads=1, processes=False)


def test_a_disturbed_turn_is_taken_again(monkeypatch):
    """The turn with the fewest preemptions counts, not the fastest."""
    counts = iter([0, 9, 9, 12, 12, 20, 20, 25, 30, 30])
    monkeypatch.setattr(turns, "_preemptions", lambda: next(counts))
    runner = turns.Runner()
    runner.add("a", lambda: None)
    monkeypatch.setattr(turns, "MOST", 1)
    monkeypatch.setattr(turns, "ATTEMPTS", 4)
    assert turns._undisturbed(runner, "a", 1, 0, 0)[1] == 3  # of 9, 3, 8, 5
    assert turns._undisturbed(runner, "a", 1, 0, 0)[1] == 0


def test_functions_take_turns(monkeypatch):
    monkeypatch.setattr(turns, "ATTEMPTS", 1)
    order = []
    found = turns.in_turns({name: lambda name=name: order.append(name) for name in "ab"}, repeats=800, turns=2, warm=1, settle=0)
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 800, "b": 800}
    switches = [x for x, y in zip(order, order[1:], strict=False) if x != y]
    assert switches == ["a", "b", "a", "b"]  # made ready, then there and back


def test_break_even_and_line():
    assert break_even([0.1, 0.4], [2.0, 0.5]) == pytest.approx(0.2)
    assert break_even([0.1, 0.2], [0.9, 0.8]) is None
    n = np.array([10.0, 100, 1000, 10000])
    noise = np.array([1.01, 0.99, 1.01, 0.99])
    a, b, r2 = line(n, (50 + 3 * n) * noise)
    assert a == pytest.approx(50, rel=0.05) and b == pytest.approx(3, rel=0.05) and 0.99 < r2 < 1


def test_pieces_are_merged_and_replaced(tmp_path):
    path = tmp_path / "folder" / "speed.json"
    record.merge(path, "a", {"rows": [1]})
    record.merge(path, "b", {"rows": [2]})
    record.merge(path, "a", {"rows": [3]})
    assert record.load(path) == {"a": {"rows": [3]}, "b": {"rows": [2]}}
    assert record.load(tmp_path / "none.json") == {}
    assert {"commit", "cpu", "numpy", "numba", "threads", "started"} <= set(record.environment(1))


def test_command_sweeps_densities(tmp_path, capsys):
    options = ["--width", "40", "--densities", "0.5", "0.1", "--batch-size", "8", "--threads", "1", "--repeats", "2", "--one-process"]
    assert main(["bench", *options, "--json", str(tmp_path / "b.json"), "--figure", str(tmp_path / "b.png")]) == 0
    assert "times faster than numpy dense" in capsys.readouterr().out
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["sweep"]["sparsemlp"]["densities"] == [0.1, 0.5] and len(found["rows"]) == 4 and not found["skipped"]
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    speed.time_against_connections({"40 x 40": found["sweep"]}, tmp_path / "c.png")
    speed.step_times({"a": found["rows"], "b": found["rows"]}, tmp_path / "d.png", "t")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("c.png", "d.png"))


@pytest.mark.parametrize(
    "options", [["--net", "nonsense"], ["--densities", "2"], ["--densities", "0.1", "--epsilon", "3"], ["--threads", "100000"]], ids=str
)
def test_command_refuses(options, capsys):
    assert main(["bench", *options]) == 2
    assert capsys.readouterr().err.startswith("sparsemlp bench: ")
