"""numba's own number of threads."""

import numba


def thread_limit():
    """The most threads that numba may use in this process."""
    return numba.config.NUMBA_NUM_THREADS


def exchange_num_threads(n):
    """Let the parallel regions that follow, of this Python thread, use n threads; returns how many it was."""
    before = numba.get_num_threads()
    numba.set_num_threads(n)
    return before
