"""The command line, run as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import sparsemlp as sm
from sparsemlp.cli import COMMANDS, main

SMALL = ["train", "--net", "64-30-10", "--epochs", "2", "--quiet"]


@pytest.mark.parametrize("command", [[], *[[c] for c in COMMANDS]])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: sparsemlp" in capsys.readouterr().out


def test_train_writes_what_it_says(tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*SMALL, "--epsilon", "5", "--validation", "0.1", "--out", str(out), "--json", str(tmp_path / "r.json")]) == 0
    shown = capsys.readouterr().out
    assert "dense/sparse" in shown and "test accuracy" in shown
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["settings"]["epsilon"] == 5 and found["settings"]["seed"] == 0 and found["machine"]["numba"]
    for arm in ("sparse", "dense"):
        assert len(found["arms"][arm]["history"]) == 2 and "val_accuracy" in found["arms"][arm]["history"][0]
        assert isinstance(sm.load(out / f"{arm}.sparsemlp"), sm.Trainer)
    assert found["arms"]["dense"]["connections"] == 64 * 30 + 30 * 10 > found["arms"]["sparse"]["connections"]
    assert (out / "learning-curves.png").read_bytes().startswith(b"\x89PNG")


def test_resume_gives_the_bits_of_an_uninterrupted_run(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    main([*SMALL, "--arms", "sparse", "--out", str(one)])
    main([*SMALL, "--arms", "sparse", "--out", str(two), "--epochs", "1"])
    main([*SMALL, "--arms", "sparse", "--out", str(two), "--resume"])
    a, b = (sm.load(folder / "sparse.sparsemlp").network for folder in (one, two))
    assert all((x.weights.data == y.weights.data).all() for x, y in zip(a.layers, b.layers, strict=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--net", "63-30-10"], "64 features to its 10 classes; got 63-30-10"),
        (["--net", "wide"], "or widths such as 64-300-10"),
        (["--arms", "sparse,denes"], "'denes'"),
        (["--lr", "-1"], "SGD.lr must be in (0"),
        (["--density", "1.5", "--arms", "sparse"], "density must be in (0, 1]; got 1.5"),
        (["--data-dir", "nowhere", "--dataset", "madelon"], "nowhere"),
        (["--validation", "1"], "--validation must be in [0, 1)"),
    ],
)
def test_errors_are_one_message_and_exit_code_2(options, words, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SPARSEMLP_DATA", str(tmp_path))
    monkeypatch.setattr("sparsemlp.datasets.locate.fetch", lambda *a: (_ for _ in ()).throw(OSError("no network")))
    assert main([*SMALL, "--out", str(tmp_path / "run"), *options]) == 2
    shown = capsys.readouterr().err
    assert words in shown and "Traceback" not in shown


def test_data_lists_the_embedded_set(tmp_path, capsys):
    assert main(["data", "digits", "--json", str(tmp_path / "d.json")]) == 0
    assert "1,437 + 360 rows" in capsys.readouterr().out
    assert json.loads((tmp_path / "d.json").read_text())["digits"]["classes"] == 10


@pytest.mark.skipif(os.name == "nt", reason="SIGINT to a child needs POSIX")
def test_ctrl_c_keeps_what_was_learned(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "sparsemlp.cli", "train", "--net", "64-30-10", "--epochs", "100000", "--arms", "sparse", "--quiet"]
    child = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "sparse.sparsemlp").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    shown, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "sparse keeps what it learned" in errors and "Traceback" not in errors
    assert "test accuracy" in shown
    sm.load(out / "sparse.sparsemlp")
