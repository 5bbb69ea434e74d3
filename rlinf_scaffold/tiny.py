"""What no source tells of a text family: why it is refused, and what makes it tiny."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

from rlinf_scaffold.spec import Base

FILE: Final = Path(__file__).with_name("bases") / "tiny" / "text.json"

Setting: TypeAlias = (
    "bool | int | float | str | list[Setting] | dict[str, Setting] | None"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is known of text families, by model type; of most it is nothing.

    Attributes:
        refusals: why no policy can be made of it.
        unfit: what the code of its layers says where no policy can be made of it, and why.
        decoding: words on how it decodes, unless as others do: ``uncached``, where its cache gives
            other logits; ``stepwise``, where generation gives it other inputs than a
            forward pass over all tokens has; ``unmasked``, where it refuses padding;
            ``streamed``, where its head reads further tokens ahead, too; ``routed``,
            where its routers draw at random in training; ``mixed``, where weights stay in
            another dtype than is asked for.
        imposed: settings without which rollout and training would disagree.
        widened: layers that compute in float32 with weights that FSDP casts, each as
            ``Class.name`` of what it is a part of.
        undivided: classes of layers of which several have the same weights, or some never
            run, so that none may be a unit of FSDP.
        settings: what makes it tiny besides its sizes, by the dotted path of a setting;
            its configuration decides on those that are None.
    """

    refusals: Mapping[str, str]
    unfit: Mapping[str, tuple[str, str]]
    decoding: Mapping[str, str]
    imposed: Mapping[str, Mapping[str, Setting]]
    widened: Mapping[str, list[str]]
    undivided: Mapping[str, list[str]]
    settings: Mapping[str, Mapping[str, Setting]]


@cache
def text_rules() -> Rules:
    """Return the rules that are shipped."""
    return Rules(**json.loads(FILE.read_text("utf-8")))


def imposed_settings(base: Base) -> dict[str, Setting]:
    """Return what the configuration of a policy must say, whatever the checkpoint's."""
    decodes: dict[str, Setting] = {"is_decoder": True} if base.decoder_switch else {}
    return {**decodes, **text_rules().imposed.get(base.model_type, {})}


def tiny_settings(base: Base) -> dict[str, Setting]:
    """Return what makes a base tiny, and lets it decode, besides its sizes."""
    sizes = text_rules().settings.get(base.model_type, {})
    return {**imposed_settings(base), **sizes}
