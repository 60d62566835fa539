"""The runs of an experiment: a line of one JSON Lines file each, written at the run's end. An interrupted sweep goes on where it was."""

import json
import multiprocessing
import os
import pathlib
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from sparsemlp import Callback, CheckpointError, load, save, set_num_threads
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


def sweep(folder, runs, train, shared=None, args=None):
    """Train what has no line yet.

    Parameters
    ----------
    folder : path
        Made if missing. Its file `runs.jsonl` gets the lines, one sweep at a time.
    runs : list of (name, settings)
        In the order to train; `name` is what the run is found by.
    train : callable
        ``train(**settings, **shared(), checkpoint=path)`` returns the run's result, a dict for JSON with "wall_seconds" and
        "test_accuracy_last" or "outcome", a few words, which are printed. It may keep an unfinished run at `path`, which is deleted when
        the line is written.
    shared : callable, optional
        Makes, once in each process, what all runs need: a dict of arguments.
    args : argparse.Namespace, optional
        With `seconds`: begin no further run after so long; `processes` that train side by side, each with `threads`; functions must then
        be found by their names in a new process.

    Returns
    -------
    bool
        Whether all runs are there.
    """
    folder = pathlib.Path(folder)
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    seconds, processes = getattr(args, "seconds", None), getattr(args, "processes", 1)
    done, until = set(load_runs(folder)), None if seconds is None else time.monotonic() + seconds
    numbered = [(f"[{number}/{len(runs)}] {name}", name, settings) for number, (name, settings) in enumerate(runs, 1)]
    for shown, name, _ in numbered:
        if name in done:
            print(f"{shown}: finished before", flush=True)
    left = [run for run in numbered if run[1] not in done]
    if not left:
        return True
    if processes == 1:
        _prepare(shared)
        jobs = ((run, _run(train, run[2], folder / WORK / f"{run[1]}.unfinished")) for run in _within(left, until))
    else:
        jobs = _side_by_side(folder, _within(left, until), train, shared, processes, getattr(args, "threads", None))
    ended = 0
    for (shown, name, _), result in jobs:
        result["ended"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        _append(folder / FILE, name, result)
        (folder / WORK / f"{name}.unfinished").unlink(missing_ok=True)
        outcome = result.get("outcome") or f"test accuracy {result['test_accuracy_last']:.4f}"
        print(f"{shown}: {result['wall_seconds']:.0f} s, {outcome}", flush=True)
        ended += 1
    if ended < len(left):
        print(f"{len(left) - ended} of {len(runs)} runs are left for later", flush=True)
    return ended == len(left)


_made = {}  # what `shared` made in this process


def _prepare(shared, threads=None):
    if threads is not None:
        set_num_threads(threads)
    _made.clear()
    _made.update(shared() if shared else {})


def _run(train, settings, checkpoint):
    return train(**settings, **_made, checkpoint=checkpoint)


def _within(runs, until):
    """The runs that are begun in time."""
    for run in runs:
        if until is not None and time.monotonic() >= until:
            return
        yield run


def _side_by_side(folder, runs, train, shared, processes, threads):
    """Pairs of a run and its result, as they end; a run is begun when a process is free."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _prepare, (shared, threads or 1)) as pool:
        begun = {}
        while True:
            while len(begun) < processes and (run := next(runs, None)):
                begun[pool.submit(_run, train, run[2], folder / WORK / f"{run[1]}.unfinished")] = run
            if not begun:
                return
            for future in wait(begun, return_when=FIRST_COMPLETED).done:
                yield begun.pop(future), future.result()


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
