"""What a checkpoint says twice: fine where it agrees, refused or told where not."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoints_at import checkpoint, safetensors
from test_hub import cached

from rlinf_scaffold.bases import read
from rlinf_scaffold.bases.hub import Hub
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
    {"num_attention_heads": 0},
]


@pytest.mark.parametrize("config", AGREES)
def test_nothing_contradicts(
    site: Path, tmp_path: Path, config: dict[str, object]
) -> None:
    folder = checkpoint(tmp_path, {**TOY, **config})
    assert read(folder, [site]).base.class_name == "ToyForCausalLM"


CONTRADICTS: list[tuple[dict[str, object], str]] = [
    (
        {"pad_token_id": 320},
        "contradicts itself: pad_token_id 320 is none of vocab_size 320",
    ),
    (
        {"layer_types": ["full"]},
        "contradicts itself: layer_types has 1 entries for num_hidden_layers 2",
    ),
    (
        {"num_experts": 4, "num_experts_per_tok": 8},
        "contradicts itself: num_experts_per_tok 8 is more than num_experts 4",
    ),
    (
        {"model_type": "see"},
        "contradicts itself: its model_type 'see' is that of SeeConfig, and its "
        "architecture ToyForCausalLM is built on ToyConfig ('toy')",
    ),
    (
        {"model_type": "unheard_of"},
        "has the model_type 'unheard_of', which transformers does not know; that of "
        "ToyForCausalLM is 'toy'",
    ),
    *(
        (
            {"num_hidden_layers": size},
            f"says num_hidden_layers {size!r}, which is no positive integer",
        )
        for size in (0, -2, "2", 2.5, True, None, [2])
    ),
    ({"hidden_size": "64"}, "says hidden_size '64', which is no positive integer"),
]


@pytest.mark.parametrize(("config", "words"), CONTRADICTS)
def test_config_contradicts(
    site: Path, tmp_path: Path, config: dict[str, object], words: str
) -> None:
    folder = checkpoint(tmp_path, {**TOY, **config})
    with pytest.raises(UnsupportedBaseError) as caught:
        read(folder, [site])
    assert str(caught.value).endswith(f"cannot be scaffolded: config.json {words}")


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
        (
            {"num_attention_heads": 0},
            "says num_attention_heads 0, which is no positive",
        ),
        (
            {"num_key_value_heads": "4"},
            "says num_key_value_heads '4', which is no posi",
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
            {"model.layers.99999999999.up.weight": [4, 4]},
            "the weights have 1000000000 layers (model.layers.*)",
        ),
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


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("foo",), "its weights hold no layers, but 'foo'"),
        (("a", "b", "c", "d", "e"), "no layers, but 'a', 'b', 'c' and 2 more"),
        (("model.embed_tokens.weight",), "no layers, but 'model.embed_tokens.weight'"),
    ],
)
def test_weights_without_layers(
    site: Path, tmp_path: Path, names: tuple[str, ...], words: str
) -> None:
    folder = checkpoint(tmp_path, TOY, {name: [320, 64] for name in names})
    with pytest.raises(UnsupportedBaseError) as caught:
        read(folder, [site])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("files", "also"),
    [
        (("README.md", "tokenizer.json"), ""),
        (("x.gguf",), ", and not x.gguf"),
        (("tf_model.h5", "flax_model.msgpack"), ", and not flax_model.msgpack, tf_mod"),
        (
            ("model-1-of-2.safetensors", "model-2-of-2.safetensors"),
            ", and not model-1-of-2.safetensors, model-2-of-2.safetensors",
        ),
    ],
)
def test_weights_that_are_not_read_are_told(
    site: Path, tmp_path: Path, files: tuple[str, ...], also: str
) -> None:
    folder = checkpoint(tmp_path, TOY)
    for name in files:
        (tmp_path / name).touch()
    (finding,) = read(folder, [site]).findings
    assert f"{finding}!".startswith(
        f"it has no weights: config.json alone was read{also or '!'}"
    )


def test_code_of_a_tokenizer_is_told(site: Path, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, TOY, SHAPES)
    (tmp_path / "tokenizer_config.json").write_text('{"auto_map": {"A": "t.Tok"}}')
    assert read(folder, [site]).findings == (
        "tokenizer_config.json names code that loading it would run: {'A': 't.Tok'}",
    )


def in_two_files(folder: Path, missing: str) -> None:
    held = safetensors({"model.layers.0.up.weight": ("F32", [4])})
    (folder / "1.safetensors").write_bytes(held)
    (folder / "model.safetensors.index.json").write_text(
        '{"weight_map": {"model.layers.0.up.weight": "1.safetensors",'
        f' "lm_head.weight": "{missing}"}}}}'
    )


def test_files_that_are_not_there_are_refused(site: Path, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, TOY)
    in_two_files(tmp_path, "2.safetensors")
    with pytest.raises(
        UnsupportedBaseError, match=r"lacks weights: 2\.safetensors\. D"
    ):
        read(folder, [site])


def test_a_link_to_nowhere_is_refused(site: Path, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, TOY)
    (tmp_path / "model.safetensors").symlink_to("nowhere")
    with pytest.raises(
        UnsupportedBaseError, match=r"lacks weights: model\.safetensors"
    ):
        read(folder, [site])


def test_what_was_not_fetched_is_told_and_proves_nothing(
    site: Path, tmp_path: Path
) -> None:
    snapshot = cached(tmp_path, "org/name")
    checkpoint(snapshot, {**TOY, "num_hidden_layers": 9})
    in_two_files(snapshot, "2.safetensors")
    found = read("org/name", [site], Hub(cache=tmp_path))
    assert found.findings == (
        "weights are not there, and were not read: 2.safetensors",
    )
