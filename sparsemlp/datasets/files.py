"""Reading bytes out of plain or gzipped files: bounded in memory, checked to the last byte, every fault a DatasetError."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from typing import Any

import numpy as np

from ..errors import DatasetError

CHUNK = 1 << 20  # bytes asked for at a time


@contextlib.contextmanager
def opened(path: Any) -> Any:
    """Open `path` for reading its (decompressed) bytes.

    Gzip is recognised by its first two bytes, not by the name: browsers decompress files and keep the suffix.

    Parameters
    ----------
    path : pathlib.Path

    Yields
    ------
    stream : binary file object
        A gzip stream checks length and CRC-32 only when it is read to its end: callers always do.

    Raises
    ------
    DatasetError
        The file cannot be read, or it is gzip that is damaged or cut off.
    """
    try:
        with open(path, "rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if gzipped else contextlib.nullcontext(raw) as stream:
                yield stream
    except DatasetError:
        raise
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path} is a damaged or incomplete gzip file ({error}). Delete it or replace it by a fresh copy.") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error


def read_array(stream: Any, shape: Any, where: str) -> np.ndarray:
    """Read bytes as an array: never more than its size, whatever the stream could deliver.

    Parameters
    ----------
    stream : binary file object
    shape : tuple of int
    where : str or pathlib.Path
        The file, for the error message.

    Returns
    -------
    uint8[shape], C order, writable

    Raises
    ------
    DatasetError
        The stream ends early.
    """
    array = np.empty(shape, np.uint8)
    view = memoryview(array.reshape(-1))  # type: ignore[arg-type]
    done = 0
    while done < len(view):
        n = stream.readinto(view[done : done + CHUNK])
        if not n:
            raise DatasetError(
                f"{where} is cut off: {done:,} bytes of data where there must be {len(view):,}. Delete it or replace it by a fresh copy."
            )
        done += n
    return array


def read_end(stream: Any, where: str) -> None:
    """Raise DatasetError unless the stream is at its end; for gzip this is also what verifies its checksum."""
    if stream.read(1):
        raise DatasetError(f"{where} goes on after its last sample: it is not the file it is named after, or it is damaged.")


def check_labels(y: Any, n_classes: int, where: str) -> Any:
    """Raise DatasetError unless every label is a class index below `n_classes`."""
    if y.size and y.max() >= n_classes:
        sample = int(np.argmax(y >= n_classes))
        raise DatasetError(
            f"{where} holds the label {y[sample]} (sample {sample}); labels must be 0 to {n_classes - 1}. "
            "It is damaged or belongs to another data set."
        )
