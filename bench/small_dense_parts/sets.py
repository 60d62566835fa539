"""The data sets of the comparison, each as training and test arrays with inputs of about unit scale.

Images come from `sparsemlp.datasets`. PCMAC and RELATHE (word counts of newsgroups) are files of the scikit-feature collection,
PCMAC.mat and RELATHE.mat in the folder tables/ of $SPARSEMLP_DATA; a set whose file is missing is left out. The others come with
scikit-learn or with another package on PyPI (mnist1d, river), or are made by scikit-learn's generators. The docstrings are those of
installed packages: they change with their versions.
"""

import functools
import os
import pathlib
from dataclasses import dataclass

import numpy as np

import sparsemlp as sm

HELD_OUT = 10_000  # training images that choices are made on


@dataclass(frozen=True, eq=False)
class Split:
    """A data set as it is trained on.

    Attributes
    ----------
    X, y, X_test, y_test : arrays
    image_shape : tuple or None
    flip : bool
        Whether a mirrored image keeps its label.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple | None = None
    flip: bool = False

    @property
    def n_classes(self):
        return len(np.unique(self.y))


@functools.lru_cache(maxsize=2)
def load(name, seed=0, rows=None, held_out=False, scaling="pixel"):
    """The `Split` of a set; `rows` takes so many training rows, `held_out` tests on training rows that no run trains on."""
    if name in IMAGES:
        return _images(name, rows, held_out, scaling)
    X, y = TABLES[name]() if name in TABLES else _matlab(name)
    if name == "madelon":
        X, y, X_test, y_test = X, y, *_madelon_validation()
        return Split(*_standardised(X, X_test, y, y_test))
    from sklearn.model_selection import train_test_split

    y = np.unique(y, return_inverse=True)[1]
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
    if name in TEXTS:
        return Split(*_scaled_counts(X[train], X[test], y[train], y[test]))
    return Split(*_standardised(X[train], X[test], y[train], y[test]), image_shape=(8, 8) if name == "digits" else None)


# ---- images

IMAGES = {
    "fashion-mnist": ((28, 28), True),
    "mnist": ((28, 28), False),
    "cifar10": ((3, 32, 32), True),
}


def _images(name, rows, held_out, scaling):
    X, y, X_test, y_test = sm.datasets.load(name)
    order = np.random.default_rng(12345).permutation(len(X))
    if held_out:
        X_test, y_test = X[order[-HELD_OUT:]], y[order[-HELD_OUT:]]
        order = order[:-HELD_OUT]
    X, y = X[order[:rows]], y[order[:rows]]
    if scaling == "pixel":
        X, X_test = sm.datasets.standardize(X, X_test)
    elif scaling == "clip":
        X, X_test = sm.datasets.standardize(X, X_test, clip=4)
    else:
        mean, deviation = X.mean(), X.std()
        X, X_test = ((part.astype(np.float32) - np.float32(mean)) / np.float32(deviation) for part in (X, X_test))
    return Split(X, y, X_test, y_test, *IMAGES[name])


# ---- tables and text


def _standardised(X, X_test, y, y_test):
    X, X_test = sm.datasets.standardize(np.asarray(X, np.float64), np.asarray(X_test, np.float64))
    return X, y, X_test, y_test


def _scaled_counts(X, X_test, y, y_test):
    """log(1 + count) over the column's root mean square, at most 20: 0 stays 0; then one factor that makes the mean square 1."""
    X, X_test = np.log1p(X), np.log1p(X_test)
    rms = np.sqrt((X**2).mean(axis=0))
    rms[rms == 0] = 1
    X, X_test = np.minimum(X / rms, 20), np.minimum(X_test / rms, 20)
    factor = np.sqrt((X**2).mean())
    return np.float32(X / factor), y, np.float32(X_test / factor), y_test


def _matlab(name):
    import scipy.io

    path = pathlib.Path(os.environ.get("SPARSEMLP_DATA", "data")) / "tables" / f"{name}.mat"
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}, a file of the scikit-feature collection.")
    found = scipy.io.loadmat(path)
    X = found["X"]
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, np.float64), found["Y"].ravel()


def _madelon():
    X, y, _, _ = sm.datasets.load("madelon")
    return X, y


def _madelon_validation():
    _, _, X, y = sm.datasets.load("madelon")
    return X, y


def _of_sklearn(name):
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


def _hastie():
    from sklearn.datasets import make_hastie_10_2

    return make_hastie_10_2(12_000, random_state=0)


def _groups():
    """Ten informative and 40 redundant inputs among 300, four classes."""
    from sklearn.datasets import make_classification

    return make_classification(4000, 300, n_informative=10, n_redundant=40, n_classes=4, n_clusters_per_class=2, random_state=0)


def _mnist1d():
    import contextlib
    import io

    from mnist1d.data import get_dataset_args, make_dataset

    with contextlib.redirect_stdout(io.StringIO()):
        data = make_dataset(get_dataset_args())
    return np.concatenate([data["x"], data["x_test"]]), np.concatenate([data["y"], data["y_test"]])


def _segments():
    from river.datasets import ImageSegments

    rows = list(ImageSegments())
    names = sorted(rows[0][0])
    return np.array([[x[k] for k in names] for x, _ in rows], float), np.array([y for _, y in rows])


def _docstrings():
    """Docstrings of functions and classes of five packages, as word counts; the label is the package."""
    import ast
    import importlib.util

    from sklearn.feature_extraction.text import CountVectorizer

    texts, labels = [], []
    for package in ("numpy", "scipy", "sklearn", "pandas", "matplotlib"):
        root = pathlib.Path(importlib.util.find_spec(package).origin).parent
        found = set()
        for path in sorted(root.rglob("*.py")):
            if "tests" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    text = (ast.get_docstring(node) or "").split("\n\n")[0]
                    if 40 <= len(text) <= 400 and not any(
                        name in text.lower() for name in ("numpy", "scipy", "sklearn", "scikit", "pandas", "matplotlib")
                    ):
                        found.add(text)
        found = sorted(found)
        keep = np.random.default_rng(0).permutation(len(found))[:800]
        texts += [found[k] for k in keep]
        labels += [package] * len(keep)
    return CountVectorizer(min_df=3).fit_transform(texts).toarray().astype(float), np.array(labels)


TABLES = {
    "madelon": _madelon,
    "digits": functools.partial(_of_sklearn, "digits"),
    "breast cancer": functools.partial(_of_sklearn, "breast_cancer"),
    "wine": functools.partial(_of_sklearn, "wine"),
    "hastie": _hastie,
    "groups": _groups,
    "mnist1d": _mnist1d,
    "segments": _segments,
    "docstrings": _docstrings,
}
TEXTS = ("PCMAC", "RELATHE", "docstrings")
