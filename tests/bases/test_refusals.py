"""Every kind of class that is no base, and what its refusal says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reading import snippet

from rlinf_scaffold.bases import find_base
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.refusals import (
    SERVED,
    refuse_modality,
    refuse_parts,
    sees,
)
from rlinf_scaffold.commands.golden import ARCHETYPES
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.rendering import templates_folder

REFUSED = [
    ("ToyConfig", "it is not a model: PreTrainedModel is not among its ancestors"),
    ("ToyMLP", "it is not a model: PreTrainedModel is not among its ancestors"),
    ("ToyPreTrainedModel", "it is abstract; did you mean ToyForCausalLM?"),
    ("ToyModel", "it has no language head; did you mean ToyForCausalLM?"),
    (
        "ToyForSequenceClassification",
        "its head classifies and generates no tokens; did you mean ToyForCausalLM?",
    ),
    ("EncForMaskedLM", "it is an encoder and generates no tokens"),
    (
        "EncLMHeadModel",
        "it is an encoder unless its configuration says is_decoder: true; give a "
        "folder whose config.json does",
    ),
    (
        "SeqForConditionalGeneration",
        "it is an encoder-decoder; did you mean SeqForCausalLM?",
    ),
    (
        "LookForConditionalGeneration",
        "its configuration has a vision_config, and its forward takes no images; did "
        "you mean LookForCausalLM?",
    ),
    (
        "SeeForConditionalGeneration",
        "no tiny checkpoint of see can be made to prove a policy on it; vision-language "
        "bases are served for gemma3, idefics3, internvl, llava, paligemma, qwen2_5_vl, "
        "qwen2_vl, qwen3_vl, smolvlm",
    ),
    (
        "SeeForCaptions",
        "it generates no tokens with the past_key_values of its forward",
    ),
    ("SeePolicy", "it generates no tokens with the past_key_values of its forward"),
    (
        "SeeForLabels",
        "its configuration has a vision_config, and its forward takes no images",
    ),
]


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_refused(site: Path, name: str, reason: str) -> None:
    with pytest.raises(UnsupportedBaseError) as caught:
        find_base(name, [site])
    assert str(caught.value) == f"base {name!r} cannot be scaffolded: {reason}"


@pytest.mark.parametrize("name", ["SeqForCausalLM", "LookForCausalLM"])
def test_not_refused_for_its_siblings(site: Path, name: str) -> None:
    assert find_base(name, [site]).layer_classes == ("ToyLayer",)


def test_a_head_may_go_by_the_mapping_alone(site: Path) -> None:
    assert find_base("OddGenerator", [site]).class_name == "OddGenerator"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), False),
        (("input_ids", "pixel_values_videos", "high_res_pixel_values"), False),
        (("input_ids", "pixel_values"), True),
        (("image_patches",), True),
        (("image_pixel_values",), True),
        (("pixel_values_images",), True),
    ],
)
def test_sees(arguments: tuple[str, ...], expected: bool) -> None:
    assert sees(arguments) is expected


def test_audio(tmp_path: Path) -> None:
    source = """
    from transformers.configuration_utils import PretrainedConfig
    from transformers.modeling_utils import PreTrainedModel

    class HearConfig(PretrainedConfig):
        audio_config = None

        def __init__(self):
            self.audio_config = {}

    class Hear(PreTrainedModel):
        config: HearConfig
    """
    snippet(tmp_path, source)
    words = "audio-language bases are not supported: choose a text model"
    with pytest.raises(UnsupportedBaseError, match=words):
        find_base("pkg.snippet:Hear", [tmp_path])


QWEN = next(it.base for it in ARCHETYPES if it.base.modality == "vision")


def test_there_is_a_tiny_checkpoint_for_each_that_is_served() -> None:
    folder = templates_folder() / "smoke/vision/families"
    assert {path.stem for path in folder.iterdir()} == set(SERVED)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ((), ""),
        (("transformers/__init__.py",), ""),
        (("transformers/__init__.py", "transformers/video_processing_utils.py"), "no"),
        (
            (
                *("transformers/__init__.py", "transformers/video_processing_utils.py"),
                "torchvision/__init__.py",
            ),
            "",
        ),
        (
            (
                *("transformers/__init__.py", "transformers/video_processing_utils.py"),
                "torchvision.py",
            ),
            "",
        ),
    ],
)
def test_what_the_processor_needs(
    files: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    library = Library((tmp_path,))
    if not reason:
        refuse_modality(library, "Qwen", QWEN)
        return
    words = "Qwen2_5_VLProcessor needs torchvision, which the interpreter does not have"
    with pytest.raises(UnsupportedBaseError, match=words):
        refuse_modality(library, "Qwen", QWEN)


def test_a_text_model_needs_nothing() -> None:
    refuse_modality(Library(()), "Llama", ARCHETYPES[0].base)


@pytest.mark.parametrize(
    ("arguments", "is_refused"),
    [(("pixel_values",), False), (("pixel_values", "mm_encoder_outputs"), True)],
)
def test_smolvlm_of_transformers_5(
    arguments: tuple[str, ...], is_refused: bool
) -> None:
    base = replace(QWEN, model_type="smolvlm", forward_arguments=arguments)
    if is_refused:
        with pytest.raises(UnsupportedBaseError, match="use transformers 4"):
            refuse_modality(Library(()), "SmolVLM", base)
    else:
        refuse_modality(Library(()), "SmolVLM", base)


def test_a_checkpoint_of_other_parts() -> None:
    other = replace(QWEN, layer_classes=("Gemma2DecoderLayer",), checkpoint="here")
    refuse_parts("here", QWEN, QWEN)
    words = "made of Gemma2DecoderLayer, and the tiny checkpoint to prove it on of Qwen"
    with pytest.raises(UnsupportedBaseError, match=words):
        refuse_parts("here", other, QWEN)
