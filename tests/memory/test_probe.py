from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from zoo import write_zoo

from rlinf_scaffold.memory import probe
from rlinf_scaffold.processes import run

LLAMA = {
    "module": "transformers",
    "class_name": "LlamaForCausalLM",
    "config_module": "transformers",
    "config_class": "LlamaConfig",
}
ZOO = {
    "module": "zoo",
    "class_name": "ZooForCausalLM",
    "config_module": "zoo",
    "config_class": "ZooConfig",
    "checkpoint": "",
}


def asked(folder: Path, **question: object) -> dict[str, object]:
    """Return what the probe prints as a program of its own."""
    write_zoo(folder)
    script = str(Path(probe.__file__))
    words = (sys.executable, script, json.dumps({**ZOO, **question}))
    env = {**os.environ, "PYTHONPATH": str(folder / "site")}
    finished = run(words, cwd=folder, env=env, timeout=60)
    assert finished.returncode == 0, finished.output
    answer: dict[str, object] = json.loads(finished.output)
    return answer


def wrapping(answer: dict[str, object], version: str) -> dict[str, list[object]]:
    wrappings = answer["wrappings"]
    assert isinstance(wrappings, dict)
    found: dict[str, list[object]] = wrappings[version]
    return found


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("ZooForCausalLM", []),
        ("ZooKeepingLM", ["ZooLayer"]),
        ("ZooSeeingLM", ["ZooBlock", "ZooLayer"]),
        ("ZooWordsLM", ["ZooLayer"]),
    ],
)
def test_null_are_the_classes_that_the_model_names(
    tmp_path: Path, class_name: str, expected: list[str]
) -> None:
    answer = asked(tmp_path, class_name=class_name, blocks=[], wrap={"fsdp": None})
    assert wrapping(answer, "fsdp")["layers"] == expected


@pytest.mark.parametrize(
    ("version", "layers", "units"),
    [
        ("fsdp", [], [""]),
        ("fsdp", ["ZooSpecialLayer"], ["", "body.layers.*"]),
        (
            "fsdp",
            ["ZooLayer", "ZooSpecialLayer"],
            ["", "body.layers.*", "body.layers.*"],
        ),
        # A class's name, and not what inherits from it, counts in FSDP 2.
        ("fsdp2", ["ZooLayer"], ["body.embed", "body.layers.*", ""]),
        ("fsdp2", [], ["body.embed", ""]),
    ],
)
def test_units_begin_at_classes(
    tmp_path: Path, version: str, layers: list[str], units: list[str]
) -> None:
    wrap = {version: layers}
    answer = asked(tmp_path, class_name="ZooOddLM", blocks=["ZooLayer"], wrap=wrap)
    found = wrapping(answer, version)
    assert found["missing"] == []
    assert [unit["name"] for unit in found["units"] if isinstance(unit, dict)] == units


def test_subclasses_are_units_of_fsdp(tmp_path: Path) -> None:
    wrap = {"fsdp": ["ZooLayer"]}
    answer = asked(tmp_path, class_name="ZooOddLM", blocks=["ZooLayer"], wrap=wrap)
    found = [it for it in wrapping(answer, "fsdp")["units"] if isinstance(it, dict)]
    counts = {it["kind"]: it["count"] for it in found}
    assert counts == {"ZooOddLM": 1, "ZooLayer": 3, "ZooSpecialLayer": 1}


def test_classes_that_are_not_there_are_named(tmp_path: Path) -> None:
    wrap = {"fsdp": ["ZooLayer", "ZooLyer"]}
    answer = asked(tmp_path, blocks=[], wrap=wrap)
    assert wrapping(answer, "fsdp")["missing"] == ["ZooLyer"]


def test_a_folder_says_its_sizes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 5}')
    wrap = {"fsdp": ["ZooLayer"]}
    answer = asked(tmp_path, checkpoint=str(tmp_path), blocks=[], wrap=wrap)
    counts = [
        it["count"] for it in wrapping(answer, "fsdp")["units"] if isinstance(it, dict)
    ]
    assert counts == [1, 5]


# With torch

BASES = {
    "LlamaForCausalLM": (6_738_415_616, "LlamaConfig"),
    "GPT2LMHeadModel": (124_439_808, "GPT2Config"),
    "GemmaForCausalLM": (8_537_680_896, "GemmaConfig"),
    "MixtralForCausalLM": (46_702_792_704, "MixtralConfig"),
}


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("class_name", "elements", "config_class"),
    [(name, *expected) for name, expected in BASES.items()],
)
def test_counts_what_is_known(
    class_name: str, elements: int, config_class: str
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    names = {**LLAMA, "class_name": class_name, "config_class": config_class}
    model = probe.build({**names, "checkpoint": ""})
    layers = [*model._no_split_modules]
    for version in ("fsdp", "fsdp2"):
        units = probe.wrapping(model, version, layers)["units"]
        assert isinstance(units, list)
        counted = sum(
            unit["count"] * it["count"] * _product(it["shape"])
            for unit in units
            for it in unit["parameters"]
            if not it["is_tied"]
        )
        assert counted == elements


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
