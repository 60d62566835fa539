"""One JSON file per run, written whole at its end; an unfinished run keeps a checkpoint. An interrupted sweep goes on where it was."""

import json
import os
import pathlib
import time

from sparsemlp import Callback, CheckpointError, load, save
from sparsemlp.files import write_text


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


def sweep(folder, runs, train):
    """Train what has no file yet.

    Parameters
    ----------
    folder : path
        Made if missing.
    runs : list of (name, settings)
        In the order to train; `name` is the file's, without suffix.
    train : callable
        ``train(**settings, checkpoint=path)`` returns the run's result, a dict for JSON with "wall_seconds" and "test_accuracy_last" or
        "outcome", a few words, which are printed. It may keep an unfinished run at `path`, which is deleted when the run's file is written.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, settings) in enumerate(runs, 1):
        path = folder / f"{name}.json"
        if path.exists():
            print(f"[{number}/{len(runs)}] {name}: finished before", flush=True)
            continue
        checkpoint = folder / f"{name}.unfinished"
        result = train(**settings, checkpoint=checkpoint)
        result["ended"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write_text(path, json.dumps(result))
        checkpoint.unlink(missing_ok=True)
        outcome = result.get("outcome") or f"test accuracy {result['test_accuracy_last']:.4f}"
        print(f"[{number}/{len(runs)}] {name}: {result['wall_seconds']:.0f} s, {outcome}", flush=True)


def load_runs(folder):
    """All runs of a folder, by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(pathlib.Path(folder).glob("*.json"))}
