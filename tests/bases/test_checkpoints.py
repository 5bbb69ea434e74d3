"""config.json as an untrusted file: what is read of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlinf_scaffold.bases.checkpoints import code_beside, parse_json, read_checkpoint
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
    ({"attn_implementation": ["sdpa", {"a": [1, None]}]}, "", ""),
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
    ('{"a":' * 500 + "1" + "}" * 500, "nested deeper than 64 levels"),
    ("\ufeff{}", "config.json is no JSON: Unexpected UTF-8 BOM"),
    (
        {"architectures": "ToyForCausalLM"},
        "architectures 'ToyForCausalLM', which is no",
    ),
    ({"architectures": {"a": 1}}, "has architectures {'a': 1}, which is no list"),
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
    ({"attn_implementation": {"text_config": {"": "a/b"}}}, f"to 'a/b', {HUB}"),
    ({"attn_implementation": ["sdpa", ["a/b"]]}, f"to 'a/b', {HUB}"),
    ({"attn_implementation": "a/" + "b" * 999}, "bbb...bbb"),
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


def test_text_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes('{"model_type": "toy"}'.encode("utf-16"))
    with pytest.raises(UnsupportedBaseError, match=r"is no JSON: 'utf-8' codec"):
        read_checkpoint(str(tmp_path))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to("/proc/self/mem")
    with pytest.raises(
        UnsupportedBaseError, match=r"json cannot be read: Input/output"
    ):
        read_checkpoint(str(tmp_path))


@pytest.mark.parametrize("levels", [0, 1, 64])
def test_as_deep_as_files_are(levels: int) -> None:
    parsed = parse_json(b"[" * levels + b"1" + b"]" * levels)
    assert str(parsed) == "[" * levels + "1" + "]" * levels


def test_deeper_than_files_are() -> None:
    with pytest.raises(ValueError, match="it is nested deeper than 64 levels"):
        parse_json(b"[" * 65 + b"1" + b"]" * 65)


def test_files_of_a_folder_and_of_a_repository(tmp_path: Path) -> None:
    here = read_checkpoint(folder(tmp_path, {}))
    assert (here.files, here.is_fetched) == (("config.json",), False)
    there = read_checkpoint("org/name", tmp_path, ("b", "a"))
    assert (there.files, there.is_fetched) == (("a", "b"), True)


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("tokenizer_config.json", "{}", {}),
        ("tokenizer_config.json", "no JSON", {}),
        ("tokenizer_config.json", "[1]", {}),
        ("tokenizer.json", '{"auto_map": {"A": "t.Tok"}}', {}),
        (
            "tokenizer_config.json",
            '{"auto_map": {"A": ["t.Tok", null]}}',
            {"A": "t.Tok"},
        ),
        ("processor_config.json", '{"auto_map": {"A": "p.Proc"}}', {"A": "p.Proc"}),
    ],
)
def test_code_of_files_beside_it(
    tmp_path: Path, file: str, text: str, code: dict[str, str]
) -> None:
    where = folder(tmp_path, {})
    (tmp_path / file).write_text(text)
    assert code_beside(read_checkpoint(where)) == ({file: code} if code else {})
