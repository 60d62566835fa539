"""What the command line says to a user who mistyped, or named a file that cannot be."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import sparsemlp as sm
from sparsemlp.commands.main import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "there is no 'trian'; did you mean train?"),
        (["nothing"], "choose from train, bench, data, memory, report."),
        (["train", "--epoch", "3"], "sparsemlp train: unknown argument --epoch; did you mean --epochs?"),
        (["train", "--dataset", "mnits"], "did you mean mnist?"),
        (["train", "--epochs", "x"], "invalid int value: 'x'"),
        (["report"], "RUN"),
        (["memory", "--json=--help"], "argument --json: must not begin with '-'; got '--help'"),
        (["train", "--out=-x"], "argument --out: must not begin with '-'; got '-x'"),
    ],
)
def test_typing_errors_are_two_lines(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    found = capsys.readouterr().err
    assert said in found and found.count("\n") == 2 and "--help" in found


def test_no_command_is_a_question(capsys):
    assert main([]) == 2
    assert "report" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["memory", "--json", "none/x.json"], "--json must be in a folder that exists; got none"),
        (["train", "--json", "."], "--json must be a file; . is a folder"),
        (["train", "--out", "file/run"], "--out must be a folder"),
        (["data", "digits", "--data-dir", "none"], "--data-dir must be a folder that exists; got none"),
        (["memory", "--batch-size", "0"], "--batch-size must be a whole number at least 1"),
        (["memory", "--net", "10"], "--net must be at least two widths"),
        (["train", "--threads", "100000"], "--threads must be a whole number from 1 to"),
    ],
)
def test_said_before_any_work(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("file").write_text("")
    assert main(arguments) == 2
    found = capsys.readouterr()
    assert said in found.err and not found.out and "Errno" not in found.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the system's administrator may write anywhere")
def test_folders_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    for arguments in (["memory", "--json", "locked/x"], ["train", "--out", "locked/run"]):
        assert main([*arguments[:-1], str(tmp_path / arguments[-1])]) == 2
        assert "can" in capsys.readouterr().err


def test_memory_tells_of_prediction(tmp_path, capsys):
    assert main(["memory", "--net", "64-300-10", "--epsilon", "5", "--json", str(tmp_path / "m.json")]) == 0
    found = json.loads((tmp_path / "m.json").read_text())["sparse"]
    assert 8 < found["for_prediction"] / found["connections"] < 20 < found["total"] / found["connections"]
    assert f"{found['for_prediction']:,} bytes" in capsys.readouterr().out


def test_a_reader_that_leaves_and_a_terminal_of_few_letters():
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(sm.__file__).parents[1]), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "sparsemlp.commands.main"]
    done = subprocess.run([*command, "memory", "--help"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "Erd?s" in done.stdout
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*command, "data", "digits"], env=environment, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 1 and done.stderr == ""
