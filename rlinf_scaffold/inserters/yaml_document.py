"""A YAML text, what it holds, and where each node of it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from rlinf_scaffold.errors import SourceSyntaxError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import CollectionNode, Node

Keys: TypeAlias = "tuple[str | int, ...]"
Value: TypeAlias = (
    "str | int | float | bool | Sequence[Value] | Mapping[str, Value] | None"
)
Path: TypeAlias = "PurePosixPath | str"

_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+|$))*")
_COLON = re.compile(r"(?:\s*:)?")


@dataclass(frozen=True, slots=True)
class Place:
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
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a collection; a key that is no string is None."""

    key: str | int | None
    start: int
    place: Place


@dataclass(frozen=True)
class Document:
    """A parsed text; merged keys are in its data, but have no place of their own."""

    path: Path
    text: str
    root: Place
    data: Value

    @cached_property
    def leaves(self) -> Mapping[Keys, str]:
        """What it holds, see the function."""
        return leaves(self.data)

    def chain(self, keys: Keys) -> tuple[Entry, ...]:
        """Return the entries along the keys, as far as they are written out."""
        chain: tuple[Entry, ...] = ()
        entries = self.root.entries
        for key in keys:
            found = next((entry for entry in entries if entry.key == key), None)
            if found is None:
                return chain
            chain = (*chain, found)
            entries = found.place.entries
        return chain


@lru_cache(maxsize=256)
def parse(text: str, path: Path) -> Document:
    """Return the one YAML document that a text is.

    Raises:
        SourceSyntaxError: it is not one, or a key stands in it twice.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            return Document(path, text, Place(0, 0, "absent"), None)
        root = _place(text, node, floor=-1)
        return Document(path, text, root, yaml.constructor.construct_document(node))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceSyntaxError(path, line, str(error.problem)) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SourceSyntaxError(path, line, error.reason) from error
    except ValueError as error:
        raise SourceSyntaxError(path, 1, str(error)) from error


def _place(text: str, node: Node, floor: int) -> Place:
    """Return where a node stands; one that starts before its floor is an alias."""
    from ruamel.yaml.nodes import CollectionNode

    start, end = node.start_mark.index, node.end_mark.index
    if start < floor or start == end:
        return Place(floor, floor, "absent")
    properties = _PROPERTIES.match(text, start, end)
    start = properties.end() if properties else start
    if not isinstance(node, CollectionNode):
        end = start + len(text[start:end].rstrip())
        return Place(start, end, getattr(node, "style", None) or "plain")
    entries = tuple(_entries(text, node))
    if node.flow_style:
        return Place(start, end, "flow", entries)
    kind = "mapping" if isinstance(node.value[0], tuple) else "sequence"
    return Place(start, entries[-1].place.end, kind, entries)


def _entries(text: str, node: CollectionNode) -> Iterator[Entry]:
    floor = node.start_mark.index + 1
    for index, member in enumerate(node.value):
        if isinstance(member, tuple):
            key, value = member
            colon = _COLON.match(text, key.end_mark.index)
            floor = colon.end() if colon else key.end_mark.index
            name = key.value if key.tag == "tag:yaml.org,2002:str" else None
            yield Entry(name, key.start_mark.index, _place(text, value, floor))
        else:
            place = _place(text, member, floor)
            floor = place.end
            yield Entry(index, place.start, place)


def members(value: Value) -> dict[str | int, Value]:
    """Return what a collection holds by key or index; a scalar holds nothing."""
    if isinstance(value, Mapping):
        return dict(value.items())
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return dict(enumerate(value))
    return {}


def leaves(value: Value, at: Keys = ()) -> dict[Keys, str]:
    """Return each leaf by its keys; spelled so that 1, 1.0 and True differ."""
    held = members(value)
    if not held:
        return {at: json.dumps(value, ensure_ascii=False, default=repr)}
    return {
        keys: leaf
        for key, member in held.items()
        for keys, leaf in leaves(member, (*at, key)).items()
    }
