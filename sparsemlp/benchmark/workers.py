"""Worker processes for `turns`: one a system, with its threads bounded before Python starts. They speak JSON, a line each way."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from .problem import Problem

BOUNDS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"
OVERRIDES = (  # what makes a library take other kernels than the best that this CPU has
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NVPL_BLAS_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE",
    "MKL_CBWR", "ATEN_CPU_CAPABILITY", "NPY_DISABLE_CPU_FEATURES",
)  # fmt: skip
ROOT = pathlib.Path(__file__).parents[2]


def environment(threads, extra=None, path=()):
    """The environment of a worker with so many threads in every library, each with the kernels that it chooses for this CPU."""
    folders = [*map(str, path), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    bounds = dict.fromkeys(BOUNDS, str(threads))
    found = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
    return {**found, **bounds, "PYTHONPATH": os.pathsep.join(folders), **(extra or {})}


class Worker:
    """A process that does what `turns.Runner` does here.

    Parameters
    ----------
    threads : int
    env : dict, optional
        Further environment variables.
    path : sequence of path
        Folders that it imports from.
    """

    def __init__(self, threads, env=None, path=()):
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the worker
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sparsemlp.benchmark.workers"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment(threads, env, path),
        )  # fmt: skip

    def _ask(self, **what):
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            self._process.wait()
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"The worker process ended with code {self._process.returncode}: {' '.join(said[-3:])}")
        found = json.loads(answer)
        if "error" in found:
            raise RuntimeError(found["error"])
        return found["value"]

    def build(self, key, build, problem):
        return self._ask(do="build", key=key, build=build, problem=problem.to_dict())

    def time(self, key, n, warm):
        return self._ask(do="time", key=key, n=n, warm=warm)

    def close(self):
        """End the process."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


@contextlib.contextmanager
def workers(jobs, threads, path):
    """A function from a job to its worker: one worker for each system, number of threads and environment."""
    found = {}

    def worker(job):
        key = job.build, job.threads or threads, tuple(sorted(job.env.items()))
        if key not in found:
            found[key] = Worker(key[1], job.env, path)
        return found[key]

    try:
        yield worker
    finally:
        for one in found.values():
            one.close()


def main():
    """Answer requests until there are no more."""
    from .turns import Runner

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is not an answer
    runner = Runner()
    for line in sys.stdin:
        what = json.loads(line)
        try:
            if what.pop("do") == "build":
                value = runner.build(what["key"], what["build"], Problem(**what["problem"]))
            else:
                value = runner.time(**what)
            answer = {"value": value}
        except Exception as error:  # whatever a foreign library raises ends this system, not the benchmark
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
