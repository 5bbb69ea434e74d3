"""A checkpoint's config.json, distrusted: parsed as JSON, its class names checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rlinf_scaffold.errors import UnsupportedBaseError, quoted

FILE: Final = "config.json"
_DEEPEST: Final = 64
# What makes inputs may bring code of its own.
_BESIDE: Final = (
    *("tokenizer_config.json", "processor_config.json"),
    "preprocessor_config.json",
)
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
        files: the names of its files.
        is_fetched: whether it is a repository, of which not all files may be here.
    """

    folder: str
    path: Path
    settings: Mapping[str, object]
    architecture: str
    model_type: str
    remote: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: tuple[str, ...] = ()
    is_fetched: bool = False


def read_checkpoint(
    folder: str, path: Path | None = None, files: Iterable[str] | None = None
) -> Checkpoint:
    """Read a folder's config.json.

    Args:
        folder: the folder or the repository, as the user wrote it.
        path: where its files lie; None is that folder.
        files: the names of a repository's files, wherever they lie; None for a folder.

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
        remote=remote_code(settings),
        files=tuple(sorted(_names(path) if files is None else files)),
        is_fetched=files is not None,
    )


def parse_json(raw: bytes) -> object:
    """Return what JSON says, in UTF-8 alone as those who load it read it.

    Raises:
        ValueError: it is none, or nested deeper than what works with it can follow.
    """
    try:
        parsed: object = json.loads(raw.decode("utf-8"))
    except RecursionError as error:
        raise ValueError(error) from error
    level, depth = [parsed], 0
    while level := [item for value in level for item in _items(value)]:
        depth += 1
        if depth > _DEEPEST:
            message = f"it is nested deeper than {_DEEPEST} levels"
            raise ValueError(message)
    return parsed


def remote_code(settings: object) -> dict[str, str]:
    """Return the code that each auto class would run, wherever in a JSON it stands."""
    maps = (value for key, value in _entries(settings) if key == "auto_map" and value)
    each = (it.items() if isinstance(it, dict) else [("auto_map", it)] for it in maps)
    return {str(auto): _target(named) for pairs in each for auto, named in pairs}


def code_beside(checkpoint: Checkpoint) -> dict[str, dict[str, str]]:
    """Return the code that files beside config.json would run, by their names."""
    found: dict[str, dict[str, str]] = {}
    for name in _BESIDE:
        try:
            code = remote_code(parse_json((checkpoint.path / name).read_bytes()))
        except (OSError, ValueError):
            continue
        if code:
            found[name] = code
    return found


def _names(path: Path) -> list[str]:
    return [entry.name for entry in path.iterdir()]


def _parse(folder: str, path: Path) -> dict[str, object]:
    try:
        parsed = parse_json((path / FILE).read_bytes())
    except ValueError as error:
        raise UnsupportedBaseError(folder, f"{FILE} is no JSON: {error}") from error
    except OSError as error:
        reason = f"{FILE} cannot be read: {error.strerror}"
        raise UnsupportedBaseError(folder, reason) from error
    if not isinstance(parsed, dict):
        raise UnsupportedBaseError(folder, f"{FILE} is no JSON object")
    return parsed


def _items(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _entries(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from value.items()
    for item in _items(value):
        yield from _entries(item)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in _items(value):
        yield from _texts(item)


def _danger(key: str, value: object) -> str | None:
    if key in _FORBIDDEN:
        return f"sets {key}, which can make transformers execute code from the Hub"
    if key.endswith("attn_implementation"):
        for kernel in _texts(value):
            if "/" in kernel:
                said = quoted(kernel)
                return f"sets {key} to {said}, code from the Hub to execute"
    return None


def _target(named: object) -> str:
    return str(named[0] if isinstance(named, list) and named else named)


def _architecture(folder: str, settings: Mapping[str, object]) -> str:
    named = settings.get("architectures") or []
    if not isinstance(named, list):
        reason = f"{FILE} has architectures {quoted(named)}, which is no list"
        raise UnsupportedBaseError(folder, reason)
    first = named[0] if named else ""
    if not isinstance(first, str) or (first and not first.isidentifier()):
        said = quoted(first)
        reason = f"{FILE} names the architecture {said}, which is no class name"
        raise UnsupportedBaseError(folder, reason)
    return first


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""
