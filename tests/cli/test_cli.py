from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from terminal import Ended, rlinf_scaffold
from trees import TREES, on_disk

from rlinf_scaffold import __version__
from rlinf_scaffold.git import commit_all
from rlinf_scaffold.smoke.interpreter import PACKAGES


def test_version() -> None:
    assert rlinf_scaffold("--version") == Ended(0, f"{__version__}\n", "")


def test_help_names_every_command_in_full() -> None:
    ended = rlinf_scaffold("--help")
    assert ended.code == 0
    assert "..." not in ended.out.replace("[ARGS]...", "")
    for command in (
        *("new-model", "check", "smoke", "inspect", "undo", "golden", "demo"),
    ):
        assert f"\n  {command} " in ended.out
        assert rlinf_scaffold(command, "-h").code == 0


def test_without_a_command_it_says_which_there_are() -> None:
    ended = rlinf_scaffold()
    assert ended.code == 2
    assert (ended.out + ended.err).startswith("Usage: rlinf-scaffold")


# All of it, with torch


# Every layout and head, and a base that sees: none of these knows of the others.
PROVED = {
    **dict.fromkeys(TREES, ("--base", "LlamaForCausalLM")),
    "enum_chain": ("--base", "LlamaForCausalLM", "--head", "regression"),
    "enum_imports": ("--base", "LlamaForCausalLM", "--head", "flow"),
    "registry": ("--base", "LlavaForConditionalGeneration", "--state", "token"),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("layout", "answers"), PROVED.items())
def test_a_new_model_is_proved_from_end_to_end(
    layout: str, answers: tuple[str, ...], tmp_path: Path
) -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    root = tmp_path / "rl"
    checkout = on_disk(layout, root)
    assert commit_all(checkout.root, "Start")
    words = ("--name", "foo", *answers, "--python", sys.executable)
    ended = rlinf_scaffold("new-model", *words, "--checkout", root, "--format", "json")
    told = (ended.out[-4000:], ended.err[-4000:])  # the end is what tells
    assert ended.code == 0, told
    smoke = ended.json["smoke"]
    counts = Counter(proof["outcome"] for proof in smoke["proofs"])
    assert counts["passed"] >= 130
    assert counts["skipped"] <= 5
    assert {*counts} == {"passed", "skipped"}
    assert rlinf_scaffold("check", "--checkout", root).code == 0
