"""What no source tells of a text family, so that a tiny model can be made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from rlinf_scaffold.spec import Base

FILE: Final = Path(__file__).with_name("text.json")

Setting: TypeAlias = "bool | int | float | str | list[Setting] | dict[str, Setting]"
Settings: TypeAlias = Mapping[str, Setting]


@cache
def text_rules() -> Mapping[str, Settings]:
    """Return settings by their dotted path, by model type; most types need none."""
    rules: dict[str, dict[str, Setting]] = json.loads(FILE.read_text("utf-8"))
    return MappingProxyType(rules)


def tiny_settings(base: Base) -> dict[str, Setting]:
    """Return what makes a base tiny, and lets it decode, besides its sizes."""
    decodes: dict[str, Setting] = {"is_decoder": True} if base.decoder_switch else {}
    return {**decodes, **text_rules().get(base.model_type, {})}
