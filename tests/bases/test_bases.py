"""find_base: names, modules, folders, and the words of every refusal."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from checkpoints_at import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.bases import find_base, read, read_base
from rlinf_scaffold.bases.shipped import shipped_bases
from rlinf_scaffold.errors import ScaffoldError, UnknownBaseError, UnsupportedBaseError
from rlinf_scaffold.spec import Base

TOY = Base(
    class_name="ToyForCausalLM",
    module="transformers",
    config_class="ToyConfig",
    config_module="transformers",
    model_type="toy",
    hidden_size=64,
    vocab_size=320,
    tie_word_embeddings=False,
    layer_classes=("ToyLayer",),
    lora_targets=("down_proj", "qkv", "up_proj"),
    forward_arguments=("input_ids", "attention_mask", "labels"),
)


def folder(root: Path, config: object) -> str:
    text = config if isinstance(config, str) else json.dumps(config)
    (root / "config.json").write_text(text, encoding="utf-8")
    return str(root)


def test_class_name_gives_every_fact(site: Path) -> None:
    assert find_base("ToyForCausalLM", [site]) == TOY


@pytest.mark.parametrize(
    ("model_type", "class_name"),
    [
        ("toy", "ToyForCausalLM"),
        ("hybrid_v1", "HybridV1LMHeadModel"),
        ("see", "SeeForConditionalGeneration"),
    ],
)
def test_model_type_means_the_class_of_the_auto_tables(
    site: Path, model_type: str, class_name: str
) -> None:
    assert read_base(model_type, [site]) == read_base(class_name, [site])


def test_first_entry_that_has_transformers_wins(site: Path, tmp_path: Path) -> None:
    assert find_base("ToyForCausalLM", [tmp_path / "absent", tmp_path, site]) == TOY


@pytest.mark.parametrize(
    "module",
    [
        "transformers",
        "transformers.models.toy",
        "transformers.models.toy.modeling_toy",
    ],
)
def test_module_of_transformers_is_named_by_its_short_name(
    site: Path, module: str
) -> None:
    assert find_base(f"{module}:ToyForCausalLM", [site]) == TOY


def test_class_of_another_package(site: Path) -> None:
    assert find_base("own.model:OwnModel", [site]) == Base(
        class_name="OwnModel",
        module="own.model",
        config_class="OwnConfig",
        config_module="own.model",
        model_type="own",
        hidden_size=8,
        vocab_size=16,
        tie_word_embeddings=False,
        layer_classes=("OwnBlock",),
        lora_targets=("proj",),
        forward_arguments=(),
    )


def test_class_of_another_package_inherits_from_transformers(site: Path) -> None:
    expected = replace(TOY, class_name="ToyChild", module="own.model")
    assert find_base("own.model:ToyChild", [site]) == expected


def test_folder_overrides_defaults(site: Path, tmp_path: Path) -> None:
    config = {
        "architectures": ["ToyForCausalLM"],
        "hidden_size": 16,
        "vocab_size": 99,
        "tie_word_embeddings": True,
        "unheard_of": 1,
        "no identifier": 2,
    }
    given_folder = folder(tmp_path, config)
    assert find_base(given_folder, [site]) == replace(
        TOY,
        hidden_size=16,
        vocab_size=99,
        tie_word_embeddings=True,
        checkpoint=given_folder,
    )


def test_folder_without_architecture_goes_by_model_type(
    site: Path, tmp_path: Path
) -> None:
    given_folder = folder(tmp_path, {"model_type": "hybrid_v1", "n_embd": 24})
    base = find_base(given_folder, [site])
    assert (base.class_name, base.hidden_size) == ("HybridV1LMHeadModel", 24)


def test_folder_with_a_nested_text_config(site: Path, tmp_path: Path) -> None:
    config = {
        "architectures": ["ToyForCausalLM"],
        "model_type": "toy_vl",
        "hidden_size": 1,
        "text_config": {"hidden_size": 32},
    }
    assert find_base(folder(tmp_path, config), [site]).hidden_size == 32


@pytest.mark.parametrize("said", [{}, {"is_decoder": False}, {"is_decoder": True}])
def test_an_encoder_is_made_to_decode(
    site: Path, tmp_path: Path, said: dict[str, object]
) -> None:
    config = {"architectures": ["EncLMHeadModel"], **said}
    found = find_base(folder(tmp_path, config), [site])
    assert (found.class_name, found.decoder_switch) == ("EncLMHeadModel", True)


def test_most_bases_have_no_switch(site: Path) -> None:
    found = find_base("ToyForCausalLM", [site])
    assert (found.decoder_switch, found.renames_weights) == (False, False)
    assert not {"decoder_switch", "renames_weights"} & found.facts().keys()


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("", False),
        ('NAMES = {"other": 1}', False),
        ('NAMES = {"toy": 1}', False),
        ('NAMES = {"ToyForCausalLM": 1}', True),
    ],
)
def test_names_of_weights(
    old_site: Path, tmp_path: Path, text: str, renamed: bool
) -> None:
    site = Path(shutil.copytree(old_site, tmp_path / "site"))
    (site / "transformers" / "conversion_mapping.py").write_text(text)
    assert find_base("ToyForCausalLM", [site]).renames_weights is renamed


def test_settings_decide_what_is_built(site: Path, tmp_path: Path) -> None:
    config = {"architectures": ["HybridV1LMHeadModel"], "q_lora_rank": 4}
    targets = find_base(folder(tmp_path, config), [site]).lora_targets
    assert "q_a_proj" in targets
    assert "q_proj" not in targets


@pytest.mark.parametrize("layers", [10**9, 10**30])
def test_folder_cannot_make_the_reader_run_away(
    site: Path, tmp_path: Path, layers: int
) -> None:
    config = {"architectures": ["ToyForCausalLM"], "num_hidden_layers": layers}
    assert find_base(folder(tmp_path, config), [site]).layer_classes == ("ToyLayer",)


UNKNOWN = [
    ("Toy", "; did you mean ToyForCausalLM?"),
    ("TOYFORCAUSALLM", "; did you mean ToyForCausalLM"),
    ("ToyForCausal", "; did you mean ToyForCausalLM"),
    ("hybrid_v2", "; did you mean hybrid_v1?"),
    ("tpy", "; did you mean toy"),
    ("Qqqqqqqqqq", "transformers$"),
    ("some/model", "the folder some/model, which is not there"),
    ("", "a class of transformers, a model type, package.module:Class, a folder with"),
    ("no.such:Thing", "the search path, which has no module no.such"),
    (":", "give a dotted module and a class, package.module:Class"),
    ("own.model:OwnMode", "own.model; did you mean own.model:OwnModel"),
    ("own.model:nn", "looked in own.model"),
]


@pytest.mark.parametrize(("name", "words"), UNKNOWN)
def test_unknown_base(site: Path, name: str, words: str) -> None:
    with pytest.raises(UnknownBaseError, match=words):
        find_base(name, [site])


def test_unknown_model_type(site: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownBaseError, match="looked in model_type 'nope' in its"):
        find_base(folder(tmp_path, {"model_type": "nope"}), [site])


@given(name=st.text(max_size=30).filter(lambda text: "\0" not in text))
def test_any_text_is_answered_or_refused(old_site: Path, name: str) -> None:
    with pytest.raises(ScaffoldError):
        find_base(f"x {name}", [old_site])


def test_no_transformers_asks_the_shipped_catalogue(tmp_path: Path) -> None:
    base = find_base("LlamaForCausalLM", [tmp_path])
    assert base == shipped_bases()["LlamaForCausalLM"]
    assert base.layer_classes == ("LlamaDecoderLayer",)


def test_no_transformers_and_not_shipped(tmp_path: Path) -> None:
    words = r"catalogue \(no transformers is installed\); did you mean LlamaForCausalLM"
    with pytest.raises(UnknownBaseError, match=words):
        find_base("LlamaModel", [tmp_path])


@pytest.mark.parametrize(
    ("config", "sizes"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, (768, 50257, True)),
        ({"model_type": "gpt2", "n_embd": 32}, (32, 50257, True)),
        (
            {"model_type": "gpt2", "text_config": {"hidden_size": 8, "vocab_size": 9}},
            (8, 9, True),
        ),
        ({"model_type": "gpt2", "tie_word_embeddings": False}, (768, 50257, False)),
    ],
)
def test_no_transformers_and_a_folder(
    tmp_path: Path, config: object, sizes: tuple[int, int, bool]
) -> None:
    given_folder = folder(tmp_path, config)
    base = find_base(given_folder, [])
    found = (base.hidden_size, base.vocab_size, base.tie_word_embeddings)
    assert (*found, base.checkpoint) == (*sizes, given_folder)


@pytest.mark.parametrize("size", ["8", 0, True, None])
def test_no_transformers_and_no_size(tmp_path: Path, size: object) -> None:
    given_folder = folder(tmp_path, {"model_type": "gpt2", "n_embd": size})
    with pytest.raises(UnsupportedBaseError, match="no n_embd that is a positive int"):
        find_base(given_folder, [])


CONTRADICTS = [
    ({"n_head": 5}, "", {}),
    ({"num_attention_heads": 16, "head_dim": 5}, "", {}),
    ({"num_attention_heads": None, "num_hidden_layers": None}, "", {}),
    (
        {"num_attention_heads": 5},
        "hidden_size 768 is no multiple of num_attention_",
        {},
    ),
    ({"num_attention_heads": 0}, "num_attention_heads 0, which is no positive int", {}),
    ({"num_hidden_layers": "2"}, "num_hidden_layers '2', which is no positive int", {}),
    (
        {"architectures": ["LlamaForCausalLM"]},
        "model_type 'gpt2' is that of GPT2LMH",
        {},
    ),
    (
        {},
        "wte.weight has the shape (9, 768), and config.json says vocab_size 50257",
        {"wte.weight": [9, 768], "h.0.w": [1]},
    ),
    (
        {"num_hidden_layers": 2},
        "the weights have 1 layers (h.*), and config.json",
        {"h.0.w": [1]},
    ),
    ({}, "", {"h.0.w": [1]}),
    ({}, "its weights hold no layers, but 'wpe'", {"wpe": [1]}),
    ({"quantization_config": {"quant_method": "awq"}}, "are quantized (quant", {}),
]


@pytest.mark.parametrize(("config", "words", "tensors"), CONTRADICTS)
def test_no_transformers_and_a_folder_that_contradicts_itself(
    tmp_path: Path,
    config: dict[str, object],
    words: str,
    tensors: dict[str, list[int]],
) -> None:
    whole = {"model_type": "gpt2", "hidden_size": 768, **config}
    given_folder = checkpoint(tmp_path, whole, tensors or None)
    if not words:
        assert find_base(given_folder, []).class_name == "GPT2LMHeadModel"
        return
    with pytest.raises(UnsupportedBaseError) as caught:
        find_base(given_folder, [])
    assert words in str(caught.value)


def test_no_transformers_and_a_text_model_in_the_folder_of_a_larger_one(
    tmp_path: Path,
) -> None:
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "llava",
        "text_config": {"hidden_size": 8},
    }
    assert find_base(folder(tmp_path, config), []).hidden_size == 8


def test_no_transformers_and_findings(tmp_path: Path) -> None:
    found = read(checkpoint(tmp_path, {"model_type": "gpt2"}), [])
    assert found.findings == ("it has no weights: config.json alone was read",)
    found = read(checkpoint(tmp_path, {"model_type": "gpt2"}, {"h.0.w": [1]}), [])
    assert found.weights is not None
    assert (found.weights.parameters, found.findings) == (1, ())


def test_no_transformers_and_pickles(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(UnsupportedBaseError, match="import GPT2LMHeadModel as M;"):
        find_base(checkpoint(tmp_path, {"model_type": "gpt2"}), [])


def test_quantized_weights_are_read_and_no_base(site: Path, tmp_path: Path) -> None:
    config = {"architectures": ["ToyForCausalLM"], "quantization_config": {"bits": 4}}
    given_folder = folder(tmp_path, config)
    assert read(given_folder, [site]).base.class_name == "ToyForCausalLM"
    with pytest.raises(UnsupportedBaseError, match="its weights are quantized"):
        find_base(given_folder, [site])


def test_no_transformers_and_a_folder_of_several_models(tmp_path: Path) -> None:
    given_folder = folder(
        tmp_path, {"architectures": ["LlavaForConditionalGeneration"]}
    )
    words = "its layers depend on its parts, and no transformers is installed to read"
    with pytest.raises(UnsupportedBaseError, match=words):
        read_base(given_folder, [])


def test_folder_of_a_model_that_sees_goes_by_model_type(
    site: Path, tmp_path: Path
) -> None:
    base = read_base(folder(tmp_path, {"model_type": "see"}), [site])
    assert (base.class_name, base.modality) == ("SeeForConditionalGeneration", "vision")
