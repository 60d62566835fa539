"""The results of benchmarks in one JSON file: pieces that can be run, and run again, one at a time."""

import importlib.metadata
import json
import os
import pathlib
import time

from ..files import write_json

PEERS = "torch", "scikit-learn", "sparse_dot_mkl", "mkl", "threadpoolctl", "llvmlite"


def environment(threads):
    """Commit, CPU, versions, threads, the load of the machine: what the times of a piece depend on.

    Parameters
    ----------
    threads : int
        Of every system.
    """
    from ..environment import machine

    versions = {}
    for name in PEERS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    found = {**machine(), "threads": threads, "blas_threads": threads, "cpus": os.cpu_count(), "load": load, "versions": versions}
    if hasattr(os, "nice"):
        found["nice"] = os.nice(0)
    return {**found, "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def load(path):
    """{piece: {"environment", "rows", ...}} of a file, empty if there is none."""
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["pieces"]
    except FileNotFoundError:
        return {}


def merge(path, name, piece):
    """Put a piece into a file, in place of the one of this name: its rows come from one run, and only they may be compared.

    Parameters
    ----------
    path : path
    name : str
    piece : dict
        For JSON.
    """
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"pieces": {**load(path), name: piece}})
