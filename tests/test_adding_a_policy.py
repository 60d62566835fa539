"""The page on adding a policy: its code runs, and does what the text says."""

import inspect
import pathlib
import re

import pytest

import sparsemlp as sm
from sparsemlp import policies

from . import test_policy_contract as contract

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "adding_a_policy.md"


@pytest.fixture
def rewire(monkeypatch):
    """The page's policy and its row, as if both were where they belong."""
    policy, row = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    names = {"__name__": "adding_a_policy"}
    exec(policy, names)
    cls = names["Rewire"]
    monkeypatch.setattr(sm, "Rewire", cls, raising=False)
    monkeypatch.setattr(policies, "Rewire", cls, raising=False)
    monkeypatch.setattr(contract, "TABLE", dict(contract.TABLE))
    exec(row, {**vars(contract), "Rewire": cls})
    return policy


def test_the_page_on_policies(rewire, tmp_path):
    body = rewire[rewire.index("@dataclass") :].strip().splitlines()
    assert len([line for line in body if line.strip()]) <= 20
    for shape in contract.LAYERS:
        contract.test_plans_and_what_they_leave("Rewire", shape)
    contract.test_states_that_are_not_the_policys_are_refused("Rewire", (12, 10, 0.4, "masked"))
    contract.test_settings_are_frozen_and_comparable("Rewire")
    contract.test_every_policy_has_a_row()
    for kind in ("sparse", "dense"):
        contract.test_checkpoint_and_resume_in_the_middle_gives_the_same_bits("Rewire", kind, tmp_path)
    assert sum(contract.whole_run("Rewire", "sparse").history["grown"][1]) > 0


def test_what_the_page_names_exists():
    text = PAGE.read_text(encoding="utf-8")
    for name in re.findall(r"`view\.(\w+)", text):
        assert name in policies.LayerView.__dataclass_fields__ or hasattr(policies.LayerView, name), name
    for name in ("at_start", "on_step", "between_epochs", "needs_at", "may_return", "check_state"):
        assert f"`{name}" in text and hasattr(policies.Policy, name)
    assert "dense_above" in inspect.signature(sm.Trainer).parameters
