"""The command line, run as a user runs it."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import sparsemlp as sm
from sparsemlp.commands.arms import small_sizes
from sparsemlp.commands.main import COMMANDS, main
from sparsemlp.reports.comparison import remarks

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
    assert "dense / sparse" in shown and "test accuracy" in shown
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["settings"]["epsilon"] == 5 and found["settings"]["seed"] == 0 and found["settings"]["lr"] == 0.05
    assert found["machine"]["numba"] and found["machine"]["threads"] and found["sizes"] == [64, 30, 10] and found["finished"]
    assert json.loads((out / "results.json").read_text()) == found
    for arm in ("sparse", "dense", "small"):
        assert 0 < found["arms"][arm]["test_accuracy"] <= 1 and found["arms"][arm]["epochs"] == 2
        assert len(found["arms"][arm]["history"]) == 2 and "val_accuracy" in found["arms"][arm]["history"][0]
        assert isinstance(sm.load(out / f"{arm}.sparsemlp"), sm.Trainer)
    assert found["arms"]["dense"]["connections"] == 64 * 30 + 30 * 10 > found["arms"]["sparse"]["connections"]
    small, sparse = found["arms"]["small"]["parameters"], found["arms"]["sparse"]["parameters"]
    assert sparse - 75 < small <= sparse and "small / sparse" in shown
    trainer = sm.load(out / "sparse.sparsemlp")
    assert trainer.policy == sm.Static() and trainer.lr == sm.WarmupCosine(0.05)
    assert (out / "learning-curves.png").read_bytes().startswith(b"\x89PNG")


def test_resume_gives_the_bits_of_an_uninterrupted_run(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    small = [*SMALL, "--arms", "sparse", "--recipe", "none"]
    main([*small, "--out", str(one)])
    main([*small, "--out", str(two), "--epochs", "1"])
    main([*small, "--out", str(two), "--resume"])
    a, b = (sm.load(folder / "sparse.sparsemlp").network for folder in (one, two))
    assert all((x.weights.data == y.weights.data).all() for x, y in zip(a.layers, b.layers, strict=True))


def test_a_recipes_run_keeps_its_length(tmp_path, capsys):
    small = [*SMALL, "--arms", "sparse", "--out", str(tmp_path)]
    assert main(small) == 0
    assert main([*small, "--resume", "--epochs", "5"]) == 2
    assert "goes on with 2 epochs" in capsys.readouterr().err


def test_without_a_recipe_connections_move(tmp_path):
    main([*SMALL, "--arms", "sparse", "--recipe", "none", "--out", str(tmp_path)])
    trainer = sm.load(tmp_path / "sparse.sparsemlp")
    assert trainer.policy == sm.SET(zeta=0.3) and trainer.lr == 0.03


def test_small_sizes():
    assert small_sizes([64, 100, 50, 10], 10**9) == [64, 100, 50, 10]
    assert small_sizes([64, 100, 50, 10], 0) == [64, 1, 1, 10]
    assert small_sizes([64, 10], 50) == [64, 10]


def test_any_policy_by_its_call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "IterativePruning(CubicSparsity(0, 0.9, begin=0, end=1), every=10)"
    assert main([*SMALL, "--arms", "sparse", "--density", "1", "--policy", text]) == 0
    (run,) = (tmp_path / "sparsemlp-runs").iterdir()
    assert run.name == "digits-64-30-10-IterativePruning-CubicSparsity-0-0.9-begin-0-end-1-every-10-s0"
    trainer = sm.load(run / "sparse.sparsemlp")
    assert trainer.policy == sm.IterativePruning(sm.CubicSparsity(0, 0.9, begin=0, end=1), every=10)
    assert trainer.network.density == pytest.approx(0.1, abs=0.001)


def test_python_m_runs_the_command_line():
    found = subprocess.run([sys.executable, "-m", "sparsemlp", "--help"], capture_output=True, text=True, check=True)
    assert "usage: sparsemlp" in found.stdout


def test_nothing_unfinished_is_replaced_unasked(tmp_path, capsys, monkeypatch):
    small = [*SMALL, "--arms", "sparse", "--out", str(tmp_path)]
    real, ended = sm.Trainer.fit, []

    def interrupted(trainer, X, y, epochs, *args, **kwargs):
        real(trainer, X, y, 1, *args, **kwargs)
        ended.append(trainer.epoch)
        raise KeyboardInterrupt

    monkeypatch.setattr(sm.Trainer, "fit", interrupted)
    assert main(small) == 130
    monkeypatch.undo()
    assert ended == [1] and "--resume" in capsys.readouterr().err
    assert main(small) == 2
    assert "unfinished run (sparse 1 of 1 epochs). Go on with --resume" in capsys.readouterr().err
    assert main([*small, "--resume", "--lr", "0.5"]) == 2
    assert "--lr was 0.05, now 0.5" in capsys.readouterr().err
    assert sm.load(tmp_path / "sparse.sparsemlp").epoch == 1  # none of this touched it
    assert main([*small, "--resume"]) == 0
    assert sm.load(tmp_path / "sparse.sparsemlp").epoch == 2
    assert main(small) == 0  # a finished run is replaced
    monkeypatch.setattr(sm.Trainer, "fit", interrupted)
    assert main(small) == 130
    monkeypatch.undo()
    assert main([*small, "--overwrite"]) == 0


def test_interrupted_before_the_first_epoch_ends(tmp_path, capsys, monkeypatch):
    small = [*SMALL, "--out", str(tmp_path)]
    assert main(small) == 0  # what it leaves must not pass for the next run's

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(sm.Trainer, "fit", interrupted)
    assert main(small) == 130
    monkeypatch.undo()
    assert "sparse keeps 0 of 2 epochs" in capsys.readouterr().err
    assert isinstance(sm.load(tmp_path / "sparse.sparsemlp"), sm.Network) and not (tmp_path / "dense.sparsemlp").exists()
    found = json.loads((tmp_path / "results.json").read_text())
    assert not found["finished"] and found["arms"]["sparse"]["seconds_per_epoch"] is None
    assert main(small) == 0  # nothing was learned that could be lost


def test_test_data_is_looked_at_once(tmp_path, monkeypatch):
    seen, real = [], sm.Network.score
    monkeypatch.setattr(sm.Network, "score", lambda net, X, y: seen.append(len(X)) or real(net, X, y))
    main([*SMALL, "--validation", "0.2", "--out", str(tmp_path)])
    assert seen == [360, 360, 360]  # by each net, after its last epoch


def test_only_the_rows_trained_on_decide_the_standardisation(tmp_path, monkeypatch):
    seen, real = [], sm.datasets.Standardizer.fit
    monkeypatch.setattr(sm.datasets.Standardizer, "fit", lambda X, clip: seen.append((len(X), clip)) or real(X, clip))
    main([*SMALL, "--validation", "0.2", "--arms", "sparse", "--out", str(tmp_path)])
    assert seen == [(1437 - round(0.2 * 1437), 4)]


def test_remarks_say_when_times_mean_little():
    arms = {"sparse": {"seconds_per_epoch": 2.0}, "dense": {"seconds_per_epoch": 1.0}}
    quiet, busy = remarks(arms, 360, 0.1, 4), remarks(arms, 360, 3.0, 4)
    assert "one row is 0.28 points" in quiet[0] and "no less time" in quiet[1] and len(quiet) == 2
    assert "busy" in busy[2] and "load 3.0 on 4" in busy[2]
    assert len(remarks({"sparse": {"seconds_per_epoch": None}}, 360, None, 4)) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--net", "63-30-10"], "64 features to its 10 classes; got 63-30-10"),
        (["--net", "wide"], "or widths such as 64-300-10"),
        (["--arms", "sparse,denes"], "'denes'"),
        (["--lr", "-1"], "WarmupCosine.lr must be in (0"),
        (["--recipe", "none", "--lr", "-1"], "SGD.lr must be in (0"),
        (["--density", "1.5", "--arms", "sparse"], "density must be in (0, 1]; got 1.5"),
        (["--data-dir", "nowhere", "--dataset", "madelon"], "nowhere"),
        (["--validation", "1"], "--validation must be in [0, 1)"),
        (["--epochs", "0"], "--epochs must be a whole number at least 1; got 0"),
        (["--epsilon", "3", "--density", "0.1"], "exactly one of epsilon and density"),
        (["--zeta", "0.2"], "--zeta is read by --policy set only"),
        (["--recipe", "none", "--policy", "static", "--by", "sign"], "--by is read by --policy set only"),
        (["--momentum", "0.5", "--optimizer", "adam"], "--momentum is read by --optimizer sgd only"),
        (["--by", "sign", "--policy", "static"], "--by is read by --policy set only"),
        (["--policy", "rigl"], "such as RigL(every=100); got 'rigl'. Did you mean RigL(...)?"),
        (["--policy", "Rigl(every=3)"], "There is no Rigl; did you mean RigL?"),
        (["--policy", "RigL(evry=3)"], "unexpected keyword argument 'evry'"),
        (["--policy", "RigL(every=0)"], "RigL.every must be a whole number at least 1; got 0"),
        (["--policy", "RigL(every=__import__('os'))"], "There is no __import__;"),
        (["--policy", "RigL(every=1 + x)"], "1 + x is no number, text, list or known call"),
        (["--policy", "RigL(*[1])"], "Write each argument out"),
        (["--policy", "ExponentialDecay(0.3, 0.01)"], "A schedule is what a policy is given"),
        (["--policy", "SET("], "got 'SET('"),
        (["--epsilon", "3", "--arms", "dense"], "--epsilon is read by the sparse arm only"),
        (["--json", "nowhere/r.json"], "--json must be in a folder that exists"),
    ],
)
def test_errors_are_one_message_and_exit_code_2(options, words, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SPARSEMLP_DATA", str(tmp_path))
    monkeypatch.setattr("sparsemlp.datasets.locate.fetch", lambda *a: (_ for _ in ()).throw(OSError("no network")))
    assert main([*SMALL, "--out", str(tmp_path / "run"), *options]) == 2
    shown = capsys.readouterr().err
    assert words in shown and "Traceback" not in shown
    assert not (tmp_path / "run").exists()  # found out before anything was begun


def test_data_says_where_a_set_is_and_which_files_are_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SPARSEMLP_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")
    assert main(["data", "digits", "--json", str(tmp_path / "d.json")]) == 0
    shown = capsys.readouterr().out
    assert "1,437 + 360 rows" in shown and "in the package" in shown
    assert json.loads((tmp_path / "d.json").read_text())["digits"]["classes"] == 10
    assert main(["data", "madelon", "--data-dir", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert f"data_dir: {tmp_path}" in shown and "madelon_valid.labels" in shown and "sparsemlp data madelon --download" in shown
    monkeypatch.setattr("sparsemlp.datasets.names", lambda: ("digits", "madelon"))
    assert main(["data"]) == 0  # a list, not a demand
    assert main(["data", "iris"]) == 2
    assert "NAME must be one of" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="SIGINT to a child needs POSIX")
def test_ctrl_c_keeps_what_was_learned(tmp_path):
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "sparsemlp.commands.main",
        "train",
        "--net",
        "64-30-10",
        "--epochs",
        "100000",
        "--arms",
        "sparse",
        "--quiet",
    ]
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(sm.__file__).parents[1])}  # the package under test, wherever it is
    child = subprocess.Popen(
        [*command, "--out", str(out)], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not (out / "sparse.sparsemlp").exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        for _ in range(6):  # Python drops an interrupt that arrives while it destroys an object; one presses again
            child.send_signal(signal.SIGINT)
            try:
                shown, errors = child.communicate(timeout=20)
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    assert "; --resume goes on from there" in errors and ("Traceback" not in errors or "Exception ignored in" in errors)
    assert "test accuracy" in shown and (out / "learning-curves.png").exists()
    found = json.loads((out / "results.json").read_text())
    kept = sm.load(out / "sparse.sparsemlp")
    assert kept.epoch == found["arms"]["sparse"]["epochs"] == len(found["arms"]["sparse"]["history"]) >= 1
    assert found["arms"]["sparse"]["stopped"] == "interrupted" and not found["finished"]
