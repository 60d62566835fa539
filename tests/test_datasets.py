"""Data sets: parsing of small files made here, faults in them, the search for files, the download, standardisation."""

import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pooch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsemlp import datasets
from sparsemlp.datasets import cifar10, digits, idx, locate, madelon
from sparsemlp.datasets.files import CHUNK, opened, read_array
from sparsemlp.datasets.standardize import CHUNK_VALUES
from sparsemlp.errors import DatasetError

N_TRAIN, N_TEST, SHAPE = 7, 3, (4, 5)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (N_TRAIN + N_TEST, *SHAPE), dtype=np.uint8)
LABELS = RNG.integers(0, 10, N_TRAIN + N_TEST, dtype=np.uint8)


# ---------------------------------------------------------------- writers


def idx_bytes(values):
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_idx(folder, *, pack=gzip.compress, images=IMAGES, labels=LABELS, suffix=".gz"):
    folder.mkdir(parents=True, exist_ok=True)
    parts = (images[:N_TRAIN], labels[:N_TRAIN], images[N_TRAIN:], labels[N_TRAIN:])
    paths = [folder / (name.removesuffix(".gz") + suffix) for name in datasets.IDX_FILES]
    for path, values in zip(paths, parts, strict=True):
        path.write_bytes(pack(idx_bytes(values)))
    return paths


def cifar_records(per_file, seed=1):
    records = np.random.default_rng(seed).integers(0, 256, (6, per_file, 3073), dtype=np.uint8)
    records[..., 0] %= 10
    return records


def write_cifar(folder, records):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in cifar10.FILES]
    for path, part in zip(paths, records, strict=True):
        path.write_bytes(part.tobytes())
    return paths


def tar_bytes(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def cifar_members(records):
    batches = [(f"cifar-10-batches-bin/{n}", r.tobytes()) for n, r in zip(cifar10.FILES, records, strict=True)]
    return [("cifar-10-batches-bin/batches.meta.txt", b"airplane\n"), *reversed(batches), ("cifar-10-batches-bin/readme.html", b"<html>")]


MADELON_SHAPES = ((5, 4), (5, 1), (3, 4), (3, 1))


def madelon_tables(seed=2):
    rng = np.random.default_rng(seed)
    return [rng.choice([-1, 1], s) if s[1] == 1 else rng.integers(0, 1000, s) for s in MADELON_SHAPES]


def text(table):
    return "".join(" ".join(map(str, row)) + " \n" for row in table).encode()


def write_madelon(folder, tables, suffix="", pack=bytes):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / (name + suffix) for name in madelon.FILES]
    for path, table in zip(paths, tables, strict=True):
        path.write_bytes(pack(text(table)))
    return paths


load_idx = partial(idx.load_idx, n_train=N_TRAIN, n_test=N_TEST, image_shape=SHAPE)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data set anywhere and no network: an empty cache, no variable, no checkout, and a download that fails."""
    monkeypatch.delenv("SPARSEMLP_DATA", raising=False)
    monkeypatch.setattr(locate, "checkout_data", lambda: None)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)

    def refuse(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    """The table of data sets with the dimensions of the files written here."""
    small_idx = tuple(
        locate.Dataset(d.name, (locate.Layout(datasets.IDX_FILES, load_idx),), d.remotes, own_names=False)
        for d in (datasets.FASHION_MNIST, datasets.MNIST)
    )
    remotes = tuple(
        locate.Remote(r.file, r.url, check=partial(madelon.read_table, shape=s))
        for r, s in zip(datasets.MADELON.remotes, MADELON_SHAPES, strict=True)
    )
    small_madelon = locate.Dataset("madelon", (locate.Layout(madelon.FILES, partial(madelon.load_text, shapes=MADELON_SHAPES)),), remotes)
    folder, archive = datasets.CIFAR10.layouts
    small_cifar = locate.Dataset(
        "cifar10",
        (
            locate.Layout(folder.files, partial(cifar10.load_folder, per_file=2), folder.folder),
            locate.Layout(archive.files, partial(cifar10.load_archive, per_file=2)),
        ),
        datasets.CIFAR10.remotes,
    )
    monkeypatch.setattr(datasets, "FROM_FILES", {d.name: d for d in (*small_idx, small_cifar, small_madelon)})


# ---------------------------------------------------------------- the embedded digits


def test_digits_are_complete_and_fixed():
    X, y, X_test, y_test = datasets.load("digits")
    assert X.shape == (1437, 64) and X_test.shape == (360, 64)
    assert X.dtype == X_test.dtype == np.uint8 and y.dtype == y_test.dtype == np.int64
    assert X.flags.c_contiguous and X.flags.writeable and X.min() == 0 and X.max() == 16
    whole, part = np.bincount(np.r_[y, y_test], minlength=10), np.bincount(y_test, minlength=10)
    assert (abs(part - whole * 360 / 1797) < 1).all()  # stratified


def test_digits_are_scikit_learns_and_the_split_can_be_made_again():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    X, y = sklearn_datasets.load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(y == c) for c in range(10)]
    share = np.array([360 * len(m) / len(y) for m in members])
    count = np.floor(share).astype(int)
    count[np.argsort(count - share, kind="stable")[: 360 - count.sum()]] += 1
    in_test = np.zeros(len(y), bool)
    in_test[np.concatenate([rng.choice(m, n, replace=False) for m, n in zip(members, count, strict=True)])] = True
    for got, want in zip(datasets.load("digits"), (X[~in_test], y[~in_test], X[in_test], y[in_test]), strict=True):
        np.testing.assert_array_equal(got, want)


def test_damaged_package_says_so(monkeypatch):
    monkeypatch.setattr(digits, "FILE", "__init__.py")
    with pytest.raises(DatasetError, match="Install sparsemlp again"):
        datasets.load("digits")
    monkeypatch.setattr(digits, "FILE", "absent.npz")
    with pytest.raises(DatasetError, match="absent.npz"):
        datasets.load("digits")


def test_names():
    assert datasets.names() == ("digits", "fashion-mnist", "mnist", "cifar10", "madelon")
    with pytest.raises(ValueError, match="'fashion-mnist'"):
        datasets.load("fashion_mnist")


def test_import_leaves_the_downloader_alone():
    code = "import sys, sparsemlp.datasets as d; d.load('digits'); sys.exit('pooch' in sys.modules or 'requests' in sys.modules)"
    root = Path(datasets.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


# ---------------------------------------------------------------- IDX


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_idx_round_trip(tmp_path, pack):
    X, y, X_test, y_test = load_idx(write_idx(tmp_path, pack=pack))
    np.testing.assert_array_equal(np.r_[X, X_test], IMAGES.reshape(-1, 20))
    np.testing.assert_array_equal(np.r_[y, y_test], LABELS)
    assert X.dtype == np.uint8 and y.dtype == np.int64
    assert X.flags.c_contiguous and X.flags.writeable


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_idx_cut_off_anywhere(tmp_path, pack):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = pack(idx_bytes(IMAGES))
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(DatasetError, match="t10k-images-idx3-ubyte"):
            idx.read_idx(path, IMAGES.shape)


@settings(deadline=None)
@given(bit=st.integers(min_value=0))
def test_idx_flipped_bit_is_noticed_or_harmless(tmp_path_factory, bit):
    path = tmp_path_factory.mktemp("flip") / "images.gz"
    damaged = bytearray(gzip.compress(idx_bytes(IMAGES)))
    bit %= 8 * len(damaged)
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    try:
        got = idx.read_idx(path, IMAGES.shape)
    except DatasetError as error:
        assert str(path) in str(error)
    else:  # a bit of the time stamp, say
        np.testing.assert_array_equal(got, IMAGES)


def test_idx_flipped_content_fails_the_gzip_checksum(tmp_path):
    path = tmp_path / "images.gz"
    stored = bytearray(gzip.compress(idx_bytes(IMAGES), compresslevel=0))
    stored[-20] ^= 1  # a pixel, well-formed as far as the format goes
    path.write_bytes(stored)
    with pytest.raises(DatasetError, match="CRC"):
        idx.read_idx(path, IMAGES.shape)


def test_idx_wrong_magic(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(b"\x00\x00\x0d\x03" + idx_bytes(IMAGES)[4:])  # floats
    with pytest.raises(DatasetError, match="00000803.*got 00000d03"):
        idx.read_idx(path, IMAGES.shape)
    path.write_bytes(b"<html>404 Not Found</html>")
    with pytest.raises(DatasetError, match="another kind of file"):
        idx.read_idx(path, IMAGES.shape)


def test_idx_trailing_bytes(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(IMAGES) + b"\0")
    with pytest.raises(DatasetError, match="goes on after"):
        idx.read_idx(path, IMAGES.shape)


def test_idx_label_out_of_range(tmp_path):
    labels = LABELS.copy()
    labels[4] = 10
    with pytest.raises(DatasetError, match=r"train-labels.*label 10 \(sample 4\)"):
        load_idx(write_idx(tmp_path, labels=labels))


def test_idx_counts_differ(tmp_path):
    paths = write_idx(tmp_path)
    paths[1].write_bytes(idx_bytes(LABELS[: N_TRAIN - 1]))
    with pytest.raises(DatasetError, match="train-labels.*must hold 7 values; its header says 6"):
        load_idx(paths)


def test_idx_files_swapped(tmp_path):
    paths = write_idx(tmp_path)
    paths[0], paths[2] = paths[2], paths[0]
    with pytest.raises(DatasetError, match="3 × 4 × 5.*another file of the set"):
        load_idx(paths)


# ---------------------------------------------------------------- bounded reading


class Endless(io.RawIOBase):
    def __init__(self):
        self.delivered = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        self.delivered += len(buffer)
        return len(buffer)


def test_read_array_takes_no_more_than_its_size():
    stream = Endless()
    read_array(stream, (3, CHUNK), "endless")
    assert stream.delivered == 3 * CHUNK


@pytest.mark.parametrize("kind", ["idx", "madelon"])
def test_gzip_bomb_stays_packed(tmp_path, monkeypatch, kind):
    size = 64 << 20
    bomb = {"idx": idx_bytes(IMAGES), "madelon": text(madelon_tables()[0])}[kind] + b"0" * size
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bomb, 1))
    unpacked = []
    read = gzip._GzipReader.read
    monkeypatch.setattr(gzip._GzipReader, "read", lambda self, n=-1: unpacked.append(read(self, n)) or unpacked[-1])
    with pytest.raises(DatasetError, match="bomb.gz"):
        idx.read_idx(path, IMAGES.shape) if kind == "idx" else madelon.read_table(path, MADELON_SHAPES[0])
    assert 0 < sum(map(len, unpacked)) <= 1 << 20


def test_unreadable_file(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"), opened(tmp_path / "absent"):
        pass
    with pytest.raises(DatasetError, match="cannot be read"), opened(tmp_path):
        pass


# ---------------------------------------------------------------- CIFAR-10


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_cifar_round_trip(tmp_path, packed):
    records = cifar_records(3)
    if packed:
        path = tmp_path / "cifar-10-binary.tar.gz"
        path.write_bytes(gzip.compress(tar_bytes(cifar_members(records))))
        X, y, X_test, y_test = cifar10.load_archive([path], per_file=3)
    else:
        X, y, X_test, y_test = cifar10.load_folder(write_cifar(tmp_path, records), per_file=3)
    np.testing.assert_array_equal(X, records[:5, :, 1:].reshape(15, 3072))
    np.testing.assert_array_equal(y, records[:5, :, 0].reshape(15))
    np.testing.assert_array_equal(X_test, records[5, :, 1:])
    np.testing.assert_array_equal(y_test, records[5, :, 0])
    assert X.flags.c_contiguous and X_test.flags.c_contiguous and X.dtype == np.uint8 and y.dtype == np.int64


@pytest.mark.parametrize("change, message", [(-1, "is cut off"), (1, "goes on after")])
def test_cifar_wrong_length(tmp_path, change, message):
    paths = write_cifar(tmp_path, cifar_records(2))
    content = paths[3].read_bytes()
    paths[3].write_bytes(content[:change] if change < 0 else content + b"\0")
    with pytest.raises(DatasetError, match=f"data_batch_4.bin {message}"):
        cifar10.load_folder(paths, per_file=2)


def test_cifar_label_out_of_range(tmp_path):
    records = cifar_records(2)
    records[5, 1, 0] = 255
    with pytest.raises(DatasetError, match="test_batch.bin.*255"):
        cifar10.load_folder(write_cifar(tmp_path, records), per_file=2)


def test_cifar_archive_faults(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    members = cifar_members(cifar_records(2))
    whole = gzip.compress(tar_bytes(members))

    def fails(content, match):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=match) as caught:
            cifar10.load_archive([path], per_file=2)
        assert str(path) in str(caught.value)

    for n in (0, 1, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        fails(whole[:n], "tar.gz")
    fails(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:], "CRC")
    fails(gzip.compress(tar_bytes(members[:2] + members[3:])), "lacks data_batch_5.bin")
    fails(gzip.compress(tar_bytes([(n, c[:-1]) for n, c in members])), "test_batch.bin, is cut off")
    fails(b"not a tar archive" * 100, "not a whole tar archive")
    fails(gzip.compress(tar_bytes([("big", bytes(3 << 20)), *members]), 1), "unpacks to more than")


# ---------------------------------------------------------------- Madelon


@pytest.mark.parametrize("suffix, pack", [("", bytes), (".gz", gzip.compress)])
def test_madelon_round_trip(tmp_path, suffix, pack):
    tables = madelon_tables()
    X, y, X_test, y_test = madelon.load_text(write_madelon(tmp_path, tables, suffix, pack), MADELON_SHAPES)
    for got, want in zip((X, y[:, None], X_test, y_test[:, None]), tables, strict=True):
        np.testing.assert_array_equal(got, want)
    assert X.dtype == np.int16 and y.dtype == np.int64 and X.flags.c_contiguous


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"1 2 3 4\n1 2 3 4\n", "must hold 3 rows of 4; got 2 of 4"),
        (b"1 2 3\n1 2 3\n1 2 3\n", "got 3 of 3"),
        (b"1 2 3 4\n1 2 3\n1 2 3 4\n", "not a table of whole numbers"),
        (b"1 2 3 4\n1 2 3 x\n1 2 3 4\n", "not a table of whole numbers"),
        (b"1 2 3 4\n1 2 3 .5\n1 2 3 4\n", "not a table of whole numbers"),
        (b"1 2 3 4\n1 2 3 70000\n1 2 3 4\n", "not a table of whole numbers"),
        (b"1 2 3 4\n1 2 3 \xff\n1 2 3 4\n", "not a table of whole numbers"),
        (b"1 2 3 4\n1 2 3 -5\n1 2 3 4\n", "holds -5 in line 2"),
        (b"1 2 3 4\n" * 100, "is longer than"),
    ],
)
def test_madelon_faults(tmp_path, content, message):
    path = tmp_path / "madelon_valid.data"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        madelon.read_table(path, (3, 4))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("label", [0, 2])
def test_madelon_labels_are_plus_or_minus_one(tmp_path, label):
    path = tmp_path / "madelon_valid.labels"
    path.write_bytes(f"-1\n{label}\n1".encode())
    with pytest.raises(DatasetError, match=f"holds {label} in line 2; values must be -1 or"):
        madelon.read_table(path, (3, 1))


# ---------------------------------------------------------------- where files lie


def test_nothing_anywhere(nowhere, monkeypatch):
    monkeypatch.setenv("SPARSEMLP_DATA", str(nowhere / "env"))
    monkeypatch.setattr(locate, "checkout_data", lambda: nowhere / "checkout")
    for name in datasets.names()[1:]:
        with pytest.raises(DatasetError) as caught:
            datasets.load(name, data_dir=nowhere / "given")
        message = str(caught.value)
        places = [message.index(str(nowhere / p)) for p in ("given", "env", "checkout", "cache")]
        assert places == sorted(places)  # in the order of the search
        assert "no route to host" in message and "SPARSEMLP_DATA" in message
        for remote in datasets.FROM_FILES[name].remotes:
            assert remote.file in message and remote.url in message
    assert not [p for p in nowhere.rglob("*") if p.is_file()]


def test_no_download_when_told_so(nowhere, monkeypatch):
    monkeypatch.setattr(locate, "fetch", lambda *args: pytest.fail("went to the network"))
    with pytest.raises(DatasetError, match="download=False"):
        datasets.load("mnist", download=False)
    assert not (nowhere / "cache").exists()


def test_places_in_order(nowhere, small, monkeypatch):
    folders = {place: nowhere / place for place in ("given", "env", "checkout", "cache/sparsemlp")}
    monkeypatch.setenv("SPARSEMLP_DATA", str(folders["env"]))
    monkeypatch.setattr(locate, "checkout_data", lambda: folders["checkout"])
    for mark, place in enumerate(reversed(folders.values())):  # the last place first, each before the ones already there
        images = IMAGES.copy()
        images[0, 0, 0] = mark
        write_idx(place / "mnist", images=images)
        assert datasets.load("mnist", data_dir=folders["given"])[0][0, 0] == mark


def test_empty_variable_is_no_place(nowhere, small, monkeypatch):
    monkeypatch.setenv("SPARSEMLP_DATA", "")
    monkeypatch.chdir(write_idx(nowhere / "here" / "mnist")[0].parents[1])
    with pytest.raises(DatasetError):
        datasets.load("mnist")


def test_checkout_data_is_found_only_in_a_checkout(tmp_path, monkeypatch):
    root = tmp_path / "clone"
    monkeypatch.setattr(locate, "__file__", str(root / "sparsemlp" / "datasets" / "locate.py"))
    assert locate.checkout_data() is None
    (root / "data").mkdir(parents=True)
    (root / "data" / "README.md").touch()
    assert locate.checkout_data() is None  # a data/ folder in site-packages is somebody else's
    (root / "pyproject.toml").touch()
    assert locate.checkout_data() == root.resolve() / "data"


@pytest.mark.parametrize("suffix, pack", [("", bytes), (".gz", gzip.compress)])
def test_suffix_does_not_matter(nowhere, small, suffix, pack):
    write_idx(nowhere / "mnist", suffix=suffix, pack=pack)
    write_madelon(nowhere / "madelon", madelon_tables(), suffix, pack)
    assert len(datasets.load("mnist", data_dir=str(nowhere))[0]) == N_TRAIN
    assert len(datasets.load("madelon", data_dir=str(nowhere))[0]) == 5


def test_file_names_directly_in_the_folder(nowhere, small):
    write_madelon(nowhere / "flat", madelon_tables())
    write_idx(nowhere / "flat")
    write_idx(nowhere / "fashion-mnist")
    assert len(datasets.load("madelon", data_dir=nowhere / "flat")[0]) == 5
    with pytest.raises(DatasetError, match="only a folder named mnist says"):  # or fashion-mnist's? the names are the same
        datasets.load("mnist", data_dir=nowhere / "flat")
    with pytest.raises(DatasetError):
        datasets.load("mnist", data_dir=nowhere / "fashion-mnist")
    assert len(datasets.load("fashion-mnist", data_dir=nowhere / "fashion-mnist")[0]) == N_TRAIN


@pytest.mark.parametrize("place", ["cifar10/cifar-10-batches-bin", "cifar10", "cifar-10-batches-bin", "."])
def test_cifar_folders(nowhere, small, place):
    records = cifar_records(2)
    write_cifar(nowhere / "given" / place, records)
    np.testing.assert_array_equal(datasets.load("cifar10", data_dir=nowhere / "given")[2], records[5, :, 1:])


@pytest.mark.parametrize("place", ["cifar10", "."])
def test_cifar_archive_is_found(nowhere, small, place):
    folder = nowhere / "given" / place
    folder.mkdir(parents=True)
    (folder / "cifar-10-binary.tar.gz").write_bytes(gzip.compress(tar_bytes(cifar_members(cifar_records(2)))))
    assert len(datasets.load("cifar10", data_dir=nowhere / "given")[0]) == 10
    assert len(list(folder.iterdir())) == 1  # nothing unpacked


def test_incomplete_place_is_named_and_skipped(nowhere, small, monkeypatch):
    write_idx(nowhere / "given" / "mnist")[3].unlink()
    with pytest.raises(DatasetError, match="incomplete: lacks t10k-labels-idx1-ubyte.gz"):
        datasets.load("mnist", data_dir=nowhere / "given")
    write_idx(nowhere / "env" / "mnist")
    monkeypatch.setenv("SPARSEMLP_DATA", str(nowhere / "env"))
    assert len(datasets.load("mnist", data_dir=nowhere / "given")[0]) == N_TRAIN


def test_damaged_file_is_an_error_not_a_reason_to_look_on(nowhere, small, monkeypatch):
    path = write_idx(nowhere / "given" / "mnist")[2]
    path.write_bytes(path.read_bytes()[:-3])
    write_idx(nowhere / "env" / "mnist")
    monkeypatch.setenv("SPARSEMLP_DATA", str(nowhere / "env"))
    with pytest.raises(DatasetError, match="t10k-images"):
        datasets.load("mnist", data_dir=nowhere / "given")


# ---------------------------------------------------------------- download


def serve(monkeypatch, source, asked, fail_at=None):
    """Let pooch's downloader copy from `source` by file name; the rest of pooch (checksum, renaming) stays real."""

    class Downloader:
        def __init__(self, **kwargs):
            pass

        def __call__(self, url, output_file, pooch):
            asked.append(url)
            content = (source / url.rsplit("/", 1)[-1]).read_bytes()
            if len(asked) - 1 == fail_at:
                Path(output_file).write_bytes(content[: len(content) // 2])
                raise ConnectionError("connection reset")
            Path(output_file).write_bytes(content)

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)


@pytest.fixture
def online(tmp_path, monkeypatch):
    """As `nowhere`, but with pooch's own retrieve."""
    monkeypatch.delenv("SPARSEMLP_DATA", raising=False)
    monkeypatch.setattr(locate, "checkout_data", lambda: None)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path


def files_below(folder):
    return sorted(p.name for p in folder.rglob("*"))


def test_madelon_download_goes_into_the_cache_once(online, small, monkeypatch):
    tables, asked = madelon_tables(), []
    write_madelon(online / "server", tables)
    serve(monkeypatch, online / "server", asked)
    for _ in range(2):
        X, *_ = datasets.load("madelon")
        np.testing.assert_array_equal(X, tables[0])
    assert asked == [r.url for r in datasets.MADELON.remotes]
    assert files_below(online / "cache" / "sparsemlp" / "madelon") == sorted(madelon.FILES)


def test_broken_download_leaves_no_partial_file_and_goes_on_later(online, small, monkeypatch):
    write_madelon(online / "server", madelon_tables())
    asked = []
    serve(monkeypatch, online / "server", asked, fail_at=2)
    with pytest.raises(DatasetError, match="connection reset"):
        datasets.load("madelon")
    assert files_below(online / "cache" / "sparsemlp" / "madelon") == sorted(madelon.FILES[:2])
    assert len(datasets.load("madelon")[0]) == 5
    assert len(asked) == 5  # two whole, one broken, then the two that were missing


def test_madelon_download_of_something_else_is_refused(online, small, monkeypatch):
    write_madelon(online / "server", madelon_tables())
    (online / "server" / madelon.FILES[0]).write_bytes(b"<html>moved</html>")
    serve(monkeypatch, online / "server", [])
    with pytest.raises(DatasetError, match="not a table of whole numbers"):
        datasets.load("madelon")
    assert files_below(online / "cache" / "sparsemlp" / "madelon") == []


def test_download_with_another_checksum_is_refused(online, small, monkeypatch):
    write_idx(online / "server")  # well-formed, but not what was published
    serve(monkeypatch, online / "server", [])
    with pytest.raises(DatasetError, match="(?s)the download failed.*MD5"):
        datasets.load("mnist")
    assert files_below(online / "cache" / "sparsemlp" / "mnist") == []


def test_cache_that_cannot_be_written(online, small, monkeypatch):
    (online / "cache").write_bytes(b"a file where the folder should be")
    serve(monkeypatch, online, [])
    with pytest.raises(DatasetError, match="the download failed"):
        datasets.load("mnist")


# ---------------------------------------------------------------- the real files, where there are any

real = pytest.mark.skipif("SPARSEMLP_DATA" not in os.environ, reason="SPARSEMLP_DATA names no folder with the data sets")


def real_set(name):
    try:
        return datasets.load(name, download=False)
    except DatasetError as error:
        if "download=False" in str(error):
            pytest.skip(f"{name} is not there")
        raise


@real
@pytest.mark.parametrize("name, mean, deviation", [("fashion-mnist", 0.2860, 0.3530), ("mnist", 0.1307, 0.3081)])
def test_real_images_have_the_published_statistics(name, mean, deviation):
    X, y, X_test, y_test = real_set(name)
    assert X.shape == (60_000, 784) and X_test.shape == (10_000, 784) and X.dtype == np.uint8
    assert round(X.mean() / 255, 4) == mean
    counts = np.bincount(X.reshape(-1), minlength=256)
    second = (counts * np.arange(256.0) ** 2).sum() / X.size
    assert round(np.sqrt(second - X.mean() ** 2) / 255, 4) == deviation
    assert y[:5].tolist() == {"fashion-mnist": [9, 0, 0, 3, 0], "mnist": [5, 0, 4, 1, 9]}[name]
    assert set(y_test.tolist()) == set(range(10))


@real
def test_real_madelon():
    X, y, X_test, y_test = real_set("madelon")
    assert X.shape == (2000, 500) and X_test.shape == (600, 500)
    assert y.sum() == y_test.sum() == 0 and X[0, :3].tolist() == [485, 477, 537]


@real
def test_real_cifar10():
    X, y, X_test, y_test = real_set("cifar10")
    assert X.shape == (50_000, 3072) and np.bincount(y).tolist() == [5000] * 10 and np.bincount(y_test).tolist() == [1000] * 10


# ---------------------------------------------------------------- standardisation


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_standardize_equals_the_formula(dtype):
    rng = np.random.default_rng(3)
    X, X_test = (rng.integers(0, 256, (n, 33)).astype(dtype) for n in (200, 17))
    X[:, 5] = 7
    got, got_test = datasets.standardize(X, X_test)
    mean, deviation = X.astype(np.float64).mean(axis=0), X.astype(np.float64).std(axis=0)
    deviation[5] = np.inf
    for ours, raw in ((got, X), (got_test, X_test)):
        want = (raw.astype(np.float64) - mean) / deviation
        np.testing.assert_allclose(ours, want, rtol=2 * np.finfo(np.float32).eps, atol=1e-12)
        assert ours.dtype == np.float32 and ours.flags.c_contiguous
        assert (ours[:, 5] == 0).all()  # in the test part too, whatever its values


def test_pieces_do_not_matter():
    rng = np.random.default_rng(4)
    X = rng.integers(0, 256, (2 * CHUNK_VALUES // 1000 + 7, 1000), dtype=np.uint8)
    standardizer = datasets.Standardizer.fit(X)
    np.testing.assert_allclose(standardizer.mean, X.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(standardizer.scale, 1 / X.std(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(standardizer(X)[-9:], standardizer(X[-9:]))
    np.testing.assert_array_equal(standardizer(np.asfortranarray(X)), standardizer(X))


def test_a_constant_that_rounds_is_constant():
    X = np.full((1237, 2), 0.1)
    X[0, 1] = 0.2
    assert datasets.Standardizer.fit(X).scale[0] == 0
    standardized, _ = datasets.standardize(X, X[:1])
    assert (standardized[:, 0] == 0).all() and standardized[0, 1] > 30


def test_large_offset_keeps_its_digits():
    X = 1e6 + np.random.default_rng(5).standard_normal((1000, 1))
    assert abs(datasets.Standardizer.fit(X).scale[0] * X.std() - 1) < 1e-9


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
def test_standardizer_refuses_what_is_not_finite(bad):
    X = np.ones((4, 3))
    X[2, 1] = bad
    with pytest.raises(ValueError, match="column 1"):
        datasets.Standardizer.fit(X)


def test_standardizer_arguments():
    import scipy.sparse as sp

    fit = datasets.Standardizer.fit
    for X, error, message in [
        (np.zeros(3), ValueError, "two dimensions"),
        (np.zeros((0, 3)), ValueError, "at least one sample"),
        (np.array([["a"]]), TypeError, "real numbers"),
        (np.ones((1, 1), complex), TypeError, "real numbers"),
        (sp.csr_array(np.eye(2)), TypeError, "dense"),
    ]:
        with pytest.raises(error, match=message):
            fit(X)
    standardizer = fit(np.eye(3))
    with pytest.raises(ValueError, match="3 features"):
        standardizer(np.eye(2))
    with pytest.raises(ValueError, match="one value per feature"):
        datasets.Standardizer(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        datasets.Standardizer(np.zeros(2), np.array([1, np.nan]))
    with pytest.raises(ValueError, match="read-only"):
        standardizer.mean[0] = 1


def test_standardize_clips_on_request():
    X = np.zeros((400, 3))
    X[0, 0], X[:, 1], X[:200, 2] = 1, 5, 1
    far, _ = datasets.standardize(X, X)
    near, test = datasets.standardize(X, 100 * X, clip=4)
    assert far.max() > 19 and near.max() == 4 and np.abs(test).max() == 4
    np.testing.assert_array_equal(near[:, 1:], far[:, 1:])
    np.testing.assert_array_equal(near, np.clip(far, -4, 4))
    for wrong in (0, -1, np.inf):
        with pytest.raises(ValueError, match=r"Standardizer\.clip"):
            datasets.standardize(X, X, clip=wrong)
    with pytest.raises(ValueError, match="no clip"):
        datasets.Augmentation((1, 3), standardizer=datasets.Standardizer.fit(X, clip=4))
