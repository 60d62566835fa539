"""What a measurement ran on: `machine`, for the file of its results."""

import os
import pathlib
import platform
import subprocess
from importlib.metadata import version

import numpy as np
import scipy

from .engine.threads import get_num_threads

BLAS_LIMITS = "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"  # what bounds the threads of dense layers


def machine() -> dict:
    """Versions, CPU, threads and, in a git checkout, the commit, as a dict for a run's file."""
    from . import __version__

    return {
        "sparsemlp": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": version("numba"),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "threads": get_num_threads(),
        "blas_threads": next((os.environ[name] for name in BLAS_LIMITS if name in os.environ), "default"),
    }


def _commit() -> str | None:
    folder = pathlib.Path(__file__).parent
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cpu() -> str:
    """The CPU's name as the system tells it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
