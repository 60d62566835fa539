"""Replacing a file so that there is always a whole one: the old, or the new."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
import secrets
import stat
import time
from collections.abc import Iterator
from typing import Any

LONGEST_STEM = 230  # bytes; file systems allow 255 for a name, and ours is 19 longer
LEFTOVER_AGE = 3600.0  # seconds after which a temporary file belongs to no save that still runs


@contextlib.contextmanager
def replacing(path: Any) -> Iterator[Any]:
    """A new binary file that takes the place of `path` when the block ends without an exception.

    Parameters
    ----------
    path : path
        A symbolic link stays one: what it points to is replaced.

    Raises
    ------
    OSError
        Missing or read-only folder, full disk, a read-only file, a folder in its place. The file that was there is as it was, and
        no temporary file is left.

    Notes
    -----
    Written to a temporary file in the same folder, brought to the disk (fsync), then renamed, and the folder brought to the disk
    where the system can do that.
    """
    path = pathlib.Path(os.path.realpath(path))
    temporary = path.with_name(f".{_stem(path.name)}.{secrets.token_hex(6)}.part")
    try:
        mode = _mode_of(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(temporary, flags, 0o666), "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        kept = " The file that was there is unchanged." if os.path.isfile(path) else ""
        raise OSError(error.errno, f"{_reason(error, path)} Nothing was saved.{kept}", str(path)) from error


def _stem(name: str) -> Any:
    """What a temporary file of `name` is called in the middle: the name, a hash in its place if it would become too long."""
    return name if len(os.fsencode(name)) <= LONGEST_STEM else hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def _mode_of(path: Any) -> Any:
    """Permissions of the file to replace, None if there is none; an OSError if it must not be replaced."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "A folder has this name.")
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, "Something that is no ordinary file has this name.")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "The file that has this name is read-only.")
    return stat.S_IMODE(status.st_mode)


def _reason(error: OSError, path: Any) -> Any:
    if error.errno == errno.ENOENT:
        return f"The folder {path.parent} does not exist; make it first."
    if error.errno == errno.ENAMETOOLONG:
        return f"The file system allows no name as long as {path.name[:40]!r}... ({len(os.fsencode(path.name))} bytes)."
    if error.errno == errno.ENOSPC:
        return "The disk is full."
    text = error.strerror or str(error)
    return text if text.endswith(".") else f"{text}."


def _sync_folder(folder: Any) -> None:
    """Bring the renaming to the disk; Windows and some file systems cannot, and the file is whole all the same."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def remove_leftovers(path: Any) -> None:
    """Delete temporary files of `path` that killed processes have left, if they are older than an hour."""
    path = pathlib.Path(os.path.realpath(path))
    pattern = re.compile(rf"\.{re.escape(_stem(path.name))}\.[0-9a-f]{{12}}\.part")
    with contextlib.suppress(OSError):
        for entry in os.scandir(path.parent):
            if pattern.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime > LEFTOVER_AGE:
                        os.unlink(entry.path)


def write_text(path: Any, text: str) -> None:
    """Write a text file so that it is either the old one or the new one, whole."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Any, value: Any) -> None:
    """`write_text` of a value as indented JSON."""
    write_text(pathlib.Path(path), json.dumps(value, indent=1))
