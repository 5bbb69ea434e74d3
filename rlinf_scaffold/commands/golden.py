"""Golden trees: what every layout and archetype renders to, compared both ways."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from rlinf_scaffold.apply import apply
from rlinf_scaffold.changes import ChangeSet, FileChange, Kind
from rlinf_scaffold.checkout import Checkout, Tree, walk_files
from rlinf_scaffold.contracts import detect_contract
from rlinf_scaffold.errors import GoldenWriteRefusedError
from rlinf_scaffold.heads import find_head
from rlinf_scaffold.layouts import Layout, all_layouts
from rlinf_scaffold.manifest import FOLDER
from rlinf_scaffold.planner import plan, resolve
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import Base, ModelSpec, Processor
from rlinf_scaffold.surfaces.recipe import choose_recipe


@dataclass(frozen=True, slots=True)
class Archetype:
    """A model that stands for its kind in the golden trees."""

    name: str
    spec: ModelSpec
    base: Base


_LLAMA = Base(
    class_name="LlamaForCausalLM",
    module="transformers",
    config_class="LlamaConfig",
    config_module="transformers",
    model_type="llama",
    hidden_size=4096,
    vocab_size=32000,
    tie_word_embeddings=False,
    layer_classes=("LlamaDecoderLayer",),
    lora_targets=(
        *("down_proj", "gate_proj", "k_proj", "o_proj"),
        *("q_proj", "up_proj", "v_proj"),
    ),
    forward_arguments=(
        *("input_ids", "attention_mask", "position_ids", "past_key_values"),
        *("inputs_embeds", "labels", "use_cache", "logits_to_keep"),
    ),
)
_QWEN = Base(
    class_name="Qwen2_5_VLForConditionalGeneration",
    module="transformers",
    config_class="Qwen2_5_VLConfig",
    config_module="transformers",
    model_type="qwen2_5_vl",
    hidden_size=8192,
    vocab_size=152064,
    tie_word_embeddings=False,
    layer_classes=("Qwen2_5_VLDecoderLayer", "Qwen2_5_VLVisionBlock"),
    lora_targets=_LLAMA.lora_targets,
    forward_arguments=(
        *("input_ids", "attention_mask", "position_ids", "past_key_values"),
        *("inputs_embeds", "labels", "use_cache", "pixel_values", "image_grid_thw"),
        *("mm_token_type_ids", "logits_to_keep"),
    ),
    modality="vision",
    text_config="text_config",
    processor_class="Qwen2_5_VLProcessor",
    processor=Processor(
        parts=(
            ("image_processor", "Qwen2VLImageProcessor"),
            ("tokenizer", "PreTrainedTokenizerFast"),
            ("video_processor", "Qwen2VLVideoProcessor"),
        ),
        texts=("<|image_pad|>", "<|video_pad|>"),
        packages=("torchvision",),
    ),
    vision_layer_classes=("Qwen2_5_VLVisionBlock",),
    mrope=True,
)
_PALIGEMMA = Base(
    class_name="PaliGemmaForConditionalGeneration",
    module="transformers",
    config_class="PaliGemmaConfig",
    config_module="transformers",
    model_type="paligemma",
    hidden_size=2048,
    vocab_size=257152,
    tie_word_embeddings=True,
    layer_classes=("GemmaDecoderLayer", "SiglipEncoderLayer"),
    lora_targets=_LLAMA.lora_targets,
    forward_arguments=(
        *("input_ids", "pixel_values", "attention_mask", "position_ids"),
        *("past_key_values", "token_type_ids", "inputs_embeds", "labels"),
        *("use_cache", "logits_to_keep"),
    ),
    modality="vision",
    text_config="text_config",
    processor_class="PaliGemmaProcessor",
    processor=Processor(
        parts=(
            ("image_processor", "SiglipImageProcessor"),
            ("tokenizer", "GemmaTokenizerFast"),
        ),
        tokens=(("image_token", "<image_token>"),),
        texts=("<image>",),
    ),
    vision_layer_classes=("SiglipEncoderLayer",),
)
ARCHETYPES = (
    Archetype("text", ModelSpec(name="foo"), _LLAMA),
    Archetype(
        "text_chunks",
        ModelSpec(
            name="a_policy_with_a_name_of_32_chars",
            action_dim=14,
            action_chunks=8,
            value_head=False,
            lora=True,
            unnorm_key="bridge_orig",
        ),
        _LLAMA,
    ),
    Archetype("vision", ModelSpec(name="foo"), _QWEN),
    Archetype(
        "regression",
        ModelSpec(name="foo", head="regression", action_chunks=8),
        _LLAMA,
    ),
    Archetype(
        "flow",
        ModelSpec(name="foo", head="flow", action_chunks=8, state="token"),
        _PALIGEMMA,
    ),
    Archetype("state", ModelSpec(name="foo", state="token", state_dim=14), _LLAMA),
)


def compare(folder: Path) -> ChangeSet:
    """Return what would make a folder of golden trees equal to what is rendered now."""
    golden = Checkout(folder.resolve())
    expected = dict(render_all())
    stale = set(walk_files(golden, PurePosixPath())) - set(expected)
    return ChangeSet.of(
        [
            *(
                FileChange(path, before=golden.read(path), after=text)
                for path, text in expected.items()
            ),
            *(FileChange(path, before=golden.read(path), after=None) for path in stale),
        ]
    )


def update(folder: Path) -> ChangeSet:
    """Make a folder of golden trees equal to what is rendered now.

    Raises:
        GoldenWriteRefusedError: CI is set in the environment.
    """
    if os.environ.get("CI"):
        raise GoldenWriteRefusedError
    changes = compare(folder)
    apply(Checkout(folder.resolve()), changes, None)
    return changes


@cache
def render_all() -> tuple[tuple[PurePosixPath, str], ...]:
    """Return every golden file: created ones whole, modified ones as diffs.

    Manifests are left out: they hold the tool's version and digests of the rest.
    """
    return tuple(_render_all())


def _render_all() -> Iterator[tuple[PurePosixPath, str]]:
    for layout in all_layouts():
        checkout = practice_checkout(layout)
        for archetype in archetypes(checkout):
            folder = PurePosixPath(layout.name, archetype.name)
            for change in _plan(checkout, archetype):
                if change.path.parent == FOLDER:
                    continue
                if change.kind is Kind.CREATE:
                    yield folder / change.path, change.after or ""
                else:
                    yield folder / f"{change.path}.diff", change.diff()


def archetypes(tree: Tree) -> tuple[Archetype, ...]:
    """Return the archetypes that a checkout's workers can serve."""
    if not detect_contract(tree).prepares_observations:
        return ARCHETYPES
    return tuple(
        it
        for it in ARCHETYPES
        if it.base.modality == it.spec.state == "text"
        and find_head(it.spec.head).answers_in_logits
    )


def practice_checkout(layout: Layout) -> Checkout:
    """Return the practice checkout of a layout, as it is shipped."""
    return Checkout(templates_folder() / "checkouts" / layout.name)


def _plan(tree: Tree, archetype: Archetype) -> ChangeSet:
    recipe = choose_recipe(tree, archetype.spec)
    job = resolve(tree, replace(archetype.spec, recipe=str(recipe)), archetype.base)
    return plan(tree, job)
