"""The short version of each script of bench/reliability, and that they try every policy."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "bench" / "reliability"
sys.path.insert(0, str(SCRIPTS))
import common  # noqa: E402
import merge  # noqa: E402
import tables  # noqa: E402


@pytest.mark.parametrize("script", tables.NAMES)
def test_short_version(script, tmp_path):
    result = tmp_path / "result.json"
    command = [sys.executable, str(SCRIPTS / f"{script}.py"), "--quick", "--json", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(result.read_text())
    assert found["ok"] and found["quick"] and found["failures"] == []
    assert getattr(tables, script)(found).startswith("## ")


def test_every_policy_is_tried():
    assert {type(policy) for policy in common.policies().values()} == common.policy_classes()


def test_pieces_add_up():
    piece = {
        "what": "soak", "ok": True, "seed": 1, "commit": "x", "runs": 3, "seconds": 2.5, "rss_growth_bytes": 5, "failures": [], "cpus": 2,
        "worst_relative_error": {"float64": 1e-9, "float32": 1e-5}, "limits": {"float64": 1e-7}, "covered": {"SET": 3}, "memory": [1],
        "rows": [{"layer": "omp"}], "layers": ["omp"],
        "files": {"cases": 10, "per_child": 500, "peak_growth_bytes": 7, "outcomes": {"a": 1}},
    }  # fmt: skip
    other = {**piece, "seed": 2, "ok": False, "failures": ["no"], "covered": {"SET": 2, "FSA": 1}, "layers": ["tbb"]}
    other["worst_relative_error"] = {"float64": 1e-10, "float32": 1e-4}
    total = merge.merged([piece, other])
    assert not total["ok"] and total["failures"] == ["no"] and total["commit"] == "x" and [p["seed"] for p in total["pieces"]] == [1, 2]
    assert (total["runs"], total["seconds"], total["rss_growth_bytes"], total["cpus"]) == (6, 5.0, 5, 2)
    assert total["covered"] == {"FSA": 1, "SET": 5} and total["worst_relative_error"] == {"float64": 1e-9, "float32": 1e-4}
    assert total["files"] == {"cases": 20, "per_child": 500, "peak_growth_bytes": 7, "outcomes": {"a": 2}}
    assert len(total["rows"]) == 2 and total["layers"] == ["omp", "tbb"] and total["limits"] == {"float64": 1e-7} and "memory" not in total
    with pytest.raises(ValueError, match="agree on cpus"):
        merge.merged([piece, {**other, "cpus": 4}])
