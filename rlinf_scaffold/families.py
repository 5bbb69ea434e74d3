"""What no source tells of a family that sees, so that a tiny one can be made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

FILE: Final = Path(__file__).with_name("bases") / "tiny" / "vision.json"

Setting: TypeAlias = "bool | int | float | str | list[Setting] | dict[str, Setting]"
Settings: TypeAlias = Mapping[str, Setting]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What cannot be read of a family, by its model type; most need nothing.

    Attributes:
        processor_class: its processor, where transformers lists none.
        classes: classes of the processor's parts that the sources do not tell.
        config: settings of a tiny configuration, by dotted path.
        token_ids: settings of the configuration that hold a token's id, with its text.
        texts: special tokens that its processor does not name.
        image_settings: what the tiny image processor is told.
        video_settings: what the tiny video processor is told.
        processor_settings: what the tiny processor is told about them.
        image_size: height and width of the images that the proofs process.
        image_tokens: the most tokens that an image takes in a prompt of the proofs.
        placeholder: attributes of a processor whose texts stand for an image, one after
            the other, where that is not its image token alone.
        one_image: whether it takes one image for each prompt.
        frames: how many frames it takes of each image, as a video; 0 where it takes images.
        needs_images: whether it reads no prompt without images, which its code does not say.
        flat_images: whether its processor takes one list of images for all prompts.
        packed: arguments that hold the images of all prompts in one row, along their last
            dimension.
        counts: arguments that count rows of another one over the images of all prompts, each
            with that one; a negative number counts none.
        reads_prompts_both_ways: whether each token of a prompt attends to all of it, as
            its ``token_type_ids`` and ``labels`` tell.
        numbers_images: whether it counts the images of all samples in one row, so that what
            it makes of one depends on those before it.
        told: what its processor is told with each prompt, besides what it is set to.
        mark: what its tokenizers write before a text, and its processor takes away.
        uncached: whether it generates other tokens from its cache where prompts are padded.
        cached: whether it generates from its cache alone.
        packages: what it imports that transformers does not depend on.
        requires: what the code of its processor says, and why there is no policy where it
            does not.
        refusal: why no policy can be made of it, if so.
    """

    processor_class: str = ""
    classes: Mapping[str, str] = field(default_factory=dict)
    config: Settings = field(default_factory=dict)
    token_ids: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    image_settings: Settings = field(default_factory=dict)
    video_settings: Settings = field(default_factory=dict)
    processor_settings: Settings = field(default_factory=dict)
    image_size: int = 56
    image_tokens: int = 40
    placeholder: tuple[str, ...] = ("image_token",)
    one_image: bool = False
    frames: int = 0
    needs_images: bool = False
    flat_images: bool = False
    packed: tuple[str, ...] = ()
    counts: Mapping[str, str] = field(default_factory=dict)
    reads_prompts_both_ways: bool = False
    numbers_images: bool = False
    told: Settings = field(default_factory=dict)
    mark: str = ""
    uncached: bool = False
    cached: bool = False
    packages: tuple[str, ...] = ()
    requires: tuple[str, str] = ("", "")
    refusal: str = ""


@cache
def families() -> Mapping[str, Family]:
    """Return the families that something is known of, by model type."""
    rows = json.loads(FILE.read_text("utf-8"))
    return MappingProxyType({kind: _family(row) for kind, row in rows.items()})


def family_of(model_type: str) -> Family:
    """Return what is known of a family; nothing, for most."""
    return families().get(model_type, Family())


def _family(row: dict[str, object]) -> Family:
    named = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in row.items()
    }
    return Family(**named)  # type: ignore[arg-type]
