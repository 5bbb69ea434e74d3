"""The model types that an expression spells out, and where each of them stands."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rlinf_scaffold.sites.names import Scope, Source
from rlinf_scaffold.syntax import last_name, spelled, walk

Named = tuple[str, ...]
_BUILDERS = frozenset({"set", "frozenset", "list", "tuple", "dict", "sorted"})
_VIEWS = frozenset({"keys", "items", "copy"})


@dataclass(frozen=True, slots=True)
class Found:
    """Model types in the order in which they are written.

    Attributes:
        names: the types.
        by_member: whether all of them are members of ``SupportedModel``.
    """

    names: Named = ()
    by_member: bool = False


def named_in(node: ast.expr, scope: Scope) -> Found:
    """Return the model types that an expression is, or is a collection of."""
    found = list(_elements(node, scope))
    names = tuple(dict.fromkeys(name for name, _ in found))
    return Found(names, bool(found) and all(member for _, member in found))


def _elements(node: ast.expr, scope: Scope) -> Iterator[tuple[str, bool]]:
    """Yield each type, and whether a member stands for it."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value, False
    elif isinstance(node, ast.Attribute):
        yield from _of_attribute(node, scope)
    elif isinstance(node, (ast.Set, ast.List, ast.Tuple)):
        for element in node.elts:
            yield from _elements(element, scope)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            if key is not None:
                yield from _elements(key, scope)
    elif isinstance(node, ast.Starred):
        yield from _elements(node.value, scope)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.BitOr)):
        yield from _elements(node.left, scope)
        yield from _elements(node.right, scope)
    elif isinstance(node, (ast.SetComp, ast.ListComp, ast.GeneratorExp, ast.DictComp)):
        yield from _elements(node.generators[0].iter, scope)
    elif isinstance(node, ast.Call):
        yield from _of_call(node, scope)
    elif isinstance(node, ast.Name):
        yield from _of_name(node.id, scope)


def _of_attribute(node: ast.Attribute, scope: Scope) -> Iterator[tuple[str, bool]]:
    if node.attr in ("value", "name"):
        yield from _elements(node.value, scope)
        return
    owner = last_name(node.value)
    member = scope.source.vocabulary.members.get(node.attr)
    if member is not None and owner[:1].isupper():
        yield member, True
    else:
        yield from _of_name(spelled(node), scope)


def _of_call(node: ast.Call, scope: Scope) -> Iterator[tuple[str, bool]]:
    if isinstance(node.func, ast.Attribute) and node.func.attr in _VIEWS:
        yield from _elements(node.func.value, scope)
    elif isinstance(node.func, ast.Name) and node.func.id in _BUILDERS:
        for argument in node.args[:1]:
            yield from _elements(argument, scope)


def _of_name(name: str, scope: Scope) -> Iterator[tuple[str, bool]]:
    found = scope.find(name)
    if found is not None:
        yield from _elements(*found)
        for key, _ in filled(name, found[1]):
            yield from _elements(key, found[1])


def entries(table: ast.expr, scope: Scope) -> Mapping[str, tuple[int, ast.expr]]:
    """Return what a dictionary holds for each model type, and the line of its entry."""
    name = spelled(table)
    found = (table, scope) if isinstance(table, ast.Dict) else scope.find(name)
    if found is None:
        return {}
    value, inside = found
    return {
        model_type: (key.lineno, held)
        for key, held in (*_pairs(value, inside), *filled(name, inside))
        for model_type in named_in(key, inside).names
        if model_type in scope.source.vocabulary.types
    }


def _pairs(value: ast.expr, scope: Scope) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(value, ast.Dict):
        for key, held in zip(value.keys, value.values, strict=True):
            if key is not None:
                yield key, held
    elif isinstance(value, ast.DictComp):
        source = value.generators[0].iter
        if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute):
            source = source.func.value
        found = scope.find(spelled(source))
        if found is not None:
            yield from _pairs(*found)


def filled(name: str, scope: Scope) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield keys and values that the module puts into one of its dictionaries later."""
    source = scope.source
    if not (name in source.bound and isinstance(source.bound[name], ast.Dict)):
        return
    fillers = set(_fillers(name, source))
    for node in walk(source.module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0]
            if spelled(target.value) == name:
                yield target.slice, node.value
        elif isinstance(node, ast.Call) and spelled(node.func) in fillers:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if given:
                yield given[0], given[1] if len(given) > 1 else node


def _fillers(name: str, source: Source) -> Iterable[str]:
    """Yield the functions of a module that put an argument into a dictionary of it."""
    for node in source.module.body:
        if isinstance(node, ast.FunctionDef) and _fills(node, name):
            yield node.name


def _fills(function: ast.FunctionDef, name: str) -> bool:
    return bool(function.args.args) and any(
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and spelled(node.value) == name
        for node in walk(function)
    )
