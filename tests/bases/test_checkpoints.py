"""config.json as an untrusted file: what is read of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlinf_scaffold.bases.checkpoints import read_checkpoint
from rlinf_scaffold.errors import UnsupportedBaseError


def folder(root: Path, config: object) -> str:
    text = config if isinstance(config, str) else json.dumps(config)
    (root / "config.json").write_text(text, encoding="utf-8")
    return str(root)


HARMLESS = [
    ({}, "", ""),
    ({"architectures": [], "model_type": 3}, "", ""),
    ({"architectures": None}, "", ""),
    ({"architectures": ["ToyForCausalLM"]}, "ToyForCausalLM", ""),
    ({"model_type": "toy", "auto_map": {}}, "", "toy"),
    ({"attn_implementation": "sdpa", "layers": [{"a": 1}, 2]}, "", ""),
    ({"_attn_implementation": {"text_config": "eager"}}, "", ""),
]


@pytest.mark.parametrize(("config", "architecture", "model_type"), HARMLESS)
def test_harmless(
    tmp_path: Path, config: object, architecture: str, model_type: str
) -> None:
    checkpoint = read_checkpoint(folder(tmp_path, config))
    assert checkpoint.folder == str(tmp_path)
    assert checkpoint.settings == config
    assert checkpoint.architecture == architecture
    assert checkpoint.model_type == model_type


HUB = "code from the Hub to execute"
REFUSED = [
    ("{", "config.json is no JSON: "),
    ("\ud800", "config.json is no JSON: "),
    ("[" * 100_000, "config.json is no JSON: "),
    ("[1]", "config.json is no JSON object"),
    ("1" * 5000, "config.json is no JSON"),
    ({"architectures": ["a; b"]}, "names the architecture 'a; b', which is no class"),
    ({"architectures": [7]}, "names the architecture 7, which is no class name"),
    ({"_attn_implementation_internal": None}, "sets _attn_implementation_internal"),
    (
        {"text_config": {"_experts_implementation_internal": "x"}},
        "sets _experts_implementation_internal, which can make transformers execute",
    ),
    ({"attn_implementation": "a/b"}, f"sets attn_implementation to 'a/b', {HUB}"),
    ({"x": [{"_attn_implementation": "a/b"}]}, f"_attn_implementation to 'a/b', {HUB}"),
    ({"attn_implementation": {"": "a/b"}}, f"sets attn_implementation to 'a/b', {HUB}"),
]


@pytest.mark.parametrize(("config", "words"), REFUSED)
def test_refused(tmp_path: Path, config: object, words: str) -> None:
    if isinstance(config, str):
        (tmp_path / "config.json").write_bytes(config.encode("utf-8", "surrogatepass"))
        where = str(tmp_path)
    else:
        where = folder(tmp_path, config)
    with pytest.raises(UnsupportedBaseError) as caught:
        read_checkpoint(where)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("auto_map", "remote"),
    [
        (None, {}),
        ({}, {}),
        ("m.Model", {"auto_map": "m.Model"}),
        (
            {"AutoConfig": "c.Conf", "AutoTokenizer": ["t.Tok", None]},
            {"AutoConfig": "c.Conf", "AutoTokenizer": "t.Tok"},
        ),
    ],
)
@pytest.mark.parametrize("is_nested", [False, True])
def test_code_of_its_own(
    tmp_path: Path, auto_map: object, remote: object, is_nested: bool
) -> None:
    config = {"auto_map": auto_map}
    where = folder(tmp_path, {"text_config": config} if is_nested else config)
    assert read_checkpoint(where).remote == remote


def test_files_may_lie_elsewhere(tmp_path: Path) -> None:
    folder(tmp_path, {"model_type": "toy"})
    checkpoint = read_checkpoint("some/repository", tmp_path)
    assert (checkpoint.folder, checkpoint.path) == ("some/repository", tmp_path)
