"""What a processor is made of, read from its source."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.processors import folder_processor, read_processor
from rlinf_scaffold.spec import Processor

PLAIN = """
    class SeeProcessor(ProcessorMixin):
        def __init__(self, image_processor=None, tokenizer=None, **kwargs):
            pass
"""
TABLES = {
    "image_processing_auto": 'IMAGE_PROCESSOR_MAPPING_NAMES = [("see", ("Look", None))]',
    "video_processing_auto": 'VIDEO_PROCESSOR_MAPPING_NAMES = [("see", "Film")]',
    "processing_auto": 'PROCESSOR_MAPPING_NAMES = [("see", "SeeProcessor")]',
}


def library(folder: Path, source: str, **others: str) -> Library:
    """Return a library with a processor of the family `see`, and other files."""
    package = folder / "transformers"
    auto = package / "models/auto"
    auto.mkdir(parents=True)
    files = {f"models/auto/{name}": text for name, text in TABLES.items()}
    files["models/see/processing_see"] = source
    for name, text in {"__init__": "", **files, **others}.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return Library((folder,))


def read(folder: Path, source: str, **others: str) -> Processor:
    found = read_processor(library(folder, source, **others), "SeeProcessor", "see", {})
    assert found is not None
    return found


def test_no_such_class(tmp_path: Path) -> None:
    found = library(tmp_path, PLAIN)
    assert read_processor(found, "OtherProcessor", "see", {}) is None


PARTS = [
    (PLAIN, {"image_processor": "Look", "tokenizer": "PreTrainedTokenizerFast"}),
    (
        """
        class SeeProcessor(ProcessorMixin):
            attributes = ["image_processor", "tokenizer", "video_processor"]
            image_processor_class = ("Own", "OwnFast")
            video_processor_class = "AutoVideoProcessor"
            tokenizer_class = ("SeeTokenizer", "SeeTokenizerFast")
        """,
        {
            "image_processor": "Own",
            "tokenizer": "SeeTokenizerFast",
            "video_processor": "Film",
        },
    ),
    (
        """
        class SeeProcessor(ProcessorMixin):
            def __init__(self, feature_extractor, audio_tokenizer, qformer_tokenizer):
                pass
        """,
        {"feature_extractor": "", "qformer_tokenizer": "PreTrainedTokenizerFast"},
    ),
    ("class SeeProcessor(ProcessorMixin):\n    pass\n", {}),
]


@pytest.mark.parametrize(("source", "expected"), PARTS)
def test_parts(source: str, expected: dict[str, str], tmp_path: Path) -> None:
    assert dict(read(tmp_path, source).parts) == expected


def test_parts_that_are_known_otherwise(tmp_path: Path) -> None:
    known = {"image_processor": "Mine"}
    found = read_processor(library(tmp_path, PLAIN), "SeeProcessor", "see", known)
    assert found is not None
    assert dict(found.parts)["image_processor"] == "Mine"


def with_body(body: str) -> str:
    lines = dedent(body).strip().splitlines()
    head = "class SeeProcessor(ProcessorMixin):\n    def __init__(self, tokenizer):\n"
    return head + "".join(f"        {line}\n" for line in lines)


TOKENS: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("pass", {}, ()),
    ("self.bos = tokenizer.bos_token", {}, ()),
    ("tokenizer.add_bos_token = False", {}, ()),
    ("self.image = tokenizer.image_token", {"image_token": "<image_token>"}, ()),
    ("self.image = tokenizer.image_token_id", {"image_token": "<image_token>"}, ()),
    ('self.image_token = "<image>"', {}, ("<image>",)),
    (
        "self.image_token = "
        'tokenizer.image_token if hasattr(tokenizer, "image_token") else "<image>"',
        {},
        ("<image>",),
    ),
    ('x = getattr(tokenizer, "image_token", "[IMG]")', {}, ("[IMG]",)),
    ('x = "|NEWLINE|"', {}, ("|NEWLINE|",)),
    ('x = f"<{self}>", "<a b>", "[1]", "<>"', {}, ()),
]


@pytest.mark.parametrize(("body", "named", "texts"), TOKENS)
def test_tokens(
    body: str, named: dict[str, str], texts: tuple[str, ...], tmp_path: Path
) -> None:
    found = read(tmp_path, with_body(body))
    assert (dict(found.tokens), found.texts) == (named, texts)


def test_constants_are_tokens_whatever_they_look_like(tmp_path: Path) -> None:
    source = 'IMAGE_TOKEN = "x"\n' + dedent(PLAIN) + '    VIDEO_TOKEN = "]<]v[>["\n'
    assert read(tmp_path, source).texts == ("]<]v[>[", "x")


VIDEOS = """
    class SeeProcessor(ProcessorMixin):
        def __init__(self, image_processor, video_processor, tokenizer):
            pass
"""
LOOK = "models/see/image_processing_see"
TENSORS = "class LookImageProcessor(TorchvisionBackend):\n    pass\n"
OWN = """
    class SeeProcessor(ProcessorMixin):
        attributes = ["image_processor"]
        image_processor_class = "LookImageProcessor"
"""


@pytest.mark.parametrize(
    ("source", "others", "packages"),
    [
        (PLAIN, {}, ()),
        (VIDEOS, {}, ()),
        (VIDEOS, {"video_processing_utils": ""}, ("torchvision",)),
        (OWN, {LOOK: "class LookImageProcessor(PilBackend):\n    pass\n"}, ()),
        (OWN, {LOOK: TENSORS}, ("torchvision",)),
        (OWN, {LOOK: f"{TENSORS}class LookImageProcessorPil(PilBackend): ..."}, ()),
    ],
)
def test_what_parts_import(
    source: str, others: dict[str, str], packages: tuple[str, ...], tmp_path: Path
) -> None:
    assert read(tmp_path, source, **others).packages == packages


@pytest.mark.parametrize(("source", "name"), [(PLAIN, "SeeProcessor"), ("x = 1", "")])
def test_the_processor_beside_a_model(source: str, name: str, tmp_path: Path) -> None:
    model = {"models/see/modeling_see": "class SeeModel:\n    pass\n"}
    found = library(tmp_path, source, **model)
    cls = found.find_class("SeeModel")
    assert cls is not None
    assert folder_processor(found, cls) == name
