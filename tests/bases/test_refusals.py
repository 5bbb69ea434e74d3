"""Every kind of class that is no base, and what its refusal says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from reading import snippet

from rlinf_scaffold.bases import find_base
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.bases.refusals import (
    drops_tokens,
    needs_images,
    refuse_modality,
    refuse_parts,
    sees,
)
from rlinf_scaffold.commands.golden import ARCHETYPES
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.spec import Processor

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
        "transformers has no processor for see, which would make its inputs of text and "
        "images",
    ),
    (
        "SeeForCaptions",
        "it generates no tokens with the past_key_values of its forward",
    ),
    (
        "SeeBlind",
        "its forward takes images in this transformers, and does not read them",
    ),
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


DUMB = "it generates no tokens"


@pytest.mark.parametrize(
    ("bases", "arguments", "old", "new"),
    [
        ("ToyPreTrainedModel, GenerationMixin", "input_ids", "", ""),
        (
            "ToyPreTrainedModel",
            "input_ids",
            "",
            f"{DUMB}: GenerationMixin is not among",
        ),
        ("ToyPreTrainedModel", "input_values", "it reads sound", "it reads sound"),
        (
            "ToyPreTrainedModel",
            "pixel_values, past_key_values",
            "transformers has no processor for toy",
            f"{DUMB} with the past_key_values of its forward",
        ),
    ],
)
def test_refused_without_tokens(
    old_site: Path,
    new_site: Path,
    tmp_path: Path,
    bases: str,
    arguments: str,
    old: str,
    new: str,
) -> None:
    # Up to 4.49, every model of transformers generates; from then on, those that say so.
    source = f"""
    from torch import nn
    from transformers.generation import GenerationMixin
    from transformers.models.toy.modeling_toy import ToyModel, ToyPreTrainedModel

    class Mine({bases}):
        def __init__(self, config):
            super().__init__(config)
            self.model = ToyModel(config)
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

        def forward(self, {arguments}):
            return self.model(pixel_values)
    """
    snippet(tmp_path, source)
    for site, reason in ((old_site, old), (new_site, new)):
        if reason:
            with pytest.raises(UnsupportedBaseError, match=reason):
                find_base("pkg.snippet:Mine", [tmp_path, site])
        else:
            assert find_base("pkg.snippet:Mine", [tmp_path, site]).class_name == "Mine"


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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HearEncoderDecoderModel", "it is an encoder-decoder"),
        ("HearForBlockDiffusion", "it generates blocks of tokens by diffusion"),
    ],
)
def test_refused_by_its_name(name: str, words: str, tmp_path: Path) -> None:
    source = f"""
    from transformers.modeling_utils import PreTrainedModel

    class {name}(PreTrainedModel):
        pass
    """
    snippet(tmp_path, source)
    with pytest.raises(UnsupportedBaseError, match=words):
        find_base(f"pkg.snippet:{name}", [tmp_path])


def test_a_configuration_may_be_imported_from_the_top(
    site: Path, tmp_path: Path
) -> None:
    source = """
    from transformers import ToyConfig
    from transformers.models.toy.modeling_toy import ToyForCausalLM

    class Own(ToyForCausalLM):
        config: ToyConfig
    """
    snippet(tmp_path, source)
    assert find_base("pkg.snippet:Own", [tmp_path, site]).config_class == "ToyConfig"


@pytest.mark.parametrize("kind", ["audio", "protein"])
def test_other_senses(kind: str, tmp_path: Path) -> None:
    name = {"audio": "audio_config", "protein": "protein_encoder_config"}[kind]
    source = f"""
    from transformers.configuration_utils import PretrainedConfig
    from transformers.modeling_utils import PreTrainedModel

    class HearConfig(PretrainedConfig):
        {name} = None

        def __init__(self):
            self.{name} = dict()

    class Hear(PreTrainedModel):
        config: HearConfig
    """
    snippet(tmp_path, source)
    words = f"{kind}-language bases are not supported: choose a text model"
    with pytest.raises(UnsupportedBaseError, match=words):
        find_base("pkg.snippet:Hear", [tmp_path])


QWEN = next(it.base for it in ARCHETYPES if it.base.modality == "vision")


LIBRARY = ("transformers/__init__.py", "transformers/video_processing_utils.py")


@pytest.mark.parametrize(
    ("files", "is_served"),
    [
        ((), True),
        (LIBRARY, False),
        ((*LIBRARY, "torchvision/__init__.py"), True),
        ((*LIBRARY, "torchvision.py"), True),
    ],
)
def test_what_the_processor_needs(
    files: tuple[str, ...], is_served: bool, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    library = Library((tmp_path,))
    if is_served:
        refuse_modality(library, "Qwen", QWEN)
        return
    words = (
        "Qwen2_5_VLProcessor needs torchvision, which the interpreter does not have. "
        "Install it there: `python -m pip install torchvision`. Its wheels load only "
        "beside the torch that they were built for"
    )
    with pytest.raises(UnsupportedBaseError, match=re.escape(words)):
        refuse_modality(library, "Qwen", QWEN)


GENERATE = """
class Model:
    def generate({arguments}):
        return self.decoder.generate({prompt})
"""


@pytest.mark.parametrize(
    ("arguments", "prompt", "expected"),
    [
        ("self, input_ids=None, pixel_values=None", "input_ids", (False, False)),
        ("self, input_ids, pixel_values=None", "input_ids", (False, False)),
        ("self, pixel_values, input_ids=None", "input_ids", (True, False)),
        ("self, pixel_values, input_ids", "input_ids[:, :-1]", (True, True)),
        ("self, input_ids=None", "input_ids[:, 1:]", (False, False)),
    ],
)
def test_what_generate_makes_of_a_prompt(
    arguments: str, prompt: str, expected: tuple[bool, bool], tmp_path: Path
) -> None:
    source = GENERATE.format(arguments=arguments, prompt=prompt)
    interpreter, _ = snippet(tmp_path, source)
    cls = interpreter.library.find("pkg.snippet", "Model")
    assert isinstance(cls, Class)
    library = interpreter.library
    assert (needs_images(library, cls), drops_tokens(library, cls)) == expected


def test_who_has_no_generate_needs_no_images(tmp_path: Path) -> None:
    interpreter, _ = snippet(tmp_path, "class Model: pass")
    cls = interpreter.library.find("pkg.snippet", "Model")
    assert isinstance(cls, Class)
    assert not needs_images(interpreter.library, cls)
    assert not drops_tokens(interpreter.library, cls)


@pytest.mark.parametrize(
    ("processor", "words"),
    [
        (None, "transformers has no processor for qwen2_5_vl"),
        (Processor(parts=(("tokenizer", "T"),)), "no part for images of Qwen2_5_VL"),
        (Processor(parts=(("image_processor", ""),)), "no image_processor of Qwen2_5"),
    ],
)
def test_a_processor_that_cannot_be_made(
    processor: Processor | None, words: str
) -> None:
    with pytest.raises(UnsupportedBaseError, match=words):
        refuse_modality(Library(()), "Qwen", replace(QWEN, processor=processor))


@pytest.mark.parametrize(
    ("code", "is_refused"), [("def replace_image_token(): pass", False), ("", True)]
)
def test_a_processor_that_an_older_transformers_has_otherwise(
    code: str, is_refused: bool, tmp_path: Path
) -> None:
    package = tmp_path / "transformers/models/mine"
    package.mkdir(parents=True)
    for file in (*LIBRARY, "torchvision.py"):
        (tmp_path / file).touch()
    source = f"{code}\n\nclass MineProcessor: pass\n"
    (package / "processing_mine.py").write_text(source)
    base = replace(QWEN, model_type="got_ocr2", processor_class="MineProcessor")
    if not is_refused:
        refuse_modality(Library((tmp_path,)), "Qwen", base)
        return
    for library in (Library((tmp_path,)), Library(())):
        with pytest.raises(UnsupportedBaseError, match="puts no images into a prompt"):
            refuse_modality(library, "Qwen", base)


def test_a_text_model_needs_nothing() -> None:
    refuse_modality(Library(()), "Llama", ARCHETYPES[0].base)


def test_a_checkpoint_of_other_parts() -> None:
    other = replace(QWEN, layer_classes=("Gemma2DecoderLayer",), checkpoint="here")
    refuse_parts("here", QWEN, QWEN)
    words = "made of Gemma2DecoderLayer, and the tiny checkpoint to prove it on of Qwen"
    with pytest.raises(UnsupportedBaseError, match=words):
        refuse_parts("here", other, QWEN)


def test_refused_by_its_model_type(old_site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    text = '{"architectures": ["ToyForCausalLM"], "model_type": "xlm"}'
    (folder / "config.json").write_text(text)
    with pytest.raises(UnsupportedBaseError, match="counts padding from the right"):
        find_base(str(folder), [old_site])
