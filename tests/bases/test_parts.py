"""What a model is made of, as the facts of a class tell it."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import read_own

from rlinf_scaffold.bases.facts import Reader
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.spec import Base


def facts_of(site: Path, name: str, **settings: object) -> Base:
    library = Library((site,))
    cls = library.find_class(name)
    assert isinstance(cls, Class)
    return Reader(library, name).read(cls, settings)


def test_only_built_layer_classes_are_kept(site: Path) -> None:
    layers = facts_of(site, "HybridV1LMHeadModel").layer_classes
    assert layers == ("HybridAttentionLayer", "HybridStateLayer")


def test_layer_classes_follow_the_number_of_layers(site: Path) -> None:
    layers = facts_of(site, "HybridV1LMHeadModel", num_hidden_layers=1).layer_classes
    assert layers == ("HybridAttentionLayer",)


def test_repeated_class_stands_in_for_missing_declaration(site: Path) -> None:
    assert facts_of(site, "PlainForCausalLM").layer_classes == ("PlainBlock",)


def test_repeated_class_may_be_of_another_count(site: Path) -> None:
    base = facts_of(site, "PlainForCausalLM", num_hidden_layers=0, blocks=3)
    assert base.layer_classes == ("OtherBlock",)


def test_every_attention_that_may_be_chosen_is_a_target(site: Path) -> None:
    targets = facts_of(site, "HybridV1LMHeadModel").lora_targets
    expected = "c_attn c_flash down_proj gate in_proj q_proj up_proj"
    assert targets == tuple(expected.split())


def test_linear_subclass_is_a_target_where_nothing_else_is(site: Path) -> None:
    assert facts_of(site, "PlainForCausalLM").lora_targets == ("dense",)


SEES_WITH = """
import timm
from torch import nn
from transformers.models.auto import AutoModel
from transformers.models.see.modeling_see import (
    SeeForConditionalGeneration, SeePreTrainedModel, SeeVisionConfig
)

class Eye(SeePreTrainedModel):
    config: SeeVisionConfig

    def __init__(self, config):
        super().__init__(config)
        self.inner = {inner}

class Mine(SeeForConditionalGeneration):
    def __init__(self, config):
        super(SeeForConditionalGeneration, self).__init__(config)
        self.visual = Eye(config.vision_config)
        self.language_model = AutoModel.from_config(config=config.text_config)
        self.lm_head = nn.Linear(1, 1)
"""


@pytest.mark.parametrize(
    ("inner", "units"),
    [
        ("None", ()),
        ("nn.Conv2d(3, 8, 1)", ()),
        ("timm.create_model(config.name)", ("Eye",)),
    ],
)
def test_a_tower_of_another_library_is_one_unit(
    site: Path, tmp_path: Path, inner: str, units: tuple[str, ...]
) -> None:
    base = read_own(site, tmp_path, SEES_WITH.format(inner=inner), "Mine")
    assert base.vision_layer_classes == units
    assert base.layer_classes == (*units, "ToyLayer")
