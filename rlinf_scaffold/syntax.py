"""Python source to syntax tree, for reading; and the text that a parser can take."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from textwrap import shorten

from rlinf_scaffold.errors import SourceSyntaxError

BOM = "\ufeff"
COLLECTIONS = ("set", "frozenset", "list", "tuple")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NAMES = (ast.Name, ast.Attribute)
# Bytes that are no UTF-8 are read as lone surrogates, which parsers refuse; while they
# parse, such bytes are characters of a private plane that no source uses.
_SURROGATES = range(0xDC80, 0xDD00)
_PRIVATE = 0x10F000
_TO_PRIVATE = {code: _PRIVATE + code - 0xDC80 for code in _SURROGATES}
_FROM_PRIVATE = {private: code for code, private in _TO_PRIVATE.items()}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A statement that binds a target, annotated or not, and what it binds it to."""

    node: ast.Assign | ast.AnnAssign
    value: ast.expr


def to_parsable(source: str) -> str:
    """Return the source without byte-order mark and lone surrogates."""
    return source.removeprefix(BOM).translate(_TO_PRIVATE)


def from_parsable(text: str, original: str) -> str:
    """Return edited parsable text with the original's mark and bytes back in place."""
    mark = BOM if original.startswith(BOM) else ""
    return mark + text.translate(_FROM_PRIVATE)


@lru_cache(maxsize=256)
def parse(source: str, path: PurePosixPath) -> ast.Module:
    """Return the syntax tree of a Python file.

    Raises:
        SourceSyntaxError: the source does not parse; names the line.
    """
    try:
        return ast.parse(to_parsable(source))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or str(error)
        raise SourceSyntaxError(path, line, reason) from error


def children(node: ast.AST) -> list[ast.AST]:
    """Return what stands directly below a node, but for contexts such as `ast.Load`.

    A checkout has a million nodes: `ast.iter_child_nodes` takes three times as long.
    """
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None) if name != "ctx" else None
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it in the order of `ast.walk`, as `children` does."""
    level = [node]
    while level:
        yield from level
        level = [child for above in level for child in children(above)]


def spelled(node: ast.AST) -> str:
    """Return the code of an expression as `ast.unparse`, but faster for dotted names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, _NAMES):
        return f"{spelled(node.value)}.{node.attr}"
    return ast.unparse(node)


def last_name(node: ast.expr) -> str:
    """Return what stands behind the last dot of an expression's code."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return spelled(node).rpartition(".")[2]


def find_function(body: list[ast.stmt], name: str) -> ast.FunctionDef | None:
    """Return the last function of this name in a body, as Python binds it."""
    found = [
        node for node in body if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return found[-1] if found else None


def find_class(body: list[ast.stmt], name: str) -> ast.ClassDef | None:
    """Return the last class of this name in a body, as Python binds it."""
    found = [
        node for node in body if isinstance(node, ast.ClassDef) and node.name == name
    ]
    return found[-1] if found else None


def find_assignment(body: list[ast.stmt], target: str) -> Assignment | None:
    """Return the last assignment to a target, which may hold dots."""
    found = None
    for node in body:
        if isinstance(node, ast.Assign):
            targets: Sequence[ast.expr] = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if node.value is not None and target in map(spelled, targets):
            found = Assignment(node, node.value)
    return found


def find_literal(value: ast.expr) -> ast.Set | ast.List | ast.Tuple | None:
    """Return the literal that a value is, or that ``set({...})`` and its like wrap."""
    if isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
        wrapped = ast.unparse(value.func) in COLLECTIONS
        return find_literal(value.args[0]) if wrapped else None
    return value if isinstance(value, (ast.Set, ast.List, ast.Tuple)) else None


def strings(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """Yield the string constants among nodes, with their lines."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


def bound_names(body: list[ast.stmt]) -> set[str]:
    """Return the names that statements bind where they stand, blocks included."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, DEFINITIONS):
            names.add(node.name)
            continue
        for child in walk(node):
            if isinstance(child, ast.alias):
                names.add((child.asname or child.name).split(".")[0])
            elif isinstance(child, DEFINITIONS):
                names.add(child.name)
            elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                names.add(child.id)
    return names


def parameter_names(function: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of a function's parameters, ``*`` and ``**`` ones with them."""
    arguments = function.args
    named = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    rest = [("*", arguments.vararg), ("**", arguments.kwarg)]
    return (
        *(parameter.arg for parameter in named),
        *(f"{stars}{parameter.arg}" for stars, parameter in rest if parameter),
    )


def takes(
    function: ast.FunctionDef, positional: tuple[str, ...], keywords: tuple[str, ...]
) -> bool:
    """Whether a call with these first parameters and these keywords is complete."""
    arguments = function.args
    ordered = [p.arg for p in (*arguments.posonlyargs, *arguments.args)]
    named = {p.arg for p in (*arguments.args, *arguments.kwonlyargs)}
    return (
        tuple(ordered[: len(positional)]) == positional
        and set(keywords) <= named
        and {*required_parameters(function)} <= {*positional, *keywords}
    )


def required_parameters(function: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of a function's parameters that have no default."""
    arguments = function.args
    ordered = (*arguments.posonlyargs, *arguments.args)
    keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return (
        *(p.arg for p in ordered[: len(ordered) - len(arguments.defaults)]),
        *(p.arg for p, default in keywords if default is None),
    )


def links_of(chain: ast.If) -> list[ast.If]:
    """Return the ``if`` of a chain and its ``elif``s."""
    found = [chain]
    while len(found[-1].orelse) == 1 and isinstance(found[-1].orelse[0], ast.If):
        found.append(found[-1].orelse[0])
    return found


def alone(branch: ast.If) -> ast.If:
    """Return a branch of a chain without those behind it."""
    return ast.If(test=branch.test, body=branch.body, orelse=[])


def headline(node: ast.stmt) -> str:
    """Return the first line of a statement, decorators aside, in a few words."""
    lines = ast.unparse(node).splitlines()
    first = next(line for line in lines if not line.startswith("@"))
    return shorten(first, width=72, placeholder=" ...")


def is_same_code(node: ast.stmt, *texts: str) -> bool:
    """Whether a statement is, formatting and comments apart, one of those given."""
    return ast.dump(node) in {ast.dump(ast.parse(text).body[0]) for text in texts}
