"""YAML verbs, str -> str: read, set, add or remove one place, keep every other byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    SourceSyntaxError,
    WiringChangedError,
)

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

Keys: TypeAlias = "tuple[str | int, ...]"
Value: TypeAlias = (
    "str | int | float | bool | None | Sequence[Value] | Mapping[str, Value]"
)
Path: TypeAlias = "PurePosixPath | str"

_LINE = re.compile(r"[^\r\n]*")
_BREAK = re.compile(r"\r\n|\r|\n")
_COMMENT_LINE = re.compile(r"([ \t]*)#[^\r\n]*")
_TRAILING_COMMENT = re.compile(r"[ \t]+#[^\r\n]*")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_COLON = re.compile(r"\s*:|")
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.@-]*")
# YAML 1.1, which OmegaConf reads, takes each of these for a boolean or a null.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands.

    Attributes:
        start: offset of its first character, behind any anchor and tag.
        end: offset behind its last character.
        style: ``plain``, ``'``, ``"``, ``|``, ``>``, ``flow``, ``mapping``,
            ``sequence``, or ``absent`` where the text holds an alias or nothing.
        entries: what a collection holds, in order.
    """

    start: int
    end: int
    style: str
    entries: tuple[_Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One member of a collection; a key that is no string is None."""

    key: str | int | None
    start: int
    place: _Place


@dataclass(frozen=True, slots=True)
class _Document:
    path: Path
    text: str
    root: _Place
    data: Value


def read_value(text: str, keys: Keys, *, path: Path) -> Value:
    """Return what stands at a place, resolved as YAML 1.2 does.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: there is no such place.
    """
    value = _parse(text, path).data
    for depth, key in enumerate(keys, start=1):
        if isinstance(key, str) and isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(key, int) and isinstance(value, list) and key < len(value):
            value = value[key]
        else:
            place = _dotted(keys[:depth])
            raise AnchorNotFoundError(path, place, f"write {_dotted(keys)} there")
    return value


def has_key(text: str, keys: Keys, *, path: Path) -> bool:
    """Whether a place is written out in the text; merged keys do not count.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
    """
    return len(_chain(_parse(text, path), keys)) == len(keys)


def set_value(text: str, keys: Keys, value: Value, *, path: Path) -> str:
    """Write a value over the one that stands at a place, in that one's quotes.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: there is no such place, or a block stands there.
    """
    document = _parse(text, path)
    refusal = _refusal(path, keys, f"set {_dotted(keys)} to {_spell(value)}")
    chain = _chain(document, keys)
    if len(chain) != len(keys):
        raise refusal
    if _same(read_value(text, keys, path=path), value):
        return text
    place = chain[-1].place
    if place.style in {"mapping", "sequence"}:
        raise refusal
    old = text[place.start : place.end]
    new = _spell(value, place.style)
    if isinstance(value, bool) and old in {"true", "false"}:
        new = new.lower()
    after = f"{text[: place.start]}{'' if old else ' '}{new}{text[place.end :]}"
    return _checked(document, after, _replaced(document.data, keys, value), refusal)


def add_key(text: str, keys: Keys, value: Value, *, path: Path) -> str:
    """Add a key at the end of its block mapping, and the mappings it needs above it.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: no block mapping stands where the key belongs.
        WiringChangedError: the key is there with another value.
    """
    document = _parse(text, path)
    chain = _chain(document, keys)
    if len(chain) == len(keys):
        if _same(read_value(text, keys, path=path), value):
            return text
        line = _line_number(text, chain[-1].start)
        raise WiringChangedError(path, line, _dotted(keys), _spell(value))
    refusal = _refusal(path, keys[:-1], f"add {_dotted(keys)}: {_spell(value)}")
    depth = len(chain)
    for key in reversed(keys[depth + 1 :]):
        value = {str(key): value}
    parent = chain[-1].place if chain else document.root
    if parent.style == "mapping":
        column = _column(text, parent.entries[0].start)
        at = _end_with_comments(text, parent.end, column)
    elif chain and parent.style == "absent":
        column = _column(text, chain[-1].start) + 2
        at = _line_end(text, parent.end)
    else:
        raise refusal
    newline = _newline(text)
    lines = (newline + " " * column + line for line in _block(str(keys[depth]), value))
    after = text[:at] + "".join(lines) + text[at:]
    expected = _replaced(document.data, keys[: depth + 1], value)
    return _checked(document, after, expected, refusal)


def remove_key(text: str, keys: Keys, *, path: Path) -> str:
    """Remove a key of a block mapping, with its lines and the comments right above.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: the key does not stand on lines of its own, or is the
            only one of its mapping.
    """
    document = _parse(text, path)
    chain = _chain(document, keys)
    if len(chain) != len(keys):
        return text
    refusal = _refusal(path, keys, f"remove {_dotted(keys)}")
    parent = chain[-2].place if len(chain) > 1 else document.root
    if parent.style != "mapping" or len(parent.entries) == 1:
        raise refusal
    start, end = _lines(text, chain[-1])
    after = text[:start] + text[end:]
    return _checked(document, after, _removed(document.data, keys), refusal)


def drop_comment(text: str, keys: Keys, *, path: Path) -> str:
    """Remove the comment behind the value that stands at a place, if there is one.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: there is no such place.
    """
    document = _parse(text, path)
    refusal = _refusal(path, keys, f"remove the comment behind {_dotted(keys)}")
    chain = _chain(document, keys)
    if len(chain) != len(keys):
        raise refusal
    end = chain[-1].place.end
    comment = _TRAILING_COMMENT.match(text, end)
    after = text[:end] + text[comment.end() :] if comment else text
    return _checked(document, after, document.data, refusal)


def edit_comments(
    text: str, pattern: re.Pattern[str], replacement: str, *, path: Path
) -> str:
    """Substitute a pattern in the comments that stand on lines of their own.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: what looks like such a comment is part of a value.
    """
    document = _parse(text, path)
    after = re.sub(
        rf"(?m)^{_COMMENT_LINE.pattern}",
        lambda line: pattern.sub(replacement, line[0]),
        text,
    )
    refusal = AnchorNotFoundError(
        path, "comment outside a value", f"write {replacement} in the comments"
    )
    return _checked(document, after, document.data, refusal)


@lru_cache(maxsize=8)
def _parse(text: str, path: Path) -> _Document:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            return _Document(path, text, _Place(0, 0, "absent"), None)
        root = _place(text, node, floor=-1)
        return _Document(path, text, root, yaml.constructor.construct_document(node))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceSyntaxError(path, line, str(error.problem)) from error
    except (YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SourceSyntaxError(path, 1, reason) from error


def _place(text: str, node: Node, floor: int) -> _Place:
    """Return where a node stands; one that starts before its floor is an alias."""
    start, end = node.start_mark.index, node.end_mark.index
    if start < floor or start == end:
        return _Place(floor, floor, "absent")
    start += len(_PROPERTIES.match(text, start, end)[0])
    if node.id == "scalar":
        end = start + len(text[start:end].rstrip())
        return _Place(start, end, node.style or "plain")
    entries = tuple(_entries(text, node))
    if node.flow_style:
        return _Place(start, end, "flow", entries)
    return _Place(start, entries[-1].place.end, node.id, entries)


def _entries(text: str, node: Node) -> Iterator[_Entry]:
    floor = node.start_mark.index + 1
    if node.id == "sequence":
        for index, item in enumerate(node.value):
            place = _place(text, item, floor)
            yield _Entry(index, place.start, place)
            floor = place.end
        return
    for key, value in node.value:
        colon = _COLON.match(text, key.end_mark.index)
        floor = colon.end() if colon else key.end_mark.index
        name = key.value if key.tag == "tag:yaml.org,2002:str" else None
        yield _Entry(name, key.start_mark.index, _place(text, value, floor))


def _chain(document: _Document, keys: Keys) -> tuple[_Entry, ...]:
    """Return the entries along the keys, as far as they are written out."""
    chain: tuple[_Entry, ...] = ()
    entries = document.root.entries
    for key in keys:
        found = next((entry for entry in entries if entry.key == key), None)
        if found is None:
            return chain
        chain = (*chain, found)
        entries = found.place.entries
    return chain


def _checked(
    document: _Document, after: str, expected: Value, refusal: AnchorNotFoundError
) -> str:
    """Return the edited text if it reads as expected, all of it."""
    try:
        actual = _parse(after, document.path).data
    except SourceSyntaxError as error:
        raise refusal from error
    if not _same(actual, expected):
        raise refusal
    return after


def _replaced(data: Value, keys: Keys, value: Value) -> Value:
    if not keys:
        return value
    if isinstance(data, list) and isinstance(keys[0], int):
        item = _replaced(data[keys[0]], keys[1:], value)
        return [*data[: keys[0]], item, *data[keys[0] + 1 :]]
    mapping = data if isinstance(data, Mapping) else {}
    return {**mapping, keys[0]: _replaced(mapping.get(str(keys[0])), keys[1:], value)}


def _removed(data: Value, keys: Keys) -> Value:
    parent = data
    for key in keys[:-1]:
        parent = parent[key]
    kept = {key: value for key, value in parent.items() if key != keys[-1]}
    return _replaced(data, keys[:-1], kept)


def _same(left: Value, right: Value) -> bool:
    """Whether two values are equal, a boolean never being a number."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            _same(left[key], right[key]) for key in left
        )
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_same, left, right))
    return repr(left) == repr(right)


def _spell(value: Value, style: str = '"') -> str:
    """Return a value in one line, a string in this style where it can be."""
    if isinstance(value, str):
        if style == "plain" and _PLAIN.fullmatch(value) and value not in _WORDS:
            return value
        if style == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, Mapping):
        pairs = (f"{_spell(key, 'plain')}: {_spell(value[key])}" for key in value)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_spell, value))}]"
    return "null" if value is None else str(value)


def _block(key: str, value: Value) -> Iterator[str]:
    """Yield the lines of a key and its value in block style, from column 0."""
    name = _spell(key, "plain")
    if isinstance(value, Mapping) and value:
        yield f"{name}:"
        for child, below in value.items():
            yield from (f"  {line}" for line in _block(child, below))
    elif isinstance(value, Sequence) and value and not isinstance(value, str):
        yield f"{name}:"
        yield from (f"  - {_spell(item)}" for item in value)
    else:
        yield f"{name}: {_spell(value)}"


def _lines(text: str, entry: _Entry) -> tuple[int, int]:
    """Return the span of an entry's own lines, comments and spare blank line."""
    column = _column(text, entry.start)
    start = _line_start(text, entry.start)
    while (above := _COMMENT_LINE.fullmatch(_line_above(text, start))) and (
        len(above[1]) == column
    ):
        start = _line_start(text, start, back=1)
    end = _end_with_comments(text, entry.place.end, column + 1)
    ...
