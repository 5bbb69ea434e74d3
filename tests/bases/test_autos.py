"""What the auto tables say, wherever a release keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlinf_scaffold.bases.autos import (
    base_names,
    causal_names,
    config_class,
    is_model_type,
    model_class,
    part_name,
    processor_name,
    seeing_names,
)
from rlinf_scaffold.bases.library import Library

MODELS = """
MODEL_MAPPING_NAMES = Ordered([("fun", ("FunModel", "FunBaseModel")), ("no", "NoModel")])
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = Ordered([("fun", "FunForCausalLM")])
MODEL_FOR_VISION_2_SEQ_MAPPING_NAMES = Ordered([("fun", "OldForSeeing"), ("a", "A")])
MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = Ordered([("fun", "FunForSeeing")])
"""
CLASSES = "".join(
    f"class {name}: pass\n"
    for name in ("FunModel", "FunForCausalLM", "FunForSeeing", "OldForSeeing")
)
NEWER = """
CONFIG_MAPPING_NAMES = Ordered([("fun", "FunConfig"), ("no", "NoConfig")])
PROCESSOR_MAPPING_NAMES = Ordered([("fun", "FunProcessor"), ("more", "FunProcessor")])
FEATURE_EXTRACTOR_MAPPING_NAMES = Ordered([("fun", "FunSounds")])
IMAGE_PROCESSOR_MAPPING_NAMES = Ordered([("fun", "FunImages")])
"""
NEWER_PROCESSING = """
from .auto_mappings import PROCESSOR_MAPPING_NAMES
if TYPE_CHECKING:
    PROCESSOR_MAPPING_NAMES: OrderedDict[str, str | None] = OrderedDict()
else:
    MISSING_PROCESSOR_MAPPING_NAMES = Ordered([("odd", "FunProcessor")])
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    models = tmp_path / "transformers" / "models"
    for name, text in {
        "auto/modeling_auto.py": MODELS,
        "auto/auto_mappings.py": NEWER,
        "auto/processing_auto.py": NEWER_PROCESSING,
        "fun/modeling_fun.py": CLASSES,
        "fun/configuration_fun.py": "class FunConfig: pass\n",
    }.items():
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / name).write_text(text, encoding="utf-8")
    (tmp_path / "transformers" / "__init__.py").touch()
    return Library((tmp_path,))


def test_no_tables(tmp_path: Path) -> None:
    empty = Library((tmp_path,))
    assert causal_names(empty) == seeing_names(empty) == base_names(empty) == {}
    assert config_class(empty, "fun") is None
    assert model_class(empty, "AutoModel", "fun") is None
    assert processor_name(empty, "fun") == ""


def test_names(library: Library) -> None:
    assert causal_names(library) == {"fun": "FunForCausalLM"}
    assert seeing_names(library) == {"fun": "FunForSeeing", "a": "A"}
    assert base_names(library) == seeing_names(library)


@pytest.mark.parametrize(
    ("auto", "kind", "expected"),
    [
        ("AutoModel", "unheard_of", None),
        ("AutoModel", "no", None),
        ("AutoBackbone", "fun", None),
        ("AutoModel", "fun", "FunModel"),
        ("AutoModelForCausalLM", "fun", "FunForCausalLM"),
        ("AutoModelForImageTextToText", "fun", "FunForSeeing"),
        ("AutoModelForVision2Seq", "fun", "OldForSeeing"),
    ],
)
def test_model_class(
    library: Library, auto: str, kind: str, expected: str | None
) -> None:
    found = model_class(library, auto, kind)
    assert (found and found.name) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("", False), ("unheard_of", False), ("no", True), ("fun", True)],
)
def test_is_model_type(library: Library, kind: str, expected: bool) -> None:
    assert is_model_type(library, kind) is expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("image_processor", "FunImages"),
        ("feature_extractor", "FunSounds"),
        ("audio_processor", "FunSounds"),
        ("video_processor", ""),
    ],
)
def test_part_name(library: Library, part: str, expected: str) -> None:
    assert part_name(library, part, "fun") == expected
    assert part_name(library, part, "unheard_of") == ""


@pytest.mark.parametrize(
    ("kind", "expected"), [("unheard_of", None), ("no", None), ("fun", "FunConfig")]
)
def test_config_class(library: Library, kind: str, expected: str | None) -> None:
    found = config_class(library, kind)
    assert (found and found.name) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unheard_of", ""),
        ("fun", "FunProcessor"),
        ("more", "FunProcessor"),
        ("odd", "FunProcessor"),
    ],
)
def test_processor_name(library: Library, kind: str, expected: str) -> None:
    assert processor_name(library, kind) == expected
