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


def test_pieces_of_a_soak_add_up(tmp_path):
    import soak

    piece = {
        "seed": 1, "commit": "x", "runs": 3, "steps": 10, "epochs": 4, "changes": 2, "soaked_seconds": 2.5, "rss_growth_bytes": 5,
        "exploded_as_the_reference": 0, "chaotic_but_right_step_by_step": 1, "failures": [], "quick": False, "ok": True, "cpus": 2,
        "worst_relative_error": {"float64": 1e-9, "float32": 1e-5, "replayed": 0.0}, "limits": soak.LIMIT, "side_limits": soak.SIDE,
        "largest_relu_side": {"float64": 0.0, "float32": 1e-7}, "covered": {"SET": 3}, "memory": [],
    }  # fmt: skip
    paths = []
    for k in (1, 2):
        paths.append(tmp_path / f"{k}.json")
        paths[-1].write_text(json.dumps({**piece, "seed": k, "failures": ["no"] * (k - 1), "covered": {"SET": k, "FSA": 1}}))
    total = soak.merge(paths)
    assert (total["runs"], total["steps"], total["soaked_seconds"], total["rss_growth_bytes"]) == (6, 20, 5.0, 5)
    assert total["covered"] == {"FSA": 2, "SET": 3} and total["failures"] == ["no"]
    assert total["worst_relative_error"]["float64"] == 1e-9 and [p["seed"] for p in total["pieces"]] == [1, 2]
