"""The pages in docs/: every example runs as written, every link leads somewhere, every method has a line."""

import doctest
import pathlib
import re

import pytest

import sparsemlp as sm

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.filterwarnings("ignore::sparsemlp.ConnectivityWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples(page):
    sm.set_num_threads(1)
    try:
        found = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS, encoding="utf-8")
    finally:
        sm.set_num_threads(None)
    assert found.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["architecture.md", "kernels.md", "make_architecture.py"])
def test_files_that_are_named_exist(page):
    there = {p.name for top in ("sparsemlp", "bench", "tests", "docs") for p in (ROOT / top).rglob("*.py")}
    named = set(re.findall(r"\w+\.py\b", (ROOT / "docs" / page).read_text(encoding="utf-8").replace("\\n", " ")))
    assert named and not named - there


def test_every_method_is_in_the_guide():
    text = (ROOT / "docs" / "choosing_a_method.md").read_text(encoding="utf-8")
    offered = {n: getattr(sm, n) for n in sm.policies.__all__ + sm.procedures.__all__ if hasattr(sm, n)}
    methods = [n for n, c in offered.items() if isinstance(c, type) and n not in ("Policy", "LayerView", "Progress")]
    assert [n for n in methods if f"sm.{n}(" not in text] == []
