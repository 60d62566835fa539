"""Rules of the repository that a reader would otherwise have to check by eye."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "sparsemlp"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {p: ast.parse(p.read_text(encoding="utf-8")) for p in SOURCES}


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
def test_numba_is_decorating_in_kernels_only(path):
    top = [n for n in TREES[path].body if isinstance(n, (ast.Import, ast.ImportFrom))]
    found = {m.split(".")[0] for n in top for m in imports(ast.Module([n], []))}
    assert path.parent.name == "kernels" or "llvmlite" not in found
    assert path.parent.name == "kernels" or "njit" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_file_length(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_global_randomness_no_hash_no_assert(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"np\.random\.(rand|randn|randint|seed|shuffle|permutation|choice)\b", text)
    for node in ast.walk(TREES[path]):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert is gone under -O; raise"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "hash", f"line {node.lineno}: hash() differs between processes"
            may_print = {"commands", "experiments"} & set(path.parts)
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
            if public and any("KERNEL" in ast.unparse(d) for d in node.decorator_list) and node.name.removesuffix("_serial") not in twins:
                missing.append(f"{path.stem}.{node.name}")
    assert not missing


def test_importing_is_fast_and_compiles_nothing():
    code = (
        "import sys, time; t = time.process_time(); import sparsemlp; t = time.process_time() - t; "
        "assert 'sparsemlp.kernels.simd' not in sys.modules, 'kernels are imported'; print(t)"
    )
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    assert min(times) < 1.0
