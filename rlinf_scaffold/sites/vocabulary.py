"""The model types of a checkout, whatever generation it is: read without a layout."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.sites import Line
from rlinf_scaffold.syntax import find_literal, last_name, parse, spelled, walk
from rlinf_scaffold.wiring import CONFIG, LOADER

EMBODIED = "embodied"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the checkout calls its models.

    Attributes:
        types: every model type, and where it is registered.
        members: the type that each member of ``SupportedModel`` stands for.
        embodied: the types that are said to be embodied, and where; empty where the
            checkout makes no such difference.
    """

    types: Mapping[str, Line] = field(default_factory=lambda: MappingProxyType({}))
    members: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    embodied: Mapping[str, Line] = field(default_factory=lambda: MappingProxyType({}))


def read_vocabulary(tree: Tree) -> Vocabulary:
    """Return the model types that ``rlinf/config.py`` and the loader name.

    A file that does not parse names none.
    """
    config, loader = (_module(tree, path) for path in (CONFIG, LOADER))
    types: dict[str, Line] = {}
    members: dict[str, str] = {}
    embodied: dict[str, Line] = {}
    for member, value, line in _members(config):
        types.setdefault(value, Line(CONFIG, line))
        members[member] = value
    for value, line in _listed(config):
        types.setdefault(value, Line(CONFIG, line))
    for value, line in _categories(config):
        embodied.setdefault(value, Line(CONFIG, line))
    for node in _embodied_sets(config):
        for element in walk(node):
            if isinstance(element, ast.expr):
                known = _value(element, members)
                if known is not None and known in types:
                    embodied.setdefault(known, Line(CONFIG, element.lineno))
    for value, line in _registered(loader, members):
        types.setdefault(value, Line(LOADER, line))
    return Vocabulary(types, members, embodied)


def _module(tree: Tree, path: PurePosixPath) -> ast.Module:
    try:
        return parse(tree.read(path) or "", path)
    except SourceSyntaxError:
        return ast.Module([], [])


def _members(config: ast.Module) -> Iterator[tuple[str, str, int]]:
    """Yield the members of classes of models: in their bodies, or set on them."""
    for node in config.body:
        if isinstance(node, ast.ClassDef) and _holds_models(node):
            for line in node.body:
                if isinstance(line, ast.Assign) and (value := _first(line.value)):
                    for target in line.targets:
                        yield spelled(target), value, line.lineno
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                value = _first(node.value) if isinstance(target, ast.Attribute) else ""
                if isinstance(target, ast.Attribute) and value:
                    yield target.attr, value, node.lineno


def _holds_models(node: ast.ClassDef) -> bool:
    bases = [last_name(base) for base in node.bases]
    is_enum = any(base.endswith("Enum") for base in bases)
    return node.name == "SupportedModel" or (is_enum and "Model" in node.name)


def _first(value: ast.expr) -> str:
    """Return the string that a value is, or that it begins with."""
    if isinstance(value, ast.Tuple) and value.elts:
        return _first(value.elts[0])
    if isinstance(value, ast.Call) and (value.args or value.keywords):
        return _first([*value.args, *(it.value for it in value.keywords)][0])
    return _text(value) or ""


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _categories(config: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the members of an Enum whose tuple says that they are embodied."""
    for node in config.body:
        if not (isinstance(node, ast.ClassDef) and _holds_models(node)):
            continue
        for line in node.body:
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Tuple):
                rest = [spelled(element) for element in line.value.elts[1:]]
                if repr(EMBODIED) in rest and (value := _first(line.value)):
                    yield value, line.lineno


def _listed(config: ast.Module) -> Iterator[tuple[str, int]]:
    for node in config.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            literal = find_literal(node.value)
            if literal and any("MODEL" in spelled(it) for it in targets):
                for element in literal.elts:
                    if value := _first(element):
                        yield value, element.lineno


def _embodied_sets(config: ast.Module) -> Iterator[ast.AST]:
    """Yield what is put into a set of embodied models."""
    for node in config.body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            targets = [node.value.func]
        else:
            continue
        value = node.value
        if value and any(EMBODIED in spelled(it).lower() for it in targets):
            yield value


def _registered(
    loader: ast.Module, members: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    for node in walk(loader):
        if isinstance(node, ast.Call) and spelled(node.func) == "register_model":
            given = [*node.args, *(k.value for k in node.keywords)]
            name = _value(given[0], members) if given else None
            if name is not None:
                yield name, node.lineno


def _value(node: ast.expr, members: Mapping[str, str]) -> str | None:
    """Return the model type that an expression is."""
    if isinstance(node, ast.Attribute) and node.attr == "value":
        node = node.value
    if isinstance(node, ast.Attribute):
        return members.get(node.attr)
    return _text(node)
