"""The file format: an uncompressed zip of one JSON text and npy arrays. No pickle, nothing that could be executed.

The JSON is the first member, `sparsemlp.json`, an object with "format", "version", "library" and "content"; every other member is
an array, `arrays/<number>.npy` in npy version 1.0. numpy.load opens the file too. Members are stored, not compressed, so that the
size of everything is known from the size of the file before anything is read, and each has a CRC-32.
"""

import contextlib
import json
import math
import os
import re
import stat
import struct
import zipfile

import numpy as np

from ..engine.memory_limit import require
from ..errors import CheckpointError

FORMAT, VERSION = "sparsemlp checkpoint", 2
INDEX = "sparsemlp.json"
LARGEST_JSON = 2**28  # bytes; some 250,000 epochs of history
CHUNK = 2**20
MEMBER = re.compile(r"arrays/(0|[1-9][0-9]{0,6})\.npy")
HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[<|][biuf][1248]|<U[1-9][0-9]{0,5}|\|S[1-9][0-9]{0,5})', 'fortran_order': False, "
    r"'shape': \((?P<shape>|[0-9]{1,18},|[0-9]{1,18}(, [0-9]{1,18}){1,7})\), \} *\n"
)
DAMAGE = (zipfile.BadZipFile, ValueError, KeyError, IndexError, OSError, EOFError, struct.error, RuntimeError, OverflowError, TypeError)


class Writer:
    """Collects a checkpoint's arrays; `write` puts them with the JSON that refers to them into a file."""

    def __init__(self):
        self.arrays = []

    def put(self, array):
        """Add an array and return the number that stands for it in the JSON."""
        array = np.asarray(array)
        if array.dtype.kind not in "biufUS" or array.dtype.itemsize == 0 or array.dtype.name in ("longdouble", "float128"):
            raise CheckpointError(f"A checkpoint holds arrays of numbers and text; got one of dtype {array.dtype}.")
        self.arrays.append(array)
        return len(self.arrays) - 1

    def write(self, file, content, library):
        """Write everything. The same content gives the same bytes."""
        value = {"format": FORMAT, "version": VERSION, "library": library, "content": content}
        text = json.dumps(value, default=_plain, separators=(",", ":")).encode("ascii")
        if len(text) > LARGEST_JSON:
            raise CheckpointError(f"The history and settings of a checkpoint must fit in {LARGEST_JSON} bytes; they take {len(text)}.")
        archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        try:
            archive.writestr(_info(INDEX), text)
            for k, array in enumerate(self.arrays):
                with archive.open(_info(f"arrays/{k}.npy"), "w", force_zip64=array.nbytes > 2**30) as member:
                    stored = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
                    np.lib.format.write_array(member, stored, version=(1, 0), allow_pickle=False)
            archive.close()
        except BaseException:
            archive.fp = None  # given up: closing half an archive, now or when it is collected, would hide Ctrl-C behind a ValueError
            raise


def _info(name):
    info = zipfile.ZipInfo(name)  # dated 1980: a file does not depend on when it was written
    info.external_attr = 0o644 << 16
    return info


def _plain(value):
    """What json cannot write by itself: the numbers of NumPy in a history."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise CheckpointError(f"The history must hold numbers, text and lists, so that a checkpoint can save it; got {value!r}.")


def is_checkpoint(path):
    """Whether a file begins like a checkpoint."""
    with open(path, "rb") as file:
        start = file.read(30 + len(INDEX))
    return start[:4] == b"PK\3\4" and start[30:] == INDEX.encode()


@contextlib.contextmanager
def reading(path):
    """A `Reader` of a file; what goes wrong with its content inside the block becomes a CheckpointError with the reason."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for ever
        raise CheckpointError(f"{path} must be a checkpoint; it is no ordinary file.")
    with open(path, "rb") as file:
        try:
            if not file.read(1):
                raise CheckpointError("the file is empty.")
            if not is_checkpoint(path):
                raise CheckpointError(f"it does not begin like one, with a zip member {INDEX}.")
            with zipfile.ZipFile(file) as archive:
                reader = Reader(archive, os.fstat(file.fileno()).st_size)
                yield reader
                reader.finish()
        except (*DAMAGE, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{path} is no valid checkpoint: {str(error) or 'it ends too early.'}") from error


class Reader:
    """The members of an opened archive, checked before they are read.

    Parameters
    ----------
    archive : zipfile.ZipFile
    size : int
        Bytes of the file: all that may be allocated follows from it.
    """

    def __init__(self, archive, size):
        self._archive, self._members, self._read = archive, {}, set()
        total = 0
        for info in archive.infolist():
            name = info.filename
            if name != INDEX and not MEMBER.fullmatch(name):
                raise CheckpointError(f"it has a member {name[:80]!r}; only {INDEX} and arrays/<number>.npy belong there.")
            if name in self._members:
                raise CheckpointError(f"it has the member {name} twice.")
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1 or info.file_size != info.compress_size:
                raise CheckpointError(f"its member {name} is compressed or encrypted; checkpoints are stored as they are.")
            self._members[name] = info
            total += info.file_size
        if total > size:
            raise CheckpointError(f"its members claim {total} bytes, more than the {size} of the file.")
        if INDEX not in self._members:
            raise CheckpointError(f"it has no member {INDEX}.")
        require(2 * total, "Loading this checkpoint")  # the index by output unit is never larger than the rest
        self.content, self.library = self._index()

    def _index(self):
        if self._members[INDEX].file_size > LARGEST_JSON:
            raise CheckpointError(f"its {INDEX} is larger than {LARGEST_JSON} bytes.")
        value = json.loads(self._archive.read(INDEX).decode("ascii"), object_pairs_hook=_no_doubles)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise CheckpointError(f"its {INDEX} does not say format {FORMAT!r}.")
        version, library = value.get("version"), value.get("library")
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise CheckpointError(f"its version must be a whole number from 1; got {version!r:.80}.")
        if version > VERSION:
            raise CheckpointError(
                f"it has version {version} of the format, written by sparsemlp {library!r:.40}; "
                f"this sparsemlp reads up to version {VERSION}. Update sparsemlp."
            )
        return value.get("content"), library

    def array(self, number, dtype=None, shape=None):
        """The array with this number, of this dtype and shape; None takes what is there.

        Raises
        ------
        CheckpointError
            Missing, another dtype or shape than asked for, or a header that does not match the member's size.
        """
        name = f"arrays/{number}.npy"
        if isinstance(number, bool) or not isinstance(number, int) or name not in self._members:
            raise CheckpointError(f"it refers to an array {number!r:.80}, which it does not have.")
        if name in self._read:  # memory must follow the size of the file
            raise CheckpointError(f"it refers to {name} twice.")
        self._read.add(name)
        with self._archive.open(self._members[name]) as member:
            found, length, start = _header(member, name)
            n = math.prod(length)
            if start + n * found.itemsize != self._members[name].file_size:
                raise CheckpointError(f"{name} says {found}{list(length)}, which does not match its {self._members[name].file_size} bytes.")
            if (dtype is not None and found != np.dtype(dtype).newbyteorder("<")) or (shape is not None and length != tuple(shape)):
                want = f"{np.dtype(dtype) if dtype is not None else ''}{list(shape) if shape is not None else ''}"
                raise CheckpointError(f"{name} must be {want}; it is {found}{list(length)}.")
            array = np.empty(length, found)
            _fill(member, array, name)
        if found.kind == "U" and n and array.reshape(-1).view("<u4").max() > 0x10FFFF:
            raise CheckpointError(f"{name} holds characters that do not exist.")
        if found.kind == "b" and n and array.view(np.uint8).max() > 1:
            raise CheckpointError(f"{name} holds truth values other than 0 and 1.")
        return array.astype(found.newbyteorder("="), copy=False)

    def finish(self):
        """Raise CheckpointError if there are arrays that nothing refers to."""
        spare = sorted(set(self._members) - self._read - {INDEX})
        if spare:
            raise CheckpointError(f"nothing refers to its {spare[0]}.")


def _header(member, name):
    """(dtype, shape, bytes before the data) of an npy version 1.0; a pattern, not an evaluation."""
    start = member.read(10)
    length = int.from_bytes(start[8:10], "little")
    text = member.read(length)
    match = HEADER.fullmatch(text.decode("latin1")) if start[:8] == b"\x93NUMPY\x01\x00" else None
    if match is None:
        raise CheckpointError(f"{name} does not begin like an array of numbers or text: {text[:60]!r}.")
    return np.dtype(match["dtype"]), tuple(int(n) for n in match["shape"].split(",") if n), 10 + length


def _fill(member, array, name):
    """Read the bytes of an array in place; at the end zipfile compares the CRC."""
    if array.size:
        raw = array.reshape(-1).view(np.uint8)
        for start in range(0, raw.size, CHUNK):
            part = member.read(min(CHUNK, raw.size - start))
            raw[start : start + len(part)] = np.frombuffer(part, np.uint8)
            if len(part) != min(CHUNK, raw.size - start):
                raise CheckpointError(f"{name} is truncated.")
    if member.read(1):
        raise CheckpointError(f"{name} goes on after its end.")


def _no_doubles(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise CheckpointError("its JSON has the same key twice in one object.")
    return value
