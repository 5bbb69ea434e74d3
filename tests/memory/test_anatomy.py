from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from trees import LLAMA
from units import matrix, unit, wrapping
from zoo import write_zoo

from rlinf_scaffold.errors import LaunchError, UnsupportedBaseError
from rlinf_scaffold.memory.anatomy import Anatomy, ask, read_answer
from rlinf_scaffold.memory.units import Parameter

ZOO = replace(
    LLAMA,
    class_name="ZooForCausalLM",
    module="zoo",
    config_class="ZooConfig",
    config_module="zoo",
    layer_classes=("ZooLayer",),
)
ROOT = unit(
    "",
    matrix("body.embed", 10, 8),
    matrix("lm_head", 10, 8),
    kind="ZooForCausalLM",
)
LAYER = unit(
    "body.layers.*",
    matrix("q_proj", 8, 8),
    Parameter(name="q_proj.bias", shape=(8,)),
    matrix("down_proj", 8, 16),
    kind="ZooLayer",
    count=3,
)
EMBEDDING = unit(
    "body.embed", Parameter(name="weight", shape=(10, 8)), kind="Embedding"
)
HEAD = unit("", matrix("lm_head", 10, 8), kind="ZooForCausalLM")


def test_a_base_is_taken_apart(tmp_path: Path) -> None:
    layers = ("ZooLayer",)
    found = ask(write_zoo(tmp_path), ZOO, {"fsdp": layers, "fsdp2": layers})
    assert found == Anatomy(
        blocks=(LAYER,),
        experts=0,
        wrappings=(
            wrapping(ROOT, LAYER, layers=layers),
            wrapping(EMBEDDING, LAYER, HEAD, version="fsdp2", layers=layers),
        ),
    )


def test_a_folder_says_its_sizes(tmp_path: Path) -> None:
    settings = {"vocab_size": 20, "tie_word_embeddings": True, "num_experts_per_tok": 2}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    base = replace(ZOO, checkpoint=str(tmp_path))
    found = ask(write_zoo(tmp_path), base, {"fsdp2": ()})
    assert found.experts == 2
    [whole] = found.wrappings[0].units
    assert whole.elements == 20 * 8 + 3 * LAYER.elements
    assert [it.name for it in whole.parameters if it.is_tied] == ["lm_head.weight"]


@pytest.mark.parametrize(
    ("class_name", "reason"),
    [
        ("ZooBrokenLM", "ValueError: no weights to look at: neither these nor those"),
        ("ZooQuietLM", "no reason is given"),
    ],
)
def test_what_cannot_be_built_says_why(
    tmp_path: Path, class_name: str, reason: str
) -> None:
    base = replace(ZOO, class_name=class_name)
    with pytest.raises(UnsupportedBaseError) as caught:
        ask(write_zoo(tmp_path), base, {"fsdp": ("ZooLayer",)})
    said = f"'{class_name}' cannot be scaffolded: it cannot be built without weights: "
    hint = "; its defaults may lack a size: try a folder with config.json"
    assert str(caught.value) == f"base {said}{reason}{hint}"


def test_what_a_folder_says_has_no_defaults_to_blame(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    base = replace(ZOO, class_name="ZooBrokenLM", checkpoint=str(tmp_path))
    with pytest.raises(UnsupportedBaseError, match=r"neither these nor those$"):
        ask(write_zoo(tmp_path), base, {"fsdp": ("ZooLayer",)})


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    base = replace(ZOO, class_name="ZooEndlessLM")
    with pytest.raises(UnsupportedBaseError, match=r"not built .* within 1 s;"):
        ask(write_zoo(tmp_path), base, {"fsdp": None}, timeout=0.6)


def test_an_interpreter_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaunchError):
        ask(tmp_path / "python", ZOO, {"fsdp": None})


def test_an_answer_is_read_without_any_interpreter() -> None:
    answer = {"experts": 4, "blocks": [], "wrappings": {}}
    found = read_answer(json.dumps(answer))
    assert found == Anatomy(blocks=(), experts=4, wrappings=())
