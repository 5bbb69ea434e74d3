"""What LoRA adapts: PEFT's table where it lists something that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlinf_scaffold.bases.adapters import lora_fact
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.provenance import Fact, Places

TABLE = """
OTHER = {"toy": ["wrong"]}
TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING = {
    "toy": ["q_proj", "v_proj"],
    "half": ["q_proj", "gone"],
    "old": ["gone"],
    "pattern": r".*text.*\\.q_proj",
    **OTHER,
}
"""
LINEAR = ("k_proj", "q_proj", "v_proj")
CONSTANTS = "peft/utils/constants.py"


@pytest.mark.parametrize(
    ("types", "value", "source"),
    [
        (("toy",), ("q_proj", "v_proj"), f"PEFT's mapping for toy, {CONSTANTS}:4"),
        (("vl", "toy"), ("q_proj", "v_proj"), f"PEFT's mapping for toy, {CONSTANTS}:4"),
        (
            ("half",),
            ("q_proj",),
            f"PEFT's mapping for half, {CONSTANTS}:5; gone of it is not there",
        ),
        (
            ("pattern",),
            r".*text.*\.q_proj",
            f"PEFT's mapping for pattern, {CONSTANTS}:7 (a pattern)",
        ),
        (("old",), LINEAR, "linear layers found; PEFT's mapping lists no layer of it"),
        (("new",), LINEAR, "linear layers found; PEFT's mapping lists no layer of it"),
    ],
)
def test_targets(
    tmp_path: Path, types: tuple[str, ...], value: object, source: str
) -> None:
    path = tmp_path / CONSTANTS
    path.parent.mkdir(parents=True)
    path.write_text(TABLE)
    fact = lora_fact(Library((tmp_path,)), Places((tmp_path,)), types, LINEAR)
    assert (fact.name, fact.value, fact.source) == ("lora_targets", value, source)


@pytest.mark.parametrize("text", [None, "", "MAPPING = make()"])
def test_without_a_table(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "peft/utils").mkdir(parents=True)
        (tmp_path / CONSTANTS).write_text(text)
    fact = lora_fact(Library((tmp_path,)), Places((tmp_path,)), ("toy",), LINEAR)
    why = (
        "no PEFT is installed"
        if text is None
        else "PEFT's mapping lists no layer of it"
    )
    assert fact == Fact("lora_targets", LINEAR, f"linear layers found; {why}")
