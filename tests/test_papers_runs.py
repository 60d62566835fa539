"""The runs of experiments: lines of one file, whole or not there; and the stored pages, which the stored lines give again."""

import json
import shutil

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
