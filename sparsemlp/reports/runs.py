"""What the HTML report tells of: finished or unfinished runs, and saved models, read from disk."""

import json
import os
import pathlib
from dataclasses import dataclass, field

from ..checkpoint import load

SUFFIX = ".sparsemlp"


@dataclass(frozen=True, eq=False)
class Run:
    """One net with what is known of its training.

    Attributes
    ----------
    name : str
    network : Network
    records : list of dict
        The history, one record an epoch; empty for a saved network.
    stopped : str or None
        Why the training ended early.
    test_accuracy : float or None
    settings, machine : dict
        As `sparsemlp train` wrote them into results.json, and what the saved trainer knows of itself.
    file_bytes : int
        Of the saved model.
    """

    name: str
    network: object
    records: list = field(default_factory=list)
    stopped: str | None = None
    test_accuracy: float | None = None
    settings: dict = field(default_factory=dict)
    machine: dict = field(default_factory=dict)
    file_bytes: int = 0


def read(paths):
    """The runs in folders of `sparsemlp train` and in saved models.

    Parameters
    ----------
    paths : list of path
        Folders with *.sparsemlp files and perhaps results.json, or such files themselves.

    Returns
    -------
    list of Run
        With distinct names.

    Raises
    ------
    FileNotFoundError, ValueError
        Nothing is there, or nothing that can be read.
    """
    found = []
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            files = sorted(path.glob(f"*{SUFFIX}"), key=lambda p: (p.stem == "dense", p.name))
            if not files:
                raise ValueError(f"{path} holds no *{SUFFIX} file. sm.save writes such files, `sparsemlp train --out` such folders.")
            results = _results(path / "results.json")
            found += [_run(file, results, path.name if len(paths) > 1 else "") for file in files]
        elif path.exists():
            found.append(_run(path, {}, ""))
        else:
            raise FileNotFoundError(f"{path} does not exist. Give a folder of `sparsemlp train`, or a file of sm.save.")
    return _with_names(found)


def _results(path):
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{path} must be JSON as `sparsemlp train` writes it: {error}") from error
    return value if isinstance(value, dict) else {}


def _part(value, name):
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def _run(path, results, folder):
    saved = load(path)
    network = getattr(saved, "network", saved)
    history = getattr(saved, "history", None)
    accuracy = _part(_part(results, "arms"), path.stem).get("test_accuracy")
    return Run(
        name=f"{folder}/{path.stem}" if folder else path.stem,
        network=network,
        records=history.records if history is not None else [],
        stopped=history.stopped if history is not None else None,
        test_accuracy=float(accuracy) if isinstance(accuracy, (int, float)) else None,
        settings={**_part(results, "settings"), **_own_settings(saved)},
        machine=_part(results, "machine"),
        file_bytes=os.path.getsize(path),
    )


def _own_settings(saved):
    if not hasattr(saved, "optimizer"):
        return {}
    return {"optimizer": repr(saved.optimizer), "policy": repr(saved.policy), "loss": saved.loss.name}


def _with_names(runs):
    """The runs, numbered where two have the same name."""
    seen = {}
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        if seen[run.name] > 1:
            object.__setattr__(run, "name", f"{run.name} ({seen[run.name]})")
    return runs
