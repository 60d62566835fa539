"""The data sets: a small one inside the package, the others from files that are looked up, verified and, if need be, downloaded.

>>> from sparsemlp import datasets
>>> X, y, X_test, y_test = datasets.load("digits")
>>> X.shape, X.dtype, X_test.shape
((1437, 64), dtype('uint8'), (360, 64))
>>> datasets.names()
('digits', 'fashion-mnist', 'mnist', 'cifar10', 'madelon')
"""

from __future__ import annotations

from functools import partial
from os import PathLike
from typing import Any

import numpy as np

from .. import checks
from . import cifar10, idx, locate, madelon
from .augmentation import Augmentation
from .digits import load_digits
from .locate import Dataset, Layout, Remote
from .resize import area_average
from .standardize import Standardizer, standardize

__all__ = ["Augmentation", "Standardizer", "area_average", "load", "names", "standardize"]

IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def _mnist_like(name: str, url: str, md5: tuple[str, ...]) -> Any:
    """An MNIST-like data set: 60,000 + 10,000 images of 28 × 28 in four files below `url`, with their published MD5."""
    return Dataset(
        name,
        layouts=(Layout(IDX_FILES, partial(idx.load_idx, n_train=60_000, n_test=10_000)),),
        remotes=tuple(Remote(file, url + file, digest) for file, digest in zip(IDX_FILES, md5, strict=True)),
        own_names=False,  # MNIST and Fashion-MNIST differ in nothing but their folder
    )


FASHION_MNIST = _mnist_like(
    "fashion-mnist",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
)
MNIST = _mnist_like(
    "mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
)
CIFAR10 = Dataset(
    "cifar10",
    layouts=(
        Layout(cifar10.FILES, cifar10.load_folder, folder="cifar-10-batches-bin"),
        Layout(("cifar-10-binary.tar.gz",), cifar10.load_archive),
    ),
    remotes=(
        Remote(
            "cifar-10-binary.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "c32a1d4ab5d03f1284b67883e8d87530",
        ),
    ),
)
UCI_MADELON = "https://archive.ics.uci.edu/ml/machine-learning-databases/madelon/"
MADELON = Dataset(
    "madelon",
    layouts=(Layout(madelon.FILES, madelon.load_text),),
    remotes=tuple(
        # the validation labels came later and lie one folder up; we know of no published checksum, so each file is checked by structure
        Remote(
            file,
            UCI_MADELON + ("" if file == "madelon_valid.labels" else "MADELON/") + file,
            check=partial(madelon.read_table, shape=shape),
        )
        for file, shape in zip(madelon.FILES, madelon.SHAPES, strict=True)
    ),
)
FROM_FILES = {dataset.name: dataset for dataset in (FASHION_MNIST, MNIST, CIFAR10, MADELON)}


def names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return "digits", *FROM_FILES


def load(name: str, data_dir: str | PathLike | None = None, download: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Load a data set as it is stored: no scaling, no shuffling.

    ============== ============ ============ ============ =======================================
    name           training     test         features     values
    ============== ============ ============ ============ =======================================
    digits         1,437        360          64 (8 × 8)   uint8, 0 to 16; in the package
    fashion-mnist  60,000       10,000       784 (28 × 28) uint8
    mnist          60,000       10,000       784 (28 × 28) uint8
    cifar10        50,000       10,000       3072         uint8; 1024 red, green, blue values each
    madelon        2,000        600          500          int16; test is the validation part
    ============== ============ ============ ============ =======================================

    Parameters
    ----------
    name : str
        One of `names()`.
    data_dir : str or path, optional
        Where to look first: a folder with one sub-folder per data set (``fashion-mnist/``, ``mnist/``, ``cifar10/``, ``madelon/``), or
        the folder with the files themselves, which for the first two must bear the data set's name. Then come the folder named by the
        environment variable SPARSEMLP_DATA, the checkout's ``data/`` and the user's cache. The digits are in the package, so nothing is
        looked up for them.
    download : bool
        Whether to download into the user's cache what none of these places has.

    Returns
    -------
    X : uint8 or int16 [n_samples, n_features], C order
        One flat row per sample.
    y : int64[n_samples]
        Class indices from 0; madelon: -1 and +1.
    X_test : like X
    y_test : like y

    Raises
    ------
    ValueError
        No data set of that name.
    DatasetError
        The files are nowhere and cannot be downloaded: the message lists the places searched and the files needed. Or a file is cut
        off, damaged, or another file than its name says: the message names it; no other place is tried instead.

    Notes
    -----
    Local files are verified by their structure: magic number, dimensions, length, gzip checksum, label range, number of labels. That
    does not tell MNIST from Fashion-MNIST. Downloads are verified by the MD5 published with the data set, except madelon's: we know of
    no published one, so they are verified by structure (see data/README.md). Memory: the returned arrays and
    at most one file of CIFAR-10 (31 MB) or the text of madelon beside them; a file never makes it more.
    """
    checks.choice("name", name, names())
    if name == "digits":
        return load_digits()
    layout, paths = locate.find(FROM_FILES[name], data_dir, download)
    return layout.read(paths)
