"""Every kind of class that is no base, and what its refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlinf_scaffold.bases import find_base
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.refusals import causal_names
from rlinf_scaffold.errors import UnsupportedBaseError

REFUSED = [
    ("ToyConfig", "it is not a model: PreTrainedModel is not among its ancestors"),
    ("ToyMLP", "it is not a model: PreTrainedModel is not among its ancestors"),
    ("ToyPreTrainedModel", "it is abstract; did you mean ToyForCausalLM?"),
    ("ToyModel", "it has no language head; did you mean ToyForCausalLM?"),
    (
        "ToyForSequenceClassification",
        "its head classifies and generates no tokens; did you mean ToyForCausalLM?",
    ),
    ("EncForMaskedLM", "it is an encoder and generates no tokens"),
    (
        "EncLMHeadModel",
        "it is an encoder unless its configuration says is_decoder: true; give a "
        "folder whose config.json does",
    ),
    (
        "SeqForConditionalGeneration",
        "it is an encoder-decoder; did you mean SeqForCausalLM?",
    ),
    (
        "LookForConditionalGeneration",
        "vision-language bases are not supported yet: choose a text model; did you "
        "mean LookForCausalLM?",
    ),
]


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_refused(site: Path, name: str, reason: str) -> None:
    with pytest.raises(UnsupportedBaseError) as caught:
        find_base(name, [site])
    assert str(caught.value) == f"base {name!r} cannot be scaffolded: {reason}"


@pytest.mark.parametrize("name", ["SeqForCausalLM", "LookForCausalLM"])
def test_not_refused_for_its_siblings(site: Path, name: str) -> None:
    assert find_base(name, [site]).layer_classes == ("ToyLayer",)


def test_a_head_may_go_by_the_mapping_alone(site: Path) -> None:
    assert find_base("OddGenerator", [site]).class_name == "OddGenerator"


def test_no_mapping_means_no_names(tmp_path: Path) -> None:
    assert causal_names(Library((tmp_path,))) == {}
