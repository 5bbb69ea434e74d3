from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest

from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.wiring import Check, flat_module, package

PATH = PurePosixPath("rlinf/config.py")
NODE = ast.parse("\n@cache\ndef get_model(cfg):\n    pass\n").body[0]
CHECKS = {
    "nothing in its place": (Check("a", PATH, None, False), "a in rlinf/config.py"),
    "something in its place": (
        Check("a", PATH, NODE, False),
        "a (rlinf/config.py:3 has `def get_model(cfg):`)",
    ),
    "there": (Check("a", PATH, NODE, True), "a at rlinf/config.py:3"),
    "there, at no line": (Check("a", PATH, None, True), "a in rlinf/config.py"),
}


@pytest.mark.parametrize(("check", "text"), CHECKS.values(), ids=CHECKS)
def test_a_check_says_where(check: Check, text: str) -> None:
    assert str(check) == text


HAND_EDITS = {
    "nothing in its place": (
        Check("a", PATH, None, False),
        "write a in rlinf/config.py",
    ),
    "something in its place": (
        Check("a", PATH, NODE, False),
        "write a in place of rlinf/config.py:3",
    ),
    "something else to do": (Check("a", PATH, NODE, False, "drop b"), "drop b"),
}


@pytest.mark.parametrize(("check", "text"), HAND_EDITS.values(), ids=HAND_EDITS)
def test_a_check_says_what_to_do(check: Check, text: str) -> None:
    assert check.hand_edit == text


def test_modules_of_a_model_are_one_file_or_a_package() -> None:
    spec = ModelSpec(name="foo")
    folder = "rlinf/models/embodiment"
    assert {template: str(path) for template, path in flat_module(spec).items()} == {
        "model/tokens_action_model.py.j2": f"{folder}/foo_action_model.py"
    }
    assert {template: str(path) for template, path in package(spec).items()} == {
        "model/package.py.j2": f"{folder}/foo/__init__.py",
        "model/tokens_action_model.py.j2": f"{folder}/foo/foo_action_model.py",
    }
