"""Where no transformers is installed: the shipped bases, by any of their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoints_at import checkpoint

from rlinf_scaffold.bases import read
from rlinf_scaffold.bases.shipped import shipped_bases
from rlinf_scaffold.bases.stand_ins import shipped_base
from rlinf_scaffold.errors import UnknownBaseError


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("LlamaForCausalLM", "LlamaForCausalLM"),
        ("llama", "LlamaForCausalLM"),
        ("qwen3_vl", "Qwen3VLForConditionalGeneration"),
    ],
)
def test_by_class_and_by_model_type(name: str, class_name: str) -> None:
    assert shipped_base(name) == shipped_bases()[class_name]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("lama", "llama"), ("LamaForCausalLM", "LlamaForCausalLM")],
)
def test_near_names(name: str, suggestion: str) -> None:
    with pytest.raises(
        UnknownBaseError, match=f"is installed.*did you mean {suggestion}"
    ):
        shipped_base(name)


def test_a_folder_whose_type_is_not_shipped(tmp_path: Path) -> None:
    words = r"looked in model_type 'lama' in its config.json; did you mean llama"
    with pytest.raises(UnknownBaseError, match=words):
        read(checkpoint(tmp_path, {"model_type": "lama"}), [])


def test_nothing_was_built(tmp_path: Path) -> None:
    found = read(checkpoint(tmp_path, {"model_type": "llama", "hidden_size": 64}), [])
    assert (found.named, found.built, found.base.hidden_size) == (None, None, 64)
