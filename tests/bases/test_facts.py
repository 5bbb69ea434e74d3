"""The facts of one class: sizes, homes, forward arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import read_own

from rlinf_scaffold.bases.facts import Reader
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.spec import Base


def read(site: Path, name: str, **settings: object) -> Base:
    library = Library((site,))
    cls = library.find_class(name)
    assert isinstance(cls, Class)
    return Reader(library, name).read(cls, settings)


def test_forward_of_a_parent(site: Path) -> None:
    arguments = read(site, "PlainForCausalLM").forward_arguments
    assert arguments == ("input_ids", "attention_mask", "labels")


def test_own_forward(site: Path) -> None:
    arguments = read(site, "HybridV1LMHeadModel").forward_arguments
    assert arguments == ("input_ids", "past_key_values", "position_ids")


def test_alias_of_hidden_size(site: Path) -> None:
    assert read(site, "HybridV1LMHeadModel", n_embd=8).hidden_size == 8


@pytest.mark.parametrize(
    ("name", "module", "config_module"),
    [
        ("ToyForCausalLM", "transformers", "transformers"),
        ("HybridV1LMHeadModel", "transformers", "transformers"),
        (
            "PlainForCausalLM",
            "transformers.models.plain.modeling_plain",
            "transformers",
        ),
        ("SeqForCausalLM", "transformers.models.seq.modeling_seq", "transformers"),
    ],
)
def test_home_is_the_top_only_where_it_is_exported(
    site: Path, name: str, module: str, config_module: str
) -> None:
    base = read(site, name)
    assert (base.module, base.config_module) == (module, config_module)


@pytest.mark.parametrize("size", [0, -1, "64", None, True, 1.5])
def test_size_that_is_no_positive_integer(site: Path, size: object) -> None:
    words = "HybridV1Config gives no hidden_size that is a positive integer"
    with pytest.raises(UnsupportedBaseError, match=words):
        read(site, "HybridV1LMHeadModel", n_embd=size)


def test_no_layers(site: Path) -> None:
    with pytest.raises(UnsupportedBaseError, match="no layer class to wrap: _no_split"):
        read(site, "HollowForCausalLM")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Orphan", "no configuration class: neither config_class nor an annotated"),
        ("Stray", "its configuration class StrayConfig is not a transformers one"),
        ("Lost", "no configuration class"),
    ],
)
def test_no_configuration(site: Path, name: str, words: str) -> None:
    library = Library((site,))
    cls = library.find("own.model", name)
    assert isinstance(cls, Class)
    with pytest.raises(UnsupportedBaseError, match=words):
        Reader(library, name).read(cls, {})


def test_reading_that_runs_out(site: Path) -> None:
    library = Library((site,))
    cls = library.find("own.model", "Greedy")
    assert isinstance(cls, Class)
    with pytest.raises(UnsupportedBaseError, match="its __init__ cannot be followed"):
        Reader(library, "Greedy").read(cls, {})


def test_images_and_text(site: Path) -> None:
    assert read(site, "SeeForConditionalGeneration") == Base(
        class_name="SeeForConditionalGeneration",
        module="transformers",
        config_class="SeeConfig",
        config_module="transformers",
        model_type="see",
        hidden_size=64,
        vocab_size=320,
        tie_word_embeddings=False,
        layer_classes=("SeeBlock", "ToyLayer"),
        lora_targets=("down_proj", "qkv", "up_proj"),
        forward_arguments=("input_ids", "pixel_values", "past_key_values"),
        modality="vision",
        text_config="text_config",
        processor_class="SeeProcessor",
        vision_layer_classes=("SeeBlock",),
        mrope=True,
        keeps_offsets=True,
    )


SETTINGS: list[tuple[dict[str, object], tuple[int, bool]]] = [
    ({"model_type": "see"}, (64, False)),
    ({"text_config": {"hidden_size": 16}}, (16, False)),
    ({"text_config": {"model_type": "toy", "tie_word_embeddings": True}}, (64, True)),
    ({"model_type": "see", "hidden_size": 32, "vision_config": {}}, (32, False)),
    ({"model_type": "see2", "text_config": {"hidden_size": 8}}, (8, False)),
]


@pytest.mark.parametrize(("settings", "expected"), SETTINGS)
def test_settings_of_what_decodes(
    site: Path, settings: dict[str, object], expected: tuple[int, bool]
) -> None:
    base = read(site, "SeeForConditionalGeneration", **settings)
    assert (base.hidden_size, base.tie_word_embeddings) == expected
    assert base.vision_layer_classes == ("SeeBlock",)


def test_configuration_that_decodes_itself(site: Path) -> None:
    base = read(site, "SeeFlat", vocab_size=9)
    assert (base.text_config, base.hidden_size) == ("", 8)
    assert (base.layer_classes, base.vision_layer_classes) == (("SeeBlock",), ())


def test_configuration_further_below(old_site: Path) -> None:
    base = read(old_site, "SeeDeep")
    assert (base.text_config, base.hidden_size) == ("thinker_config.text_config", 64)
    assert base.vision_layer_classes == ("SeeBlock",)


def test_layers_that_share_weights_are_no_units(site: Path, tmp_path: Path) -> None:
    source = """
from torch import nn
from transformers.models.toy.configuration_toy import ToyConfig
from transformers.models.toy.modeling_toy import ToyForCausalLM

class MineConfig(ToyConfig):
    model_type = "zamba"

class ZambaAttentionDecoderLayer(nn.Module):
    pass

class ZambaMambaDecoderLayer(nn.Module):
    pass

class MineForCausalLM(ToyForCausalLM):
    config: MineConfig
    config_class = MineConfig
    _no_split_modules = ["ZambaAttentionDecoderLayer", "ZambaMambaDecoderLayer"]

    def __init__(self, config):
        super().__init__(config)
        kinds = (ZambaAttentionDecoderLayer, ZambaMambaDecoderLayer)
        self.layers = nn.ModuleList([kind() for kind in kinds])
"""
    base = read_own(site, tmp_path, source, "MineForCausalLM")
    assert base.layer_classes == ("ZambaMambaDecoderLayer",)


KINDS = """
import torch
from torch import nn
from transformers.generation import GenerationMixin
from transformers.models.toy.configuration_toy import ToyConfig
from transformers.models.toy.modeling_toy import ToyPreTrainedModel

class MineAttentionLayer(nn.Module):
    {attention}

class MineMambaLayer(nn.Module):
    {mamba}

class MineForCausalLM(ToyPreTrainedModel, GenerationMixin):
    _no_split_modules = ["MineAttentionLayer", "MineMambaLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([MineAttentionLayer(), MineMambaLayer()])
        self.lm_head = nn.Linear(1, 1)

    def _init_weights(self, module):
        {init}

    def forward(self, input_ids=None, past_key_values=None):
        {forward}
"""
BOTH = ("MineAttentionLayer", "MineMambaLayer")
PLAIN = dict.fromkeys(("attention", "mamba", "init", "forward"), "pass")
UNITS: list[tuple[str, str, tuple[str, ...]]] = [
    ("init", "pass", BOTH),
    ("init", "isinstance(module, MineMambaLayer)", BOTH),
    ("forward", "isinstance(input_ids, torch.Tensor)", BOTH),
    ("forward", "isinstance(input_ids)", BOTH),
    (
        "forward",
        "[isinstance(it, MineMambaLayer) for it in self.layers]",
        ("MineAttentionLayer",),
    ),
]


@pytest.mark.parametrize(("place", "line", "units"), UNITS)
def test_layers_that_forwards_tell_apart_are_no_units(
    site: Path, tmp_path: Path, place: str, line: str, units: tuple[str, ...]
) -> None:
    source = KINDS.format(**{**PLAIN, place: line})
    base = read_own(site, tmp_path, source, "MineForCausalLM")
    assert base.layer_classes == units


@pytest.mark.parametrize(
    ("line", "refused"),
    [("pass", False), ("self.keys = past_key_values.shared_layers", True)],
)
def test_layers_that_training_cannot_repeat(
    site: Path, tmp_path: Path, line: str, refused: bool
) -> None:
    source = KINDS.format(**{**PLAIN, "forward": line})
    own = "class MineConfig(ToyConfig):\n    model_type = 'gemma3n'\n\nclass MineForCausalLM("
    source = source.replace("class MineForCausalLM(", own).replace(
        "    _no_split",
        "    config: MineConfig\n    config_class = MineConfig\n    _no_split",
    )
    if not refused:
        base = read_own(site, tmp_path, source, "MineForCausalLM")
        assert base.model_type == "gemma3n"
        return
    with pytest.raises(UnsupportedBaseError, match="share keys and values"):
        read_own(site, tmp_path, source, "MineForCausalLM")


def test_configuration_that_no_table_lists(site: Path) -> None:
    assert not read(site, "ToyForCausalLM").unlisted_config
    assert read(site, "HybridV1LMHeadModel").unlisted_config


@pytest.mark.parametrize(
    ("name", "units"), [("audio_config", ()), ("ear_config", ("EarBlock",))]
)
def test_layers_that_hear_are_no_units(
    old_site: Path, tmp_path: Path, name: str, units: tuple[str, ...]
) -> None:
    source = f"""
from torch import nn
from transformers.models.see.configuration_see import SeeConfig, SeeVisionConfig
from transformers.models.see.modeling_see import (
    SeeForConditionalGeneration, SeePreTrainedModel,
)

class MineConfig(SeeConfig):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.{name} = SeeVisionConfig()

class EarBlock(nn.Module):
    pass

class Ear(SeePreTrainedModel):
    config: SeeVisionConfig

    def __init__(self, config):
        super().__init__(config)
        self.blocks = nn.ModuleList([EarBlock() for _ in range(config.depth)])

class Mine(SeeForConditionalGeneration):
    config: MineConfig

    def __init__(self, config):
        super().__init__(config)
        self.ear = Ear(config.{name})
"""
    base = read_own(old_site, tmp_path, source, "Mine")
    assert base.vision_layer_classes == (*units, "SeeBlock")
    assert base.layer_classes == (*units, "SeeBlock", "ToyLayer")
