"""Where compiled kernels are kept on disk, and what happens when that fails: training goes on, with one warning."""

import contextlib
import os
import pathlib
import tempfile
import warnings

import numba

FIX = "Set NUMBA_CACHE_DIR to a folder that can be written to, before Python starts."
_warned = False


def warn_once(text):
    """Warn of the cache the first time something is wrong with it."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(f"{text} Kernels are compiled anew in each process. {FIX}", stacklevel=2)


def writable(folder):
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def place():
    """Choose a folder if numba would find none: beside the sources, the user's cache, else a private one for temporary files.

    Returns
    -------
    bool
        Whether there is one; without, nothing is kept.
    """
    if numba.config.CACHE_DIR:
        if writable(numba.config.CACHE_DIR):
            return True
        warn_once(f"NUMBA_CACHE_DIR is {numba.config.CACHE_DIR}, which cannot be written to.")
        return False
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if writable(pathlib.Path(__file__).parent / "__pycache__") or (os.path.isabs(home) and writable(os.path.join(home, "numba"))):
        return True
    folder = pathlib.Path(tempfile.gettempdir()) / f"sparsemlp-kernels-{getattr(os, 'getuid', lambda: 'user')()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
        own = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
        if own and writable(folder):  # others' files must never be loaded as our machine code
            numba.config.CACHE_DIR = str(folder)
            return True
    warn_once("No folder for compiled kernels can be written to.")
    return False


def guarded(dispatcher):
    """Make a dispatcher go on without its file when the cache cannot be read or written: a full disk, a file cut short."""
    cache = getattr(dispatcher, "_cache", None)
    if cache is None or not hasattr(cache, "save_overload"):
        return dispatcher
    load, save = cache.load_overload, cache.save_overload

    def load_overload(*args):
        try:
            return load(*args)
        except Exception as error:  # whatever a damaged file makes of unpickling
            warn_once(f"A compiled kernel in {cache.cache_path} cannot be read ({type(error).__name__}).")
            with contextlib.suppress(Exception):
                cache.flush()
            return None

    def save_overload(*args):
        try:
            save(*args)
        except Exception as error:
            warn_once(f"A compiled kernel cannot be kept in {cache.cache_path} ({error}).")

    cache.load_overload, cache.save_overload = load_overload, save_overload
    return dispatcher
