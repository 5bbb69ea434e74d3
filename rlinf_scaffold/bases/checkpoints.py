"""A checkpoint's config.json, distrusted: parsed as JSON, its class names checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
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
        folder: the folder or the repository, as the user wrote it.
        path: where its files lie.
        settings: the JSON object.
        architecture: its first architecture, an identifier, or empty.
        model_type: its model type, or empty.
        remote: code of its own that loading it would run: what for each auto class.
    """

    folder: str
    path: Path
    settings: Mapping[str, object]
    architecture: str
    model_type: str
    remote: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def read_checkpoint(folder: str, path: Path | None = None) -> Checkpoint:
    """Read a folder's config.json.

    Args:
        folder: the folder or the repository, as the user wrote it.
        path: where its files lie; None is that folder.

    Raises:
        UnsupportedBaseError: it is no JSON object, or has kernels' code executed.
    """
    path = path or Path(folder)
    settings = _parse(folder, path)
    for key, value in _entries(settings):
        reason = _danger(key, value)
        if reason is not None:
            raise UnsupportedBaseError(folder, f"{FILE} {reason}")
    return Checkpoint(
        folder,
        path,
        settings,
        architecture=_architecture(folder, settings),
        model_type=_name(settings.get("model_type")),
        remote=_remote(settings),
    )


def _parse(folder: str, path: Path) -> dict[str, object]:
    try:
        parsed: object = json.loads((path / FILE).read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnsupportedBaseError(folder, f"{FILE} is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise UnsupportedBaseError(folder, f"{FILE} is no JSON object")
    return parsed


def _entries(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
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
    return None


def _remote(settings: Mapping[str, object]) -> dict[str, str]:
    """Return what each auto class would run, wherever in a config.json it stands."""
    maps = (value for key, value in _entries(settings) if key == "auto_map" and value)
    each = (it.items() if isinstance(it, dict) else [("auto_map", it)] for it in maps)
    return {str(auto): _target(named) for pairs in each for auto, named in pairs}


def _target(named: object) -> str:
    return str(named[0] if isinstance(named, list) and named else named)


def _architecture(folder: str, settings: Mapping[str, object]) -> str:
    named = settings.get("architectures")
    first = named[0] if isinstance(named, list) and named else ""
    if not isinstance(first, str) or (first and not first.isidentifier()):
        reason = f"{FILE} names the architecture {first!r}, which is no class name"
        raise UnsupportedBaseError(folder, reason)
    return first


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""
