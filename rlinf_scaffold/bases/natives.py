"""Calls that need no source: Python's builtins, copies, and calls made before."""

from __future__ import annotations

from collections.abc import Mapping

from rlinf_scaffold.bases.library import Class, External, Library
from rlinf_scaffold.bases.values import (
    MOST_ITEMS,
    UNKNOWN,
    Instance,
    attempt,
    either,
    is_container,
    is_plain,
    items_of,
    truth,
)


def call_plain(callee: object, name: str, arguments: list[object]) -> object:
    """Return what a builtin makes of known values of bearable size."""
    known = all(is_plain(a) or is_container(a) for a in arguments)
    if any(isinstance(a, range) and a[MOST_ITEMS:] for a in arguments):
        return UNKNOWN
    if not known or not callable(callee):
        return UNKNOWN
    result = attempt(callee, *arguments)
    lazy = name in ("enumerate", "iter", "reversed", "zip")
    return attempt(list, result) if lazy else result


def next_of(iterator: object) -> object:
    """Return an iterator's next value: iterators are lists that shrink, or cycles."""
    if isinstance(iterator, list) and iterator:
        return iterator.pop(0)
    return either(*(items_of(iterator) or (UNKNOWN,)))


def is_instance(arguments: list[object]) -> object:
    """Return ``isinstance`` of a value and classes, where that is known."""
    value, kinds = (*arguments, UNKNOWN, UNKNOWN)[:2]
    each = kinds if isinstance(kinds, tuple) else (kinds,)
    answers = [_is_of(value, kind) for kind in each]
    if True in answers:
        return True
    return UNKNOWN if None in answers else False


def is_subclass(library: Library, arguments: list[object]) -> object:
    """Return ``issubclass``: what is outside does not inherit from what is read."""
    cls, kind = (*arguments, UNKNOWN, UNKNOWN)[:2]
    if not isinstance(kind, Class) or not isinstance(cls, Class | External):
        return UNKNOWN
    return isinstance(cls, Class) and kind in library.lineage(cls)


def _is_of(value: object, kind: object) -> bool | None:
    if isinstance(kind, type):
        if isinstance(value, Instance):
            return False
        return isinstance(value, kind) if truth(value) is not None else None
    if isinstance(kind, Class) and isinstance(value, Instance):
        return kind in value.lineage
    outside = is_plain(value) or is_container(value)
    return False if isinstance(kind, Class) and outside else None


def copy_of(value: object) -> object:
    """Return a copy that can be changed on its own, one level deep."""
    if isinstance(value, Instance):
        return Instance(value.cls, value.lineage, dict(value.attributes))
    return attempt(type(value), value) if is_container(value) else value


def memo_key(
    cls: Class, arguments: list[object], keywords: Mapping[str, object]
) -> tuple[object, ...] | None:
    """Return what tells one construction from another; None if that can change."""
    values = (*arguments, *keywords.values())
    if not all(_is_frozen(value) for value in values):
        return None
    parts = [(type(v), id(v) if isinstance(v, Instance) else v) for v in values]
    return (cls, len(arguments), *keywords, *parts)


def _is_frozen(value: object) -> bool:
    return isinstance(value, Instance | External | str | int | float | None | Class)
