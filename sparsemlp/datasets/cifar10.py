"""CIFAR-10 in its official binary format: the six .bin files, or the tar.gz they come in (read in place, never unpacked).

Each record is one label byte and 3072 pixel bytes: 1024 red, 1024 green, 1024 blue values, each a 32 × 32 image row by row
(A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009). A row of X keeps that order.
"""

from __future__ import annotations

import tarfile
from typing import Any

import numpy as np

from ..errors import DatasetError
from .files import CHUNK, check_labels, opened, read_array, read_end

FILES = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")
PIXELS, CLASSES = 3072, 10
PER_FILE = 10_000
SLACK = 1 << 20  # bytes that an archive may hold beside the images: tar headers, the list of names, a page of text


class _Tables:
    """The arrays to fill, one file after the other in any order; each file's records pass through one buffer."""

    def __init__(self, per_file: int) -> None:
        self.n = per_file
        n_train = per_file * (len(FILES) - 1)
        self.train = np.empty((n_train, PIXELS), np.uint8), np.empty(n_train, np.int64)
        self.test = np.empty((per_file, PIXELS), np.uint8), np.empty(per_file, np.int64)

    def fill(self, name: str, stream: Any, where: str) -> Any:
        k = FILES.index(name)
        X, y = self.test if k == len(FILES) - 1 else (part[k * self.n : (k + 1) * self.n] for part in self.train)
        records = read_array(stream, (self.n, 1 + PIXELS), where)
        read_end(stream, where)
        check_labels(records[:, 0], CLASSES, where)
        X[:], y[:] = records[:, 1:], records[:, 0]

    def result(self) -> Any:
        return *self.train, *self.test


def load_folder(paths: Any, per_file: int = PER_FILE) -> Any:
    """Read the six .bin files.

    Parameters
    ----------
    paths : sequence of 6 pathlib.Path
        data_batch_1.bin to data_batch_5.bin, test_batch.bin.
    per_file : int
        Records that each file must hold.

    Returns
    -------
    X : uint8[5 * per_file, 3072]
    y : int64[5 * per_file]
    X_test : uint8[per_file, 3072]
    y_test : int64[per_file]

    Raises
    ------
    DatasetError
        A file of another length, or a label that is no class.
    """
    tables = _Tables(per_file)
    for name, path in zip(FILES, paths, strict=True):
        with opened(path) as stream:
            tables.fill(name, stream, path)
    return tables.result()


def load_archive(paths: Any, per_file: int = PER_FILE) -> Any:
    """Read cifar-10-binary.tar.gz in one pass, without writing anything to disk; parameters and result as `load_folder`.

    Only members named like the six files are looked at, wherever they lie in the archive. The archive is read to its end, so its gzip
    checksum is verified; reading stops with an error once it holds more than the data set can.
    """
    (path,) = paths
    tables, missing = _Tables(per_file), set(FILES)
    with opened(path) as stream:
        bounded: Any = _Bounded(stream, len(FILES) * per_file * (1 + PIXELS) + SLACK, path)
        try:
            with tarfile.open(fileobj=bounded, mode="r|") as archive:
                for member in archive:
                    name = member.name.rsplit("/", 1)[-1]
                    if name in missing and member.isreg():
                        missing.remove(name)
                        tables.fill(name, archive.extractfile(member), f"{path}, member {member.name},")
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise DatasetError(f"{path} is not a whole tar archive ({error}). Delete it or replace it by a fresh copy.") from error
        while bounded.read(CHUNK):
            pass
    if missing:
        raise DatasetError(f"{path} lacks {', '.join(sorted(missing))}. It must be CIFAR-10's binary version (not the Python one).")
    return tables.result()


class _Bounded:
    """A stream that refuses to deliver more than `limit` bytes: a small archive must not unpack to something huge."""

    def __init__(self, stream: Any, limit: int, where: str) -> None:
        self.stream, self.left, self.limit, self.where = stream, limit, limit, where

    def read(self, n: int) -> Any:
        data = self.stream.read(min(n, self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise DatasetError(f"{self.where} unpacks to more than {self.limit:,} bytes: it is not CIFAR-10's binary version.")
        return data
