from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import BASE

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.manifest import (
    Manifest,
    digest,
    manifest_path,
    read_manifest,
    read_manifests,
)
from rlinf_scaffold.spec import ModelSpec, Processor

MANIFEST = Manifest(
    spec=ModelSpec(name="foo", lora=True, unnorm_key="bridge_orig"),
    base=BASE,
    layout="registry",
    contract="forward_inputs",
    tool="1.2.3",
    files={
        PurePosixPath("b/model.py"): digest("b"),
        PurePosixPath("a/model.yaml"): digest("a"),
    },
)
PATH = ".rlinf-scaffold/foo.json"
DOCUMENT: dict[str, Any] = json.loads(MANIFEST.to_text())
BROKEN: dict[str, tuple[object, str]] = {
    "a list": ([], "no manifest: list indices must be integers or slices, not str"),
    "nothing": ({}, "no manifest: 'format'"),
    "a later format": (DOCUMENT | {"format": 2}, "no manifest: format 2 is not 1"),
    "no answers": ({k: DOCUMENT[k] for k in DOCUMENT if k != "spec"}, "'spec'"),
    "an unknown answer": (
        DOCUMENT | {"spec": DOCUMENT["spec"] | {"colour": "red"}},
        "unexpected keyword argument 'colour'",
    ),
    "an answer of another kind": (
        DOCUMENT | {"spec": DOCUMENT["spec"] | {"action_dim": "7"}},
        "no manifest: action_dim is '7'",
    ),
    "an answer that is refused": (
        DOCUMENT | {"spec": DOCUMENT["spec"] | {"name": "Foo"}},
        "--name 'Foo': must be a lower-case identifier",
    ),
    "another model": (
        DOCUMENT | {"spec": DOCUMENT["spec"] | {"name": "bar"}},
        "the manifest of 'bar'",
    ),
    "a base without sizes": (
        DOCUMENT | {"base": {"class_name": "LlamaForCausalLM"}},
        "missing 10 required keyword-only arguments",
    ),
    "a base of another kind": (
        DOCUMENT | {"base": DOCUMENT["base"] | {"layer_classes": "LlamaDecoderLayer"}},
        "no manifest: layer_classes is 'LlamaDecoderLayer'",
    ),
    "a base that is a list": (
        DOCUMENT | {"base": []},
        "no manifest: 'list' object has",
    ),
    "files in a list": (DOCUMENT | {"files": []}, "no manifest: 'list' object has no"),
}


def tree(*texts: tuple[str, str]) -> MemoryTree:
    return MemoryTree.of(dict(texts))


def test_lies_beside_the_others() -> None:
    assert str(MANIFEST.path) == str(manifest_path("foo")) == PATH


def test_is_the_same_when_read_back() -> None:
    assert read_manifest(tree((PATH, MANIFEST.to_text())), "foo") == MANIFEST


def test_a_base_from_a_checkpoint_is_the_same_too() -> None:
    local = replace(MANIFEST, base=replace(BASE, checkpoint="/models/llama"))
    assert read_manifest(tree((PATH, local.to_text())), "foo") == local


def test_a_base_with_a_processor_is_the_same_too() -> None:
    processor = Processor(
        parts=(("image_processor", "FooImageProcessor"), ("tokenizer", "FooTokenizer")),
        tokens=(("image_token", "<image>"),),
        texts=("<image>",),
    )
    sees = replace(BASE, modality="vision", processor=processor)
    manifest = replace(MANIFEST, base=sees)
    assert read_manifest(tree((PATH, manifest.to_text())), "foo") == manifest


def test_reads_as_it_stands_on_disk() -> None:
    text = MANIFEST.to_text()
    assert text.startswith('{\n  "format": 1,\n  "tool": "1.2.3",\n')
    assert text.endswith("}\n")
    assert DOCUMENT["spec"] == asdict(MANIFEST.spec)
    assert list(DOCUMENT["files"]) == ["a/model.yaml", "b/model.py"]


@given(st.permutations(sorted(MANIFEST.files)))
def test_the_text_does_not_depend_on_the_order_of_files(
    paths: list[PurePosixPath],
) -> None:
    files = {path: MANIFEST.files[path] for path in paths}
    assert replace(MANIFEST, files=files).to_text() == MANIFEST.to_text()


def test_is_none_where_there_is_none() -> None:
    assert read_manifest(tree(), "foo") is None
    assert read_manifests(tree()) == ()


def test_reads_every_model_by_name() -> None:
    bar = replace(MANIFEST, spec=ModelSpec(name="bar"))
    found = read_manifests(
        tree(
            (PATH, MANIFEST.to_text()),
            (".rlinf-scaffold/bar.json", bar.to_text()),
            (".rlinf-scaffold/journal.txt", "no manifest"),
            (".rlinf-scaffold/receipts/foo.json", "no manifest"),
        )
    )
    assert found == (bar, MANIFEST)


@pytest.mark.parametrize(("document", "reason"), BROKEN.values(), ids=BROKEN)
def test_refuses_what_is_no_manifest(document: object, reason: str) -> None:
    with pytest.raises(SourceSyntaxError, match=re.escape(reason)) as caught:
        read_manifest(tree((PATH, json.dumps(document))), "foo")
    assert str(caught.value).startswith(f"{PATH}:1: cannot be parsed: ")


def test_names_the_line_that_is_no_json() -> None:
    text = (
        f"{PATH}:2: cannot be parsed: Expecting property name enclosed in double "
        "quotes. Mend the file, then run again"
    )
    with pytest.raises(SourceSyntaxError, match=f"^{re.escape(text)}$"):
        read_manifest(tree((PATH, "{\n<<<<<<< ours\n")), "foo")


def test_a_digest_is_of_the_bytes_on_disk() -> None:
    assert digest("") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert len({digest(text) for text in ("a\n", "a\r\n", "\ufeffa\n", "\udce9")}) == 4
