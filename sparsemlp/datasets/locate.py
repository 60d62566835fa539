"""Where the files of a data set lie: given folder, environment, checkout, the user's cache; and the download into that cache.

pooch is imported here and only when the earlier places do not have the files.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DatasetError

VARIABLE = "SPARSEMLP_DATA"


@dataclass(frozen=True)
class Layout:
    """One form in which a data set lies on disk: these files, all in one folder.

    Parameters
    ----------
    files : tuple of str
        Names, in the order in which `read` wants the paths; the name with ``.gz`` added or taken away is as good.
    read : callable(list of pathlib.Path) -> (X, y, X_test, y_test)
    folder : str
        The sub-folder in which the files may also lie, named by the archive they are published in.
    """

    files: tuple[str, ...]
    read: Callable
    folder: str = "."


@dataclass(frozen=True)
class Remote:
    """A file that can be downloaded.

    Parameters
    ----------
    file : str
        Its name in the cache.
    url : str
    md5 : str or None
        As published. Without one, `check` must be given.
    check : callable(pathlib.Path) or None
        Raises DatasetError unless the file has the right structure.
    """

    file: str
    url: str
    md5: str | None = None
    check: Callable | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set in files.

    Parameters
    ----------
    name : str
        Also the name of its folder.
    layouts : tuple of Layout
        Tried in this order.
    remotes : tuple of Remote
        Together the files of one of the layouts.
    own_names : bool
        Whether its file names belong to it alone; otherwise only a folder named after the data set says whose they are.
    """

    name: str
    layouts: tuple[Layout, ...]
    remotes: tuple[Remote, ...]
    own_names: bool = True


def find(dataset: Dataset, data_dir: Any = None, download: bool = True) -> Any:
    """Find the files of a data set, or download them.

    Parameters
    ----------
    dataset : Dataset
    data_dir : str or path, optional
        Looked at first. Then the folder that $SPARSEMLP_DATA names, the checkout's data/, and the user's cache
        (``pooch.os_cache("sparsemlp")``). In each: the sub-folder named after the data set, then the folder itself.
    download : bool
        Whether to download into the cache what no place has.

    Returns
    -------
    layout : Layout
    paths : list of pathlib.Path

    Raises
    ------
    DatasetError
        Nowhere to be found, and not downloaded; the message lists the places and says which files to put there.
    """
    tried = []
    for label, place in _places(data_dir):
        for home in _homes(dataset, place):
            found = _complete(dataset, home)
            if found:
                return found
            tried.append(f"  {label}: {home} {_what_is_wrong(dataset, home)}")
        if place not in _homes(dataset, place) and _complete(dataset, place):
            tried.append(f"  {label}: {place} (has files of these names, but only a folder named {dataset.name} says that they are its)")
    cache = place  # the last of the places
    reason = "download=False"
    if download:
        try:
            fetch(dataset, cache)
            return _complete(dataset, cache / dataset.name)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is pooch's ValueError
            reason = f"the download failed: {type(error).__name__}: {error}"
    files = "\n".join(f"  {remote.file}  ({remote.url})" for remote in dataset.remotes)
    raise DatasetError(
        f"The data set {dataset.name} is in none of these places, and {reason}\n" + "\n".join(tried) + f"\nPut these files into a folder "
        f"named {dataset.name} inside a folder that you name by data_dir (--data-dir) or by the environment variable {VARIABLE}:\n{files}"
    )


def fetch(dataset: Dataset, cache: Any) -> Any:
    """Download the missing files of a data set into ``cache/<name>``.

    A file is downloaded into a temporary folder, verified there (published MD5, otherwise structure) and then renamed: under its own
    name there is either nothing or the whole file, whatever interrupts the download. Files that are there already are kept.

    Parameters
    ----------
    dataset : Dataset
    cache : pathlib.Path

    Raises
    ------
    OSError, ValueError
        No network, a server's refusal, no space or permission; wrong checksum or structure.
    """
    import pooch

    home = cache / dataset.name
    home.mkdir(parents=True, exist_ok=True)
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr is not None and sys.stderr.isatty(), timeout=30)
    for remote in dataset.remotes:
        if (home / remote.file).is_file():
            continue
        with tempfile.TemporaryDirectory(prefix=".download-", dir=home) as staging:
            known = None if remote.md5 is None else f"md5:{remote.md5}"
            whole = Path(pooch.retrieve(remote.url, known_hash=known, fname=remote.file, path=staging, downloader=downloader))
            if remote.check is not None:
                remote.check(whole)
            os.replace(whole, home / remote.file)


def checkout_data() -> Any:
    """Return the data/ folder of the checkout that this package is imported from, or None if it was installed."""
    root = Path(__file__).resolve().parents[2]
    ours = (root / "data" / "README.md").is_file() and (root / "pyproject.toml").is_file()
    return root / "data" if ours else None


def _places(data_dir: Any) -> Any:
    """Yield (what to call it, folder) in the order of search; the user's cache comes last."""
    if data_dir is not None:
        yield "data_dir", Path(data_dir)
    if os.environ.get(VARIABLE):
        yield f"${VARIABLE}", Path(os.environ[VARIABLE])
    if checkout_data() is not None:
        yield "checkout", checkout_data()
    import pooch

    yield "cache", Path(pooch.os_cache("sparsemlp"))


def _homes(dataset: Dataset, place: Any) -> Any:
    """The folders of a place that may hold the data set."""
    itself = place.resolve().name == dataset.name or dataset.own_names
    return (place / dataset.name, place) if itself else (place / dataset.name,)


def _complete(dataset: Dataset, home: Any) -> Any:
    """Return (layout, paths) if all files of one layout lie in `home`, else None."""
    for layout in dataset.layouts:
        for folder in dict.fromkeys((home / layout.folder, home)):
            paths = [_existing(folder, name) for name in layout.files]
            if all(paths):
                return layout, paths
    return None


def _existing(folder: Any, name: str) -> Any:
    """Return the path of a file under its name, or gzipped, or decompressed; None if there is none."""
    other = name.removesuffix(".gz") if name.endswith(".gz") else name + ".gz"
    return next((folder / n for n in (name, other) if (folder / n).is_file()), None)


def _what_is_wrong(dataset: Dataset, home: Any) -> Any:
    """Say why `home` does not do, for the error message."""
    if not home.is_dir():
        return "(no such folder)"
    for layout in dataset.layouts:
        for folder in dict.fromkeys((home / layout.folder, home)):
            missing = [name for name in layout.files if not _existing(folder, name)]
            if len(missing) < len(layout.files):
                return f"(incomplete: lacks {', '.join(missing)})"
    return "(has none of the files)"
