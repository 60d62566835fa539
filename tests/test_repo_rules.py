"""Rules of the repository that a reader would otherwise have to check by eye."""

import ast
import inspect
import os
import pathlib
import re
import subprocess
import sys
from dataclasses import is_dataclass

import pytest

import sparsemlp

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "sparsemlp"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {p: ast.parse(p.read_text(encoding="utf-8")) for p in SOURCES}


ALLOWED_AT_THE_TOP = {
    *(".ci", ".github", ".gitignore", "bench", "data", "docs", "sparsemlp", "tests"),
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml"),
}


def name(path):
    return str(path.relative_to(ROOT))


def imports(tree):
    """Modules that a file imports by their full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_numba_compiles_in_kernels_only(path):
    """Elsewhere numba may be asked for its threads or its version, inside a function or by what no import of sparsemlp loads."""
    found = {m.split(".")[0] for m in imports(TREES[path])}
    assert path.parent.name == "kernels" or "llvmlite" not in found
    assert path.parent.name == "kernels" or not re.search(r"\bn?jit\b|\bintrinsic\b", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_file_length(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_global_randomness_no_hash_no_assert(path):
    modern = {"Generator", "SeedSequence", "Philox", "PCG64", "default_rng"}
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
            assert node.attr in modern, f"line {node.lineno}: np.random.{node.attr} is not of one seed"
    for node in ast.walk(TREES[path]):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert is gone under -O; raise"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "hash", f"line {node.lineno}: hash() differs between processes"
            may_print = "commands" in path.parts
            assert node.func.id != "print" or may_print, f"line {node.lineno}: only commands print"


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("naive*.py")), ids=name)
def test_naive_twins_import_nothing_of_ours(path):
    assert set(imports(ast.parse(path.read_text(encoding="utf-8")))) <= {"numpy", "math"}


def test_every_kernel_has_a_naive_twin():
    twins = set()
    for path in (ROOT / "tests").glob("naive*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        twins |= {n.name for n in body if isinstance(n, ast.FunctionDef)}
        twins |= {
            n.targets[0].id for n in body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
        }  # one twin under two names
    twins |= {"update_all", "update_part"} if "update" in twins else set()
    twins |= {"dense_forward_epilogue", "dropout_inputs"} if "forward" in twins else set()  # tested by whole dense runs
    twins |= {"dense_backward_epilogue"} if "backward" in twins else set()
    missing = []
    for path in (PACKAGE / "kernels").glob("*.py"):
        for node in TREES[path].body:
            public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if (
                public
                and any(ast.unparse(d) in ("kernel", "single") for d in node.decorator_list)
                and node.name.removesuffix("_serial") not in twins
            ):
                missing.append(f"{path.stem}.{node.name}")
    assert not missing


def documented(node):
    """The names in the docstring's section Parameters; None without one."""
    lines = (ast.get_docstring(node) or "").splitlines()
    starts = [i for i, line in enumerate(lines[:-1]) if line == "Parameters" and set(lines[i + 1]) == {"-"}]
    if not starts:
        return None
    found = []
    for line, below in zip(lines[starts[0] + 2 :], [*lines[starts[0] + 3 :], ""], strict=True):
        if below and set(below) == {"-"}:
            break
        if line and not line[0].isspace():
            found += [n.strip().lstrip("*") for n in line.split(" : ")[0].split("  ")[0].split(",")]
    return set(found)


def parameters(node):
    """What a function, or the construction of a class, takes."""
    if isinstance(node, ast.ClassDef):
        init = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        offered = getattr(sparsemlp, node.name, None)
        if not init and offered and not is_dataclass(offered):  # inherited
            return set(inspect.signature(offered).parameters)
        if not init:
            return {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and "ClassVar" not in ast.unparse(n.annotation)}
        node = init[0]
    a = node.args
    return {p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if p} - {"self", "cls"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_docstrings_name_the_parameters_there_are(path):
    """All of them for the functions and classes that `sparsemlp` offers; elsewhere those that need a word."""
    public = set(dir(sparsemlp)) | set(sparsemlp.datasets.__all__)
    for outer in ast.walk(TREES[path]):
        for node in outer.body if isinstance(outer, (ast.Module, ast.ClassDef)) else []:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or documented(node) is None:
                continue
            where = f"{node.name}, line {node.lineno}"
            assert documented(node) <= parameters(node), where
            if isinstance(outer, ast.Module) and node.name in public:
                assert documented(node) == parameters(node), where


def test_every_public_name_has_a_docstring():
    offered = {n: getattr(sparsemlp, n) for n in dir(sparsemlp) if not n.startswith("_")}
    assert not [n for n, value in offered.items() if not inspect.getdoc(value)]


def test_importing_is_fast_and_compiles_nothing(tmp_path):
    code = (
        "import sys, time; t = time.process_time(); import sparsemlp; t = time.process_time() - t; "
        "heavy = 'sparsemlp.kernels.', 'llvmlite', 'matplotlib', 'tqdm', 'pooch', 'sklearn'; "
        "loaded = [m for m in sys.modules if m.startswith(heavy) and m != 'sparsemlp.kernels.codes']; "
        "print(t, loaded)"
    )
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(sparsemlp.__file__).parents[1])}
    times = []
    while len(times) < 3:  # CPU seconds: other programs may hold the CPUs for a while
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        seconds, loaded = done.stdout.split(maxsplit=1)
        assert loaded.strip() == "[]"
        times.append(float(seconds))
    assert min(times) < 1.0


def test_the_top_folder_holds_what_is_listed():
    """Of tracked files: a checkout may have caches and environments too. An output path that went wrong once left a file `--help` there."""
    try:
        done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git checkout")
    assert {line.split("/")[0] for line in done.stdout.splitlines()} == ALLOWED_AT_THE_TOP


def test_there_is_one_version():
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in settings["project"]["dynamic"] and "version" not in settings["project"]
    assert f"version: {sparsemlp.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{sparsemlp.__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (PACKAGE / "py.typed").exists() and "py.typed" in settings["tool"]["setuptools"]["package-data"]["sparsemlp"]
