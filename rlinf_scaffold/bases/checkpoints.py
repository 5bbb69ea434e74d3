"""A checkpoint's config.json, distrusted: parsed as JSON, its class names checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rlinf_scaffold.errors import UnsupportedBaseError

FILE: Final = "config.json"
_FORBIDDEN: Final = (
    "_attn_implementation_internal",
    "_experts_implementation_internal",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder's config.json says.

    Attributes:
        folder: the folder, as the user wrote it.
        settings: the JSON object.
        architecture: its first architecture, an identifier, or empty.
        model_type: its model type, or empty.
    """

    folder: str
    settings: Mapping[str, object]
    architecture: str
    model_type: str


def read_checkpoint(folder: str) -> Checkpoint:
    """Read a folder's config.json.

    Raises:
        UnsupportedBaseError: it is no JSON object, or asks for code to be executed.
    """
    settings = _parse(folder)
    for key, value in _entries(settings):
        reason = _danger(key, value)
        if reason is not None:
            raise UnsupportedBaseError(folder, f"{FILE} {reason}")
    return Checkpoint(
        folder,
        settings,
        architecture=_architecture(folder, settings),
        model_type=_name(settings.get("model_type")),
    )


def _parse(folder: str) -> dict[str, object]:
    try:
        parsed: object = json.loads((Path(folder) / FILE).read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnsupportedBaseError(folder, f"{FILE} is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise UnsupportedBaseError(folder, f"{FILE} is no JSON object")
    return parsed


def _entries(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from _entries(item)
    elif isinstance(value, list):
        for item in value:
            yield from _entries(item)


def _danger(key: str, value: object) -> str | None:
    if key in _FORBIDDEN:
        return f"sets {key}, which can make transformers execute code from the Hub"
    if key.endswith("attn_implementation"):
        named = value.values() if isinstance(value, dict) else [value]
        for kernel in named:
            if isinstance(kernel, str) and "/" in kernel:
                return f"sets {key} to {kernel!r}, code from the Hub to execute"
    if key == "auto_map" and value:
        return (
            f"needs remote code: loading it executes {_targets(value)}, which is not "
            "read without trust"
        )
    return None


def _targets(auto_map: object) -> str:
    values = auto_map.values() if isinstance(auto_map, dict) else [auto_map]
    return ", ".join(
        sorted({str(v[0] if isinstance(v, list) and v else v) for v in values})
    )


def _architecture(folder: str, settings: Mapping[str, object]) -> str:
    named = settings.get("architectures")
    first = named[0] if isinstance(named, list) and named else ""
    if not isinstance(first, str) or (first and not first.isidentifier()):
        reason = f"{FILE} names the architecture {first!r}, which is no class name"
        raise UnsupportedBaseError(folder, reason)
    return first


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""
