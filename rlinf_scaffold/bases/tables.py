"""The embeddings whose weights a base reads itself, and not by calling them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from rlinf_scaffold.bases.library import Class
from rlinf_scaffold.bases.parts import instances, is_embedding
from rlinf_scaffold.bases.values import Instance

_HARMLESS: Final = ("dtype", "device", "shape", "size")


def read_tables(model: Instance) -> tuple[str, ...]:
    """Return the owner's class and the name of each such embedding, as ``Class.name``.

    FSDP2 as RLinf applies it makes a unit of each embedding, whose weight is whole only
    while it is called.
    """
    parts = list(instances(model))
    classes = dict.fromkeys(owner for part in parts for owner in part.owners())
    read = set(_read(classes))
    found = {
        f"{part.cls.name}.{name}"
        for part in parts
        for name, value in part.attributes.items()
        if name in read and is_embedding(value)
    }
    return tuple(sorted(found))


def _read(classes: Iterable[Class]) -> Iterator[str]:
    """Yield the names of parts whose weights methods compute with."""
    for cls in classes:
        for name, method in cls.methods.items():
            if name not in ("__init__", "_init_weights"):
                yield from _weights(method)


def _weights(method: ast.FunctionDef) -> Iterator[str]:
    harmless = {
        part.value
        for part in ast.walk(method)
        if isinstance(part, ast.Attribute) and part.attr in _HARMLESS
    }
    for part in ast.walk(method):
        if (
            isinstance(part, ast.Attribute)
            and part.attr == "weight"
            and part not in harmless
            and isinstance(part.value, ast.Attribute)
        ):
            yield part.value.attr
