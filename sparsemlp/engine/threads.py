"""How many threads the kernels use, and the lock that keeps one parallel region at a time."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import math
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import checks

if TYPE_CHECKING:
    from ..models.network import Network


# How long OpenMP's idle threads spin before they sleep. libgomp's default, milliseconds, would starve whatever runs next on
# these cores (BLAS above all); this is longer than any gap inside a training step. A user's own setting wins.
SPIN_COUNT = "10000"
PIECE = 1 << 18  # parameters below which a dense update is not worth another thread

_lock = threading.RLock()
_pool = None
_n_threads = None
_usable = None
_forked = False
_training = weakref.WeakKeyDictionary()  # network -> (thread that trains it, how deep)
_owner_used_threads = False
_holder: int | None = None  # the thread that holds the engine
_stepping = set()  # threads in the middle of a step


@functools.cache
def _numba() -> Any:
    """Return kernels.runtime, imported when it is first needed: numba takes longer to import than the rest of the package."""
    from ..kernels import runtime

    return runtime


def available_cpus() -> int:
    """Return how many CPUs this process may really use, by its affinity and, on Linux, the container's quota.

    >>> available_cpus() >= 1
    True
    """
    if hasattr(os, "process_cpu_count"):
        n = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        n = len(os.sched_getaffinity(0))
    else:
        n = os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError), open("/sys/fs/cgroup/cpu.max") as file:
        quota, period = file.read().split()
        if quota != "max":
            n = min(n, max(1, math.ceil(int(quota) / int(period))))
    return n


def get_num_threads() -> int:
    """Threads that kernels use now: what `set_num_threads` asked for, else every usable CPU or OMP_NUM_THREADS; 1 in a forked child.

    A child made by fork() has lost the parent's worker threads, and OpenMP cannot start new ones there: it works alone.
    Usable CPUs are counted once, and anew by `set_num_threads(None)`: asking the system would cost more than a small step.
    """
    global _usable
    if _forked:
        return 1
    if _usable is None:
        _usable = min(available_cpus(), openmp_limit() or available_cpus())
    return min(_n_threads or _usable, _numba().thread_limit())


def openmp_limit() -> int | None:
    """What OMP_NUM_THREADS allows, as schedulers and joblib's workers set it; None without it.

    >>> openmp_limit() is None or openmp_limit() >= 1
    True
    """
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(text) if text.isdigit() and int(text) > 0 else None


def set_num_threads(n: int | None) -> None:
    """Use `n` threads in all networks of this process from the next step on.

    Parameters
    ----------
    n : int or None
        At least 1; None for every usable CPU. More than the machine has is an error.

    Notes
    -----
    Sparse layers give the same bits for any number of threads. Dense layers multiply by BLAS, whose threads this does not set.
    Python threads may use networks at the same time; they take turns. Another library's parallel numba function in another
    thread at the same time is numba's affair: its workqueue layer ends the process then, omp and tbb do not.

    Examples
    --------
    >>> set_num_threads(1); get_num_threads()
    1
    >>> set_num_threads(None)
    """
    global _n_threads, _usable
    if n is None:
        _usable = None
    else:
        limit = _numba().thread_limit()
        fix = f"numba was started with {limit} threads; NUMBA_NUM_THREADS set before Python starts allows more."
        n = checks.integer("n", n, 1, limit, fix=fix)
    _n_threads = n


@contextlib.contextmanager
def _take_engine() -> Iterator[int]:
    """Take the engine, as the first of this thread."""
    global _owner_used_threads, _holder
    if not _owner_used_threads and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # read when numba loads OpenMP, at the first parallel kernel
    numba = _numba()
    with _lock:
        n = get_num_threads()
        if n == 1:
            try:
                _holder = threading.get_ident()
                yield n
            finally:
                _holder = None
            return
        _owner_used_threads = True
        before = numba.exchange_num_threads(n)
        try:
            _holder = threading.get_ident()
            yield n
        finally:
            _holder = None
            numba.exchange_num_threads(before)


class _Again:
    """The engine for a thread that holds it already: a step enters it several times, and each entry costs."""

    def __enter__(self) -> int:
        return get_num_threads()

    def __exit__(self, *error: object) -> None:
        """Leave it to the entry that took it."""


_AGAIN, _NOTHING = _Again(), contextlib.nullcontext()


def engine() -> Any:
    """Hold the engine: kernels of this process run one parallel region at a time, with our number of threads.

    numba's workqueue layer ends the process when two Python threads enter it at once, and a network's buffers are shared.
    """
    return _AGAIN if _holder == threading.get_ident() else _take_engine()


class _Stepping:
    def __enter__(self) -> None:
        require_between_steps("A step")
        _stepping.add(threading.get_ident())

    def __exit__(self, *error: object) -> None:
        _stepping.discard(threading.get_ident())


_STEPPING = _Stepping()


def stepping() -> _Stepping:
    """Mark that this thread is in the middle of a step, so that a signal handler that runs there cannot save or train half of one."""
    return _STEPPING


def require_between_steps(what: str) -> None:
    """Raise RuntimeError if this thread is in the middle of a step, as in a signal handler: the network is half updated."""
    if threading.get_ident() in _stepping:
        raise RuntimeError(
            f"{what} must come between two steps; this is a signal handler in the middle of one. Set a flag there, and look at it in a "
            "callback: on_step_end or on_epoch_end."
        )


@contextlib.contextmanager
def alone(network: Network) -> Iterator[None]:
    """Be the only thread that trains this network; RuntimeError if another does. The same thread may, inside a callback."""
    me, depth = threading.get_ident(), 0
    try:
        with _lock:
            owner, depth = _training.get(network, (me, 0))
            if owner != me:
                raise RuntimeError("This network is being trained in another thread. Train a copy: copy.deepcopy(network).")
            _training[network] = me, depth + 1
        yield
    finally:
        with _lock:
            if _training.get(network, (None, 0))[0] == me:
                _training[network] = me, depth
                if not depth:
                    del _training[network]


@functools.cache
def _blas() -> Any:
    """The BLAS libraries of this process, as threadpoolctl finds them: milliseconds, so once."""
    import threadpoolctl

    return threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers


@contextlib.contextmanager
def _hold_blas() -> Iterator[None]:
    libraries = _blas()
    before = [library.get_num_threads() for library in libraries]
    try:
        for library in libraries:
            library.set_num_threads(1)
        yield
    finally:
        for library, n in zip(libraries, before, strict=True):
            library.set_num_threads(n)


def blas_to_one_thread(wanted: bool) -> Any:
    """Hold BLAS to one thread in this block, if `wanted`: its threads and ours would each wait for CPUs on which the others spin."""
    return _hold_blas() if wanted and get_num_threads() > 1 else _NOTHING


def in_pieces(function: Any, n: int, *args: Any) -> None:
    """function(start, stop, *args) over pieces of range(n) by sleeping Python threads, for kernels that release the lock.

    For dense layers: OpenMP threads would still spin while BLAS works, and each would slow the other tenfold.
    """
    global _pool
    pieces = min(get_num_threads(), n // PIECE)
    if pieces <= 1:
        function(0, n, *args)
        return
    if _pool is None:
        _pool = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="sparsemlp")
    bounds = [n * t // pieces for t in range(pieces + 1)]
    started = []
    try:
        for a, b in zip(bounds[:-1], bounds[1:], strict=True):
            started.append(_pool.submit(function, a, b, *args))
        for piece in started:
            piece.result()
    finally:
        concurrent.futures.wait(started)  # an interrupt must not leave threads that still write


def _after_fork_in_child() -> None:
    global _lock, _forked, _pool, _usable, _holder
    _holder = None
    _usable = None
    _lock, _pool = threading.RLock(), None
    _training.clear()
    _stepping.clear()
    pool = sys.modules.get("numba.np.ufunc.parallel")  # another library's parallel functions may have started numba's threads
    _forked = _forked or _owner_used_threads or getattr(pool, "_is_initialized", False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
