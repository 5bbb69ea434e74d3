"""What is known of text families by name."""

from __future__ import annotations

import pytest

from rlinf_scaffold.bases.shipped import shipped_bases
from rlinf_scaffold.spec import Base
from rlinf_scaffold.tiny import FILE, imposed_settings, text_rules, tiny_settings


def base(model_type: str, **others: bool) -> Base:
    return Base(
        class_name="ToyForCausalLM",
        module="transformers",
        config_class="ToyConfig",
        config_module="transformers",
        model_type=model_type,
        hidden_size=8,
        vocab_size=8,
        tie_word_embeddings=False,
        layer_classes=("ToyLayer",),
        lora_targets=(),
        forward_arguments=("input_ids", "past_key_values"),
        decoder_switch=others.get("decoder_switch", False),
    )


def test_most_families_need_nothing() -> None:
    assert tiny_settings(base("llama")) == {}


def test_a_switch_is_a_setting() -> None:
    assert tiny_settings(base("bert", decoder_switch=True)) == {"is_decoder": True}


def test_settings_go_by_the_model_type() -> None:
    assert tiny_settings(base("xmod")) == {"default_language": "en_XX"}


def test_what_is_imposed_is_a_setting_too() -> None:
    imposed = imposed_settings(base("rwkv"))
    assert imposed == {"rescale_every": 0}
    assert tiny_settings(base("rwkv")) == imposed


def test_a_switch_adds_to_settings() -> None:
    settings = tiny_settings(base("xmod", decoder_switch=True))
    assert settings == {"is_decoder": True, "default_language": "en_XX"}


def test_the_file_holds_nothing_else() -> None:
    rules = text_rules()
    assert not rules.settings.keys() & rules.refusals.keys(), FILE
    assert all(rules.settings.values())
    assert all(
        reason and not reason.endswith(".") for reason in rules.refusals.values()
    )


@pytest.mark.parametrize("model_type", text_rules().settings)
def test_settings_are_of_shipped_families(model_type: str) -> None:
    shipped = {found.model_type for found in shipped_bases().values()}
    assert model_type in shipped


@pytest.mark.parametrize("name", text_rules().refusals)
def test_what_is_refused_is_not_shipped(name: str) -> None:
    assert name not in {found.model_type for found in shipped_bases().values()}
