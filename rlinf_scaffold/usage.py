"""Which settings a checkout's own code reads: from syntax trees, nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree, python_files
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.syntax import parse, walk

_METHODS = frozenset({"get", "items", "keys", "pop", "update", "values"})


def reads(
    tree: Tree, places: Iterable[PurePosixPath], *owner: str
) -> Mapping[str, str]:
    """Return each key that code reads of a part of the settings, and where first.

    Args:
        tree: the checkout.
        places: Python files, and folders with all that is below them.
        owner: the part, as code spells it: ``actor``, ``model``. A name of its own that
            a file gives to it is followed.
    """
    found: dict[str, str] = {}
    mention = re.compile(r"\W{1,12}(?:get\W{1,3})?".join(map(re.escape, owner)))
    for path in (path for place in places for path in _sources(tree, place)):
        text = tree.read(path) or ""
        if not mention.search(text):
            continue
        try:
            module = parse(text, path)
        except SourceSyntaxError:
            continue  # what does not parse reads nothing
        aliases = {owner, *((name,) for name in _aliases(module, owner))}
        for node in walk(module):
            key = _key(node, aliases)
            if key is not None and key not in _METHODS:
                found.setdefault(key, f"{path}:{getattr(node, 'lineno', 1)}")
    return found


def names(tree: Tree, place: PurePosixPath, key: str) -> bool:
    """Whether code reads a key of anything; true where there is no code to tell."""
    texts = [tree.read(path) or "" for path in _sources(tree, place)]
    mention = re.compile(rf"(?:[\"']|\bconfig\.){key}\b")
    return not texts or any(map(mention.search, texts))


def _sources(tree: Tree, place: PurePosixPath) -> Iterator[PurePosixPath]:
    return iter([place]) if place.suffix == ".py" else python_files(tree, place)


def _aliases(module: ast.Module, owner: tuple[str, ...]) -> Iterator[str]:
    """Yield the variables that hold the part; attributes go by their last name."""
    for node in walk(module):
        if isinstance(node, ast.Assign) and _is_part(node.value, {owner}):
            for target in node.targets:
                yield from _dotted(target)[-1:]


def _key(node: ast.AST, owners: set[tuple[str, ...]]) -> str | None:
    """Return the key that an expression reads of a part, if it is one that does."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=part, attr="get"),
            args=[ast.Constant(value=str(key)), *_],
        ):
            pass
        case ast.Call(
            func=ast.Name(id="getattr" | "hasattr"),
            args=[part, ast.Constant(value=str(key)), *_],
        ):
            pass
        case ast.Subscript(value=part, slice=ast.Constant(value=str(key))):
            pass
        case ast.Compare(
            left=ast.Constant(value=str(key)),
            ops=[ast.In() | ast.NotIn()],
            comparators=[part],
        ):
            pass
        case ast.Attribute(value=part, attr=key):
            pass
        case _:
            return None
    return key if _is_part(part, owners) else None


def _is_part(node: ast.expr, owners: set[tuple[str, ...]]) -> bool:
    names = _dotted(node)
    return any(names[-len(owner) :] == owner for owner in owners)


def _dotted(node: ast.expr) -> tuple[str, ...]:
    """Return the names of a chain of attributes, ``.get("name")`` among them."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            return (*_dotted(value), name)
        case ast.Call(
            func=ast.Attribute(value=value, attr="get"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return (*_dotted(value), name)
        case _:
            return ("",)
