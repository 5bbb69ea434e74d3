"""What a checkpoint says twice: fine where it agrees, refused or told where not."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoints_at import checkpoint, safetensors

from rlinf_scaffold.bases import read
from rlinf_scaffold.errors import UnsupportedBaseError

TOY = {"architectures": ["ToyForCausalLM"], "model_type": "toy"}
SHAPES = {
    "model.embed_tokens.weight": [320, 64],
    "model.layers.0.up.weight": [4, 4],
    "model.layers.1.up.weight": [4, 4],
    "lm_head.weight": [320, 64],
}

AGREES: list[dict[str, object]] = [
    {},
    {"hidden_size": 100, "num_attention_heads": 7},  # the class knows no such setting
    {"pad_token_id": 319},
    {"pad_token_id": None},
    {"layer_types": ["full", "full"]},
    {"num_experts": 4, "num_experts_per_tok": 4},
    {"model_type": "unheard_of"},
]


@pytest.mark.parametrize("config", AGREES)
def test_nothing_contradicts(
    site: Path, tmp_path: Path, config: dict[str, object]
) -> None:
    folder = checkpoint(tmp_path, {**TOY, **config})
    assert read(folder, [site]).base.class_name == "ToyForCausalLM"


CONTRADICTS: list[tuple[dict[str, object], str]] = [
    ({"pad_token_id": 320}, "itself: pad_token_id 320 is none of vocab_size 320"),
    (
        {"layer_types": ["full"]},
        "layer_types has 1 entries for num_hidden_layers 2",
    ),
    (
        {"num_experts": 4, "num_experts_per_tok": 8},
        "num_experts_per_tok 8 is more than num_experts 4",
    ),
    (
        {"model_type": "see"},
        "its model_type 'see' is that of SeeConfig, and its architecture ToyForCausalLM "
        "is built on ToyConfig ('toy')",
    ),
]


@pytest.mark.parametrize(("config", "words"), CONTRADICTS)
def test_config_contradicts(
    site: Path, tmp_path: Path, config: dict[str, object], words: str
) -> None:
    folder = checkpoint(tmp_path, {**TOY, **config})
    with pytest.raises(UnsupportedBaseError) as caught:
        read(folder, [site])
    assert f"config.json contradicts itself: {words}" in str(caught.value) or (
        f"config.json contradicts {words}" in str(caught.value)
    )


HEADS = """
from transformers import PretrainedConfig, ToyForCausalLM

class HeadsConfig(PretrainedConfig):
    model_type = "heads"

    def __init__(self, hidden_size=64, num_attention_heads=8, num_key_value_heads=4,
                 head_dim=None, num_heads=8, num_hidden_layers=2, vocab_size=9, **kwargs):
        self.hidden_size = hidden_size
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads
        self.num_hidden_layers = num_hidden_layers
        self.vocab_size = vocab_size
        self.head_dim = head_dim or hidden_size // num_attention_heads
        super().__init__(**kwargs)

class HeadsForCausalLM(ToyForCausalLM):
    config_class = HeadsConfig
"""


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ""),
        ({"num_attention_heads": 4}, ""),
        ({"num_attention_heads": 12, "head_dim": 16}, ""),
        (
            {"num_attention_heads": 12},
            "contradicts itself: hidden_size 64 is no multiple of num_attention_heads 12",
        ),
        (
            {"num_key_value_heads": 3},
            "num_attention_heads 8 is no multiple of num_key_value_heads 3",
        ),
    ],
)
def test_heads_divide_what_they_share(
    old_site: Path, tmp_path: Path, config: dict[str, object], words: str
) -> None:
    (tmp_path / "modeling_heads.py").write_text(HEADS)
    auto_map = {"AutoModelForCausalLM": "modeling_heads.HeadsForCausalLM"}
    folder = checkpoint(tmp_path, {"auto_map": auto_map, **config})
    if not words:
        assert (
            read(folder, [old_site], trust=True).base.class_name == "HeadsForCausalLM"
        )
        return
    with pytest.raises(UnsupportedBaseError) as caught:
        read(folder, [old_site], trust=True)
    assert words in str(caught.value)


def test_sizes_below_are_looked_at_too(site: Path, tmp_path: Path) -> None:
    config = {"model_type": "see", "text_config": {"pad_token_id": 10**9}}
    words = "contradicts itself in text_config: pad_token_id"
    with pytest.raises(UnsupportedBaseError, match=words):
        read(checkpoint(tmp_path, config), [site])


def test_a_model_type_whose_table_names_the_class(site: Path, tmp_path: Path) -> None:
    config = {"architectures": ["OddTranscriber"], "model_type": "hear"}
    assert (
        read(checkpoint(tmp_path, config), [site]).base.class_name == "OddTranscriber"
    )


def test_a_text_model_in_the_folder_of_a_larger_one(site: Path, tmp_path: Path) -> None:
    config = {**TOY, "model_type": "see", "text_config": {"model_type": "toy"}}
    assert read(checkpoint(tmp_path, config), [site]).base.model_type == "toy"


def test_weights_of_the_sizes_that_are_said(site: Path, tmp_path: Path) -> None:
    found = read(checkpoint(tmp_path, TOY, SHAPES), [site])
    assert found.weights is not None
    assert found.weights.parameters == 2 * 320 * 64 + 32
    assert found.findings == ()


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (
            {"model.embed_tokens.weight": [321, 64]},
            "model.embed_tokens.weight has the shape (321, 64), and config.json says "
            "vocab_size 320, which is not 321",
        ),
        (
            {"lm_head.weight": [320, 32]},
            "lm_head.weight has the shape (320, 32), and config.json says hidden_size "
            "64, which is not 32",
        ),
        (
            {"model.layers.2.up.weight": [4, 4]},
            "the weights have 3 layers (model.layers.*), and config.json says "
            "num_hidden_layers 2",
        ),
    ],
)
def test_weights_of_other_sizes(
    site: Path, tmp_path: Path, shapes: dict[str, list[int]], words: str
) -> None:
    folder = checkpoint(tmp_path, TOY, {**SHAPES, **shapes})
    with pytest.raises(UnsupportedBaseError) as caught:
        read(folder, [site])
    assert words in str(caught.value)


def test_layers_that_predict_further_tokens_count(site: Path, tmp_path: Path) -> None:
    shapes = {**SHAPES, "model.layers.2.up.weight": [4, 4]}
    folder = checkpoint(tmp_path, {**TOY, "num_nextn_predict_layers": 1}, shapes)
    assert read(folder, [site]).findings == ()


@pytest.mark.parametrize(
    ("config", "shapes", "findings"),
    [
        ({}, None, ("it has no weights: config.json alone was read",)),
        (
            {"dtype": "bfloat16"},
            SHAPES,
            ("config.json says bfloat16, and most bytes of the weights are float32",),
        ),
        ({"torch_dtype": "float32"}, SHAPES, ()),
        (
            {"tie_word_embeddings": True},
            SHAPES,
            ("embeddings are tied, and the weights hold a language head of their own",),
        ),
        (
            {},
            {name: shape for name, shape in SHAPES.items() if "lm_head" not in name},
            ("embeddings are not tied, and the weights hold no lm_head",),
        ),
        ({}, {}, ()),
    ],
)
def test_what_is_odd_is_told(
    site: Path,
    tmp_path: Path,
    config: dict[str, object],
    shapes: dict[str, list[int]] | None,
    findings: tuple[str, ...],
) -> None:
    folder = checkpoint(tmp_path, {**TOY, **config}, shapes)
    assert read(folder, [site]).findings == findings


def test_files_that_are_not_there_are_told_and_prove_nothing(
    site: Path, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path, TOY)
    held = safetensors({"model.layers.0.up.weight": ("F32", [4])})
    (tmp_path / "1.safetensors").write_bytes(held)
    (tmp_path / "model.safetensors.index.json").write_text(
        '{"weight_map": {"model.layers.0.up.weight": "1.safetensors",'
        ' "lm_head.weight": "2.safetensors"}}'
    )
    assert read(folder, [site]).findings == (
        "its index names files that are not there: 2.safetensors",
    )
