"""Interleaved turns: every system in turn for a few steps, again and again, so that all meet the same machine."""

import contextlib
import importlib
import time
from dataclasses import dataclass, field

from .. import checks
from .problem import Problem
from .statistics import summary

try:
    import resource
except ImportError:  # Windows does not tell
    resource = None  # type: ignore[assignment]

FLOOR = 0.02  # seconds that the timed steps of a turn last at least
MOST = 400  # timed steps of a turn at most
TOLERATED = 1  # preemptions in a turn; after more of them it is taken again
ATTEMPTS = 2


@dataclass(frozen=True)
class Job:
    """One system at one problem.

    Parameters
    ----------
    system : str
        Its name in the results.
    build : str
        "module:function"; the function takes a problem and returns (run, info), see `systems`.
    problem : Problem
    threads : int, optional
        Of this job alone; None for those of the whole measurement.
    env : dict
        Environment variables of the worker process beside those that bound the threads.
    """

    system: str
    build: str
    problem: Problem
    threads: int | None = None
    env: dict = field(default_factory=dict)


class Runner:
    """Builds systems and times them, in this process."""

    def __init__(self):
        self._runs = {}

    def build(self, key, build, problem):
        """Make a system ready under `key`: built, and run until everything is compiled. Returns its info."""
        module, name = build.split(":")
        run, info = getattr(importlib.import_module(module), name)(problem)
        self.add(key, run)
        return info

    def add(self, key, run):
        """Make a function ready under `key`."""
        for _ in range(3):
            run()
        self._runs[key] = run

    def time(self, key, n, warm):
        """A turn: (seconds of each of `n` runs, or of as many as fill FLOOR, after `warm` that are not counted; preemptions).

        Preemptions: how often the system took a CPU from this process meanwhile, because others wanted it.
        """
        run, seconds, clock = self._runs[key], [], time.perf_counter
        for _ in range(warm):
            run()
        before = _preemptions()
        begin = clock()
        while len(seconds) < n or (clock() - begin < FLOOR and len(seconds) < MOST):
            start = clock()
            run()
            seconds.append(clock() - start)
        return seconds, _preemptions() - before

    def close(self):
        """Forget the systems."""
        self._runs = {}


def _preemptions():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0


def _undisturbed(runner, key, n, warm, settle):
    """(seconds, preemptions) of the turn with the fewest preemptions, of up to ATTEMPTS: a choice that does not look at the times."""
    best = None
    for _ in range(ATTEMPTS):
        time.sleep(settle)
        seconds, preempted = runner.time(key, n, warm)
        if best is None or preempted < best[1]:
            best = seconds, preempted
        if preempted <= TOLERATED:
            break
    return best


def in_turns(runs, *, repeats=32, turns=8, warm=2, settle=0.1):
    """Seconds of functions of this process that take turns.

    Parameters
    ----------
    runs : dict of str to callable
    repeats, turns, warm, settle : see `measure`

    Returns
    -------
    dict of str to list of float
    """
    runner, found = Runner(), {name: [] for name in runs}
    for name, run in runs.items():
        runner.add(name, run)
    for turn in range(turns):
        for name in list(runs) if turn % 2 == 0 else list(runs)[::-1]:
            found[name] += _undisturbed(runner, name, -(-repeats // turns), warm, settle)[0]
    return found


@contextlib.contextmanager
def _local(jobs, threads, path):
    from ..engine.threads import get_num_threads, set_num_threads

    if any(job.env or job.threads not in (None, threads) for job in jobs):
        raise ValueError("Jobs of one process share its environment and its threads; use worker processes.")
    before = get_num_threads()
    set_num_threads(threads)
    runner = Runner()
    try:
        yield lambda job: runner
    finally:
        runner.close()
        set_num_threads(before)


def measure(jobs, *, threads, repeats=32, turns=8, warm=2, settle=0.25, processes=True, path=(), log=None):
    """Time the jobs, turn by turn.

    Parameters
    ----------
    jobs : list of Job
    threads : int
        Of every system: kernels, OpenMP and BLAS.
    repeats, turns : int
        At least `repeats` timed runs a job, spread over `turns`; fast ones are run more often.
    warm : int
        Runs before those of each turn, not counted: they bring the caches back.
    settle : float
        Seconds of rest before each turn: idle threads of OpenMP and BLAS libraries go on spinning after work, Intel's for 0.2 s.
    processes : bool
        Each system in its own worker process; thread pools of several libraries in one process slow each other.
        If False, all take turns in this process, and BLAS keeps the threads it has.
    path : sequence of path
        Folders where workers find the systems' modules.
    log : callable, optional
        Takes a line of text.

    Returns
    -------
    rows : list of dict
        By job: "system", "problem", "threads", "env", what the system told of itself, `statistics.summary` of its seconds, and
        "preempted": how often other processes took a CPU from it. A turn with more than TOLERATED preemptions is taken again, up to
        ATTEMPTS times, and the one with the fewest counts.
    skipped : dict of str to str
        Systems that could not be built, and why.
    """
    from .workers import workers

    checks.integer("repeats", repeats, 1)
    checks.integer("turns", turns, 1)
    log = log or (lambda text: None)
    rows, skipped, ready = [], {}, []
    with (workers if processes else _local)(jobs, threads, path) as runner:
        for key, job in enumerate(jobs):
            if job.system in skipped:
                continue
            try:
                info = runner(job).build(key, job.build, job.problem)
            except (ImportError, ValueError, RuntimeError) as error:
                skipped[job.system] = str(error)
                log(f"{job.system}: left out: {error}")
                continue
            ready.append((key, job, info, [], []))
        for turn in range(turns):
            for key, job, _, seconds, preempted in ready if turn % 2 == 0 else ready[::-1]:
                found, times = _undisturbed(runner(job), key, -(-repeats // turns), warm, settle)
                seconds += found
                preempted.append(times)
    for _, job, info, seconds, preempted in ready:
        row = {"system": job.system, "problem": job.problem.to_dict(), "threads": job.threads or threads, "env": dict(job.env)}
        rows.append({**row, **info, **summary(seconds), "preempted": sum(preempted)})
    return rows, skipped
