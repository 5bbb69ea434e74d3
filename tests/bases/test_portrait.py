"""All that is found of a base, with its sources, as the schema of its JSON says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from checkpoints_at import checkpoint
from jsonschema import Draft202012Validator
from test_hub import cached

from rlinf_scaffold.bases import Reading, read
from rlinf_scaffold.bases.hub import Hub
from rlinf_scaffold.bases.portrait import CATALOGUE, portray
from rlinf_scaffold.bases.provenance import Fact
from rlinf_scaffold.errors import UnknownBaseError
from rlinf_scaffold.report.documents import error_document

SCHEMA = Path(__file__).parents[2] / "docs/inspect-base.schema.json"
MODELS = "transformers/models"
TOKENIZERS = """
TOKENIZER_MAPPING_NAMES = OrderedDict(
    [("toy", ("ToyTokenizer" if is_sentencepiece_available() else None, "ToyFast"))]
)
"""


def facts(reading: Reading, site: Path) -> dict[str, Fact]:
    found = portray(reading, [site])
    assert len({fact.name for fact in found}) == len(found)
    document = {it.name: {"value": it.value, "from": it.source} for it in found}
    schema: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    described = {**schema["properties"]["facts"], "$defs": schema["$defs"]}
    Draft202012Validator(described).validate(json.loads(json.dumps(document)))
    assert document.keys() <= described["properties"].keys()
    return {fact.name: fact for fact in found}


def test_a_text_model(site: Path) -> None:
    found = facts(read("toy", [site]), site)
    toy = f"{MODELS}/toy/modeling_toy.py"
    assert found["class"].value == "transformers.ToyForCausalLM"
    assert found["class"].source.startswith(
        f"model type toy: transformers' causal mapping; {toy}:"
    )
    assert found["modality"].value == "text"
    assert (found["hidden_size"].value, found["tie_word_embeddings"].value) == (
        64,
        False,
    )
    assert found["decoder_layers"].value == ("ToyLayer",)
    assert found["decoder_layers"].source.startswith(f"{toy}:")
    assert found["lora_targets"].value == found["linear_layers"].value
    assert found["lora_targets"].source == "linear layers found; no PEFT is installed"
    assert found["tokenizer"].value is None
    assert found["inputs"].value == ("input_ids", "attention_mask", "labels")
    assert found["cache"].value == "none: forward takes no past_key_values"
    assert {"towers", "projectors", "parameters", "remote_code"}.isdisjoint(found)


def test_each_line_that_is_named_is_there(site: Path) -> None:
    for fact in portray(read("toy", [site]), [site]):
        place = fact.source.rpartition("; ")[2].rpartition(", ")[2]
        path, colon, line = place.rpartition(":")
        if colon and path.endswith(".py"):
            lines = (site / path).read_text("utf-8").splitlines()
            assert 0 < int(line) <= len(lines), fact


def test_a_model_that_sees(site: Path) -> None:
    found = facts(read("see", [site]), site)
    assert found["modality"].value == "vision"
    assert dict(found["sub_configs"].value or {}) == {  # type: ignore[call-overload]
        "vision_config": "SeeVisionConfig",
        "text_config": "ToyConfig",
    }
    assert found["vision_layers"].source.startswith(f"{MODELS}/see/modeling_see.py:")
    assert found["towers"].value
    assert found["text_part"].value


def test_special_tokens_and_where_they_are_said(site: Path, tmp_path: Path) -> None:
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "image_token_index": 7}
    folder = checkpoint(tmp_path, {"model_type": "toy", **tokens, "pad_token_id": None})
    fact = facts(read(folder, [site]), site)["special_tokens"]
    assert (fact.value, fact.source) == (tokens, "config.json")


def test_what_files_beside_say_comes_first(site: Path, tmp_path: Path) -> None:
    held = {"lm_head.weight": [320, 64], "layers.0.w": [4], "layers.1.w": [4]}
    folder = checkpoint(tmp_path, {"model_type": "toy"}, held)
    says = {
        "tokenizer_config.json": '{"tokenizer_class": "OwnTokenizer"}',
        "preprocessor_config.json": '{"image_processor_type": "OwnImages"}',
        "processor_config.json": "no JSON",
    }
    for name, text in says.items():
        (tmp_path / name).write_text(text)
    found = facts(read(folder, [site]), site)
    assert found["tokenizer"] == Fact(
        "tokenizer", "OwnTokenizer", "tokenizer_config.json: tokenizer_class"
    )
    assert found["image_processor"].value == "OwnImages"
    assert "processor" not in found
    header = "safetensors header of model.safetensors"
    assert found["parameters"] == Fact("parameters", 320 * 64 + 8, header)
    assert found["bytes"] == Fact("bytes", 4 * (320 * 64 + 8), header)
    assert found["dtypes"] == Fact("dtypes", ("float32",), header)


def test_weights_that_were_not_fetched_have_no_sizes(
    site: Path, tmp_path: Path
) -> None:
    snapshot = cached(tmp_path, "org/name")
    checkpoint(snapshot, {"model_type": "toy"})
    (snapshot / "model.safetensors").symlink_to("nowhere")
    found = facts(read("org/name", [site], Hub(cache=tmp_path)), site)
    assert {"parameters", "bytes", "dtypes"}.isdisjoint(found)


@pytest.mark.parametrize(
    ("layers", "kinds"),
    [
        ("nn.Linear(1, 1)", "nn.Linear"),
        ("Conv1D(1, 1)", "Conv1D"),
        ("Own(1, 1)", "nn.Linear"),
        ("nn.ModuleList([nn.Linear(1, 1)])", "nn.Linear"),
        ("nn.Linear(1, 1)\n        self.conv = Conv1D(1, 1)", "nn.Linear and Conv1D"),
        ("nn.Embedding(1, 1) if config.x else nn.Linear(1, 1)", "nn.Linear"),
    ],
)
def test_what_linear_layers_are(
    site: Path, tmp_path: Path, layers: str, kinds: str
) -> None:
    (tmp_path / "lab.py").write_text(
        "from transformers import ToyForCausalLM\n"
        "from transformers.pytorch_utils import Conv1D\n"
        "from torch import nn\n"
        "class Own(nn.Linear): pass\n"
        "class LabLayer(nn.Module):\n"
        "    def __init__(self, config):\n"
        f"        self.proj = {layers}\n"
        "class LabForCausalLM(ToyForCausalLM):\n"
        "    def __init__(self, config):\n"
        "        self.layers = nn.ModuleList([LabLayer(config), LabLayer(config)])\n"
    )
    path = [tmp_path, site]
    found = {it.name: it for it in portray(read("lab:LabForCausalLM", path), path)}
    said = f"{kinds} in decoder_layers, as their __init__ builds them"
    assert found["linear_layers"].source == said


def test_a_part_that_is_one_of_several(site: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(site, tmp_path / "site")
    path = copy / MODELS / "see/modeling_see.py"
    one = "AutoModel.from_config(config=config.text_config)"
    text = path.read_text()
    assert one in text
    path.write_text(text.replace(one, f"None if config.unheard_of else {one}"))
    found = facts(read("see", [copy]), copy)
    assert found["text_part"].value == {"model.language_model": "ToyModel"}


def test_an_error_is_described_too() -> None:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    error = error_document(UnknownBaseError("Lama", "transformers"))
    Draft202012Validator(schema).validate(error)
    for broken in ({}, {**error, "memory": None}, {"error": {}}):
        assert not Draft202012Validator(schema).is_valid(broken)


def test_tokenizers_of_transformers_table(site: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(site, tmp_path / "site")
    (copy / MODELS / "auto/tokenization_auto.py").write_text(TOKENIZERS)
    fact = facts(read("toy", [copy]), copy)["tokenizer"]
    assert fact.value == ("ToyTokenizer", "ToyFast")
    assert fact.source.endswith(f", {MODELS}/auto/tokenization_auto.py:3")


def test_parts_of_a_processor(site: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(site, tmp_path / "site")
    place = f"{MODELS}/see/processing_see.py"
    (copy / place).write_text(
        "class SeeProcessor:\n"
        '    attributes = ["image_processor", "tokenizer"]\n'
        '    image_processor_class = "SeeImages"\n'
        '    tokenizer_class = "SeeTokenizer"\n'
    )
    found = facts(read("see", [copy]), copy)
    assert found["processor"].value == "SeeProcessor"
    assert found["image_processor"] == Fact(
        "image_processor", "SeeImages", f"part of SeeProcessor, {place}:1"
    )
    assert found["tokenizer"].value is None


@pytest.mark.parametrize("trust", [False, True])
def test_code_of_a_checkpoint_is_named(site: Path, tmp_path: Path, trust: bool) -> None:
    (tmp_path / "modeling_own.py").write_bytes((site / "own/model.py").read_bytes())
    (tmp_path / "parts.py").write_bytes((site / "own/parts.py").read_bytes())
    target = {"AutoModel": "modeling_own.OwnModel"}
    folder = checkpoint(
        tmp_path,
        {"architectures": ["ToyForCausalLM"], "model_type": "toy", "auto_map": target},
    )
    found = facts(read(folder, [site], trust=trust), site)
    how = "read, and not run" if trust else "neither read nor run"
    assert found["remote_code"] == Fact(
        "remote_code", target, f"config.json: auto_map; {how}"
    )
    name = "OwnModel" if trust else "ToyForCausalLM"
    assert str(found["class"].value).endswith(f".{name}")


def test_the_catalogue_where_no_transformers_is_there(tmp_path: Path) -> None:
    found = facts(read("llama", []), tmp_path)
    assert found["hidden_size"] == Fact("hidden_size", 4096, CATALOGUE)
    folder = checkpoint(tmp_path, {"model_type": "llama"})
    found = facts(read(folder, []), tmp_path)
    assert found["class"].source == f"config.json of {folder}, over {CATALOGUE}"
