"""What the tests of `bench/papers/` share: constants replaced wherever they are used, and a command line run in a folder."""

import importlib
import pathlib

import sparsemlp as sm
from bench.papers.shared import runs

PAPERS = pathlib.Path(__file__).parents[1] / "bench" / "papers"


def modules(paper):
    """All modules of one paper's experiment."""
    return [importlib.import_module(f"bench.papers.{paper}.{path.stem}") for path in sorted((PAPERS / paper).glob("*.py"))]


def replace(monkeypatch, paper, **values):
    """Set constants in every module of an experiment that has them."""
    for name, value in values.items():
        found = [module for module in modules(paper) if name in vars(module)]
        assert found, name
        for module in found:
            monkeypatch.setattr(module, name, value)


def sweep(paper, folder, *arguments):
    """Run an experiment's command line with one thread; all runs that are then in the folder, by name.

    A second report must write every page and figure again byte for byte.
    """
    main = importlib.import_module(f"bench.papers.{paper}.__main__").main
    main(["--out", str(folder), "--threads", "1", *arguments])
    sm.set_num_threads(None)
    pages = {path: path.read_bytes() for path in folder.iterdir() if path.suffix in (".md", ".png")}
    if "--report" not in arguments:
        main(["--out", str(folder), "--report"])
    assert all(path.read_bytes() == text for path, text in pages.items())
    return runs.load_runs(folder)
