"""How much memory a process may still use, and an error before a request that cannot be met."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import Any

WORTH_ASKING = 2**26  # bytes: smaller requests of the training loop are not compared with what is available: asking takes 0.1 ms


def available_memory() -> int | None:
    """Return bytes that can be allocated without swapping: of the machine and, on Linux, of the container. None if unknown.

    Examples
    --------
    >>> n = available_memory()
    >>> n is None or n > 0
    True
    """
    if sys.platform == "win32":
        return _windows()
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/meminfo") as file:
        found += [int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:")]
    group = "/sys/fs/cgroup/memory"
    with contextlib.suppress(OSError, ValueError), open(f"{group}.max") as limit, open(f"{group}.current") as current:
        found.append(int(limit.read()) - int(current.read()) + _file_cache())  # "max" is no number: no limit
    if not found:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
            found.append(os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE"))
    return max(1, min(found)) if found else None


def _file_cache() -> int:
    """Return bytes of a container's memory that only cache files."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/sys/fs/cgroup/memory.stat") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("inactive_file "))
    return 0


def _windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [(f"n{k}", ctypes.c_ulonglong) for k in range(7)]

    status = Status(length=ctypes.sizeof(Status))
    return status.n1 if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None  # type: ignore[attr-defined, unused-ignore]


def require(n_bytes: int, what: str, fix: str = "") -> None:
    """Raise MemoryError if `n_bytes` are more than is available.

    Parameters
    ----------
    n_bytes : int
    what : str
        Begins the message: "This network".
    fix : str
        What would fit.

    Examples
    --------
    >>> require(1000, "This network")
    """
    available = available_memory()
    if available is not None and n_bytes > available:
        text = f"{what} needs about {n_bytes / 1e9:,.3g} GB of memory; {available / 1e9:,.3g} GB are available."
        raise MemoryError(f"{text} {fix}".rstrip())


def require_for_batch(samples: int, of_a_sample: int, fixed: int, what: str, fix: str) -> None:
    """Call `require` for buffers of so many samples, of so many bytes each, beside `fixed` bytes; only large requests ask the system.

    `fix`, with {} for a number, says how many samples would fit.
    """
    n_bytes = samples * of_a_sample + fixed
    if n_bytes < WORTH_ASKING:
        return
    available = available_memory()
    if available is not None and n_bytes > available:
        fits = int((0.8 * available - fixed) / of_a_sample)
        require(n_bytes, what, fix.format(fits) + " would fit." if fits > 0 else "Not even one sample would fit.")


def require_for_network(topologies: Any, sizes: list[int], itemsize: int) -> None:
    """Raise MemoryError, before anything is allocated, if a network of these layers would not fit.

    Parameters
    ----------
    topologies : list of Topology, one a layer
        Each says what it needs by `bytes_needed`.
    sizes : list of int
        Units, inputs first.
    itemsize : int
        Bytes of a weight.
    """
    total, largest, cells = 0, 0, 0
    for topology, n_in, n_out in zip(topologies, sizes, sizes[1:], strict=False):
        held, beside = topology.bytes_needed(n_in, n_out, itemsize)
        total, largest = total + held + 4 * (n_in + n_out), max(largest, beside)
        cells += n_in * n_out
    available = available_memory()
    if available is None or total + largest <= available:
        return
    fits = 0.8 * available / ((itemsize + 37) * cells)
    require(total + largest, "This network", f"A density of {fits:.2g} would fit: topology=sm.ErdosRenyi(density={fits:.2g}).")
