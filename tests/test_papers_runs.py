"""The runs of experiments: lines of one file, whole or not there; and the stored pages, which the stored lines give again."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench.papers import summary
from bench.papers.shared import runs

from .experiments import PAPERS, modules

RESULTS = PAPERS.parent / "results"


def done(k):
    return {"test_accuracy_last": 0.5, "wall_seconds": 1.0, "number": k}


def wanted(n):
    return [(f"run{k}", {"number": k}) for k in range(n)]


def test_a_sweep_that_is_interrupted_goes_on(tmp_path):
    trained = []

    def train(number, checkpoint):
        trained.append(number)
        if trained == [0, 1]:
            raise KeyboardInterrupt
        return done(number)

    with pytest.raises(KeyboardInterrupt):
        runs.sweep(tmp_path, wanted(3), train)
    assert list(runs.load_runs(tmp_path)) == ["run0"]
    runs.sweep(tmp_path, wanted(3), train)
    assert list(runs.load_runs(tmp_path)) == ["run0", "run1", "run2"] and trained == [0, 1, 1, 2]


def test_a_line_that_was_being_written_is_not_there(tmp_path):
    runs.sweep(tmp_path, wanted(2), lambda number, checkpoint: done(number))
    file = tmp_path / runs.FILE
    whole = file.read_bytes()
    for cut in (1, 20, len(whole.splitlines(keepends=True)[1]) - 1):
        file.write_bytes(whole[:-cut])
        assert list(runs.load_runs(tmp_path)) == ["run0"]
        runs.sweep(tmp_path, wanted(2), lambda number, checkpoint: done(number))
        lines = file.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["run0", "run1"]


def test_a_line_that_is_no_run_is_named(tmp_path):
    for line in ('{"a": 1}', "x", "[1]"):
        (tmp_path / runs.FILE).write_text('{"name": "a"}\n' + line + "\n", encoding="utf-8")
        with pytest.raises(ValueError, match="line 2 is no run"):
            runs.load_runs(tmp_path)


def slow(number, base, checkpoint):
    return done(number) | {"base": base, "process": os.getpid()}


def fails(number, base, checkpoint):
    if number == 1:
        raise ValueError("the second run")
    return done(number)


def common():
    return {"base": 10}


def test_processes_train_side_by_side(tmp_path):
    """In a script of its own: a new process must find the functions by their names."""
    path = tmp_path / "own_functions.py"
    source = "\n\n".join(inspect.getsource(f) for f in (done, slow, fails, common))
    path.write_text(f"import os\n\n{source}", encoding="utf-8")
    code = (
        "import sys, types; sys.path[:0] = sys.argv[1:3]; import own_functions as own; from bench.papers.shared import runs\n"
        "if __name__ == '__main__':\n"
        "    wanted = [(f'run{k}', {'number': k}) for k in range(5)]\n"
        "    args = types.SimpleNamespace(seconds=None, processes=2, threads=1)\n"
        "    assert runs.sweep(sys.argv[3], wanted, own.slow, own.common, args)\n"
        "    try: runs.sweep(sys.argv[3] + '2', wanted, own.fails, own.common, args)\n"
        "    except ValueError as error: print(error)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    out = tmp_path / "out"
    command = [sys.executable, str(script), str(PAPERS.parents[1]), str(tmp_path), str(out)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "the second run" in ended.stdout
    found = runs.load_runs(out)
    assert [run["number"] for run in found.values()] == [0, 1, 2, 3, 4] and {run["base"] for run in found.values()} == {10}
    assert 1 <= len({run["process"] for run in found.values()}) <= 2 and os.getpid() not in {run["process"] for run in found.values()}
    assert "run1" not in runs.load_runs(f"{out}2")


def test_no_run_is_begun_too_late(tmp_path, capsys):
    assert not runs.sweep(tmp_path, wanted(3), lambda number, checkpoint: done(number), args=SimpleNamespace(seconds=0))
    assert "3 of 3 runs are left for later" in capsys.readouterr().out and not runs.load_runs(tmp_path)
    assert runs.sweep(tmp_path, wanted(3), lambda number, checkpoint: done(number), args=SimpleNamespace(seconds=60))


def test_a_measurement_takes_the_place_of_an_earlier_one(tmp_path):
    for value in (1, 2):
        runs.put(tmp_path / "new", "b", {"value": value})
    runs.put(tmp_path / "new", "a", {"value": 0})
    assert runs.load_runs(tmp_path / "new") == {"a": {"value": 0}, "b": {"value": 2}}


def test_an_unreadable_checkpoint_starts_again(tmp_path, capsys):
    (tmp_path / "run.unfinished").write_bytes(b"broken")
    assert runs.unfinished(tmp_path / "run.unfinished") is None and runs.unfinished(None) is None
    assert "starts again" in capsys.readouterr().out


@pytest.mark.parametrize("paper", ["adaptive", "annealed", "at_initialization", "dynamic_pruning", "structured"])
def test_the_stored_lines_give_the_stored_page(paper, tmp_path):
    """The figures too are drawn again; their bytes depend on the version of matplotlib."""
    stored = RESULTS / paper
    shutil.copy(stored / runs.FILE, tmp_path)
    report = next(module.report for module in modules(paper) if module.__name__.endswith(".report"))
    report(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == (stored / "README.md").read_text(encoding="utf-8")
    assert {p.name for p in tmp_path.glob("*.png")} == {p.name for p in stored.glob("*.png")}
    (tmp_path / runs.FILE).write_text("", encoding="utf-8")
    report(tmp_path)  # says that there is nothing to report


def test_the_summary_follows_from_the_stored_lines(tmp_path):
    summary.write(tmp_path / "papers.md")
    text = (tmp_path / "papers.md").read_text(encoding="utf-8")
    assert text == summary.SUMMARY.read_text(encoding="utf-8")
    for name, (_, subject, _) in summary.PAPERS.items():
        assert f"## {subject}\n" in text and f"results/{name}/README.md" in text


def test_every_verdict_has_its_column():
    verdicts = [
        "**Holds**",
        "**Contradicted**: so",
        "**Mixed**: 1 of 2",
        "Not told apart; 1 of 2",
        "Open: 1 seed",
        "Counted: true",
        "Not seen in 3",
    ]
    assert [summary.kind(v) for v in verdicts] == ["hold", "contradicted", "mixed", "not told apart", "open", "counted", "counted"]
