"""The runs of an experiment: a line of one JSON Lines file each, written at the run's end. An interrupted sweep goes on where it was."""

import json
import os
import pathlib
import time

from sparsemlp import Callback, CheckpointError, load, save
from sparsemlp.files import write_text

FILE = "runs.jsonl"
WORK = "work"  # folder of what only a sweep needs, not tracked


class Keeper(Callback):
    """Notes what each epoch took, "wall_seconds" in its record, and saves the trainer every minute; the last in a list of callbacks.

    Parameters
    ----------
    path : path, or None to save nothing
    every : float
        Seconds.
    """

    def __init__(self, path, every=60.0):
        self.path, self.every = path, every

    def on_fit_begin(self, trainer):
        self.ended = self.saved = time.monotonic()

    def on_epoch_end(self, trainer, record):
        now = time.monotonic()
        record["wall_seconds"], self.ended = now - self.ended, now
        if self.path is not None and now - self.saved >= self.every and trainer.epoch < trainer.n_epochs:
            save(self.path, trainer)
            self.saved = now


def unfinished(path, custom=()):
    """The trainer of an interrupted run, or None if there is none, or none that can be read.

    Parameters
    ----------
    path : path or None
    custom : sequence of classes
        As `sparsemlp.load` takes them.
    """
    if path is None or not os.path.exists(path):
        return None
    try:
        return load(path, custom=custom)
    except CheckpointError as error:
        print(f"{path} cannot be used, the run starts again: {error}", flush=True)
        return None


def sweep(folder, runs, train, seconds=None):
    """Train what has no line yet.

    Parameters
    ----------
    folder : path
        Made if missing. Its file `runs.jsonl` gets the lines, one sweep at a time.
    runs : list of (name, settings)
        In the order to train; `name` is what the run is found by.
    train : callable
        ``train(**settings, checkpoint=path)`` returns the run's result, a dict for JSON with "wall_seconds" and "test_accuracy_last" or
        "outcome", a few words, which are printed. It may keep an unfinished run at `path`, which is deleted when the line is written.
    seconds : float, optional
        Begin no further run after so long.

    Returns
    -------
    bool
        Whether all runs are there.
    """
    began = time.monotonic()
    folder = pathlib.Path(folder)
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True)
    done = set(load_runs(folder))
    for number, (name, settings) in enumerate(runs, 1):
        if name in done:
            print(f"[{number}/{len(runs)}] {name}: finished before", flush=True)
            continue
        if seconds is not None and time.monotonic() - began >= seconds:
            print(f"[{number}/{len(runs)}] {name}: left for later", flush=True)
            return False
        checkpoint = work / f"{name}.unfinished"
        result = train(**settings, checkpoint=checkpoint)
        result["ended"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        _append(folder / FILE, name, result)
        checkpoint.unlink(missing_ok=True)
        outcome = result.get("outcome") or f"test accuracy {result['test_accuracy_last']:.4f}"
        print(f"[{number}/{len(runs)}] {name}: {result['wall_seconds']:.0f} s, {outcome}", flush=True)
    return True


def load_runs(folder):
    """All runs of a folder, by name, in the names' order.

    A last line without its end is one that was being written when its process was killed: it counts as not there.

    Raises
    ------
    ValueError
        If another line is no run.
    """
    path, found = pathlib.Path(folder) / FILE, {}
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    for number, line in enumerate(lines[:-1], 1):
        try:
            run = json.loads(line)
            found[run.pop("name")] = run
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}, line {number} is no run ({error}). Delete the line, and the run is made again.") from error
    return dict(sorted(found.items()))


def put(folder, name, result):
    """Write a result under a name, in place of an earlier one.

    Parameters
    ----------
    folder : path
        Made if missing.
    name : str
    result : dict
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FILE, "".join(_line(n, r) for n, r in (load_runs(folder) | {name: result}).items()))


def _line(name, result):
    return json.dumps({"name": name, **result}) + "\n"


def _append(path, name, result):
    """Write a line behind the whole lines that are there."""
    with open(path, "ab+") as file:
        file.seek(0)
        text = file.read()
        file.truncate(text.rfind(b"\n") + 1)
        file.write(_line(name, result).encode())
        file.flush()
        os.fsync(file.fileno())
