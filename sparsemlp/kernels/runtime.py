"""numba's own number of threads."""

import numba
from numba.np.ufunc import parallel


def thread_limit():
    """The most threads that numba may use in this process."""
    return numba.config.NUMBA_NUM_THREADS


def exchange_num_threads(n):
    """Let the parallel regions that follow, of this Python thread, use n threads; returns how many it was.

    numba's public functions take a lock at every call. An exception that a signal raises just there leaves it locked, and every
    other thread waits for ever. So what they call behind that lock is used directly, once numba has started its threads.
    """
    get, put = getattr(parallel, "_get_num_threads", None), getattr(parallel, "_set_num_threads", None)
    if get is None or put is None:
        get, put = numba.get_num_threads, numba.set_num_threads
    before = get()
    if before != n:
        put(n)
    return before
