"""Expressions read: their value as far as it is known, else every value it may have."""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from rlinf_scaffold.bases.library import Class, External, Import, Module
from rlinf_scaffold.bases.values import (
    UNKNOWN,
    Instance,
    Lambda,
    Native,
    Super,
    attempt,
    compute,
    either,
    is_container,
    is_plain,
    items_of,
    options_of,
    truth,
)

BUILTINS: Final = (
    *("abs", "all", "any", "bool", "dict", "enumerate", "float", "getattr", "hasattr"),
    *(
        "int",
        "isinstance",
        "issubclass",
        "iter",
        "len",
        "list",
        "max",
        "min",
        "next",
        "range",
    ),
    *("reversed", "round", "set", "setattr", "sorted", "str", "sum", "super", "tuple"),
    "zip",
)


class World(Protocol):
    """What lies outside one function: names, attributes and calls."""

    def name(self, module: Module, name: str) -> object:
        """Return what a module-level name is bound to."""
        ...

    def follow(self, module: Module, imported: Import) -> object:
        """Return what an import brings in."""
        ...

    def attribute(self, value: object, name: str) -> object:
        """Return an attribute's value."""
        ...

    def assign(self, target: object, name: str, value: object) -> None:
        """Bind an attribute."""
        ...

    def call(
        self, callee: object, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        """Return what a call returns."""
        ...


class Expressions(ast.NodeVisitor):
    """The reading of expressions, and the local names that they read and bind."""

    def __init__(
        self,
        world: World,
        module: Module,
        names: dict[str, object],
        owner: Class | None = None,
        receiver: Instance | None = None,
    ) -> None:
        self.world = world
        self.module = module
        self.names = names
        self.owner = owner
        self.receiver = receiver
        self.doubts = 0

    def generic_visit(self, node: ast.AST) -> object:  # noqa: ARG002
        """Take whatever is not understood for unknown."""
        return UNKNOWN

    def visit_Constant(self, node: ast.Constant) -> object:
        return node.value

    def visit_Name(self, node: ast.Name) -> object:
        if node.id in self.names:
            return self.names[node.id]
        found = self.world.name(self.module, node.id)
        if found is UNKNOWN and node.id in BUILTINS:
            return getattr(builtins, node.id)
        return found

    def visit_Attribute(self, node: ast.Attribute) -> object:
        value = self.visit(node.value)
        return either(*(self.world.attribute(v, node.attr) for v in options_of(value)))

    def visit_Call(self, node: ast.Call) -> object:
        callee = self.visit(node.func)
        if callee is super:
            return self._super()
        arguments = self._elements(node.args)
        keywords = self._keywords(node.keywords)
        results = (
            self.world.call(option, list(arguments), dict(keywords))
            for option in options_of(callee)
        )
        return either(*results)

    def visit_Subscript(self, node: ast.Subscript) -> object:
        value, key = self.visit(node.value), self.visit(node.slice)
        if isinstance(value, dict) and not (is_plain(key) and _has(value, key)):
            return either(*value.values()) if value else UNKNOWN
        if isinstance(value, dict | list | tuple | str | range):
            if is_plain(key) or isinstance(key, slice):
                return _item(value, key)
            if value and not isinstance(node.slice, ast.Slice):
                return either(*value)
        if isinstance(value, External):
            return self.world.call(Native(value, "__getitem__"), [key], {})
        return UNKNOWN

    def visit_Slice(self, node: ast.Slice) -> object:
        parts = [p and self.visit(p) for p in (node.lower, node.upper, node.step)]
        return slice(*parts) if is_plain(parts) else UNKNOWN

    def visit_BinOp(self, node: ast.BinOp) -> object:
        return compute(node.op, self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> object:
        value = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            known = truth(value)
            return UNKNOWN if known is None else not known
        if isinstance(node.op, ast.USub) and isinstance(value, int | float):
            return -value
        return UNKNOWN

    def visit_BoolOp(self, node: ast.BoolOp) -> object:
        decisive = isinstance(node.op, ast.Or)
        maybe: list[object] = []
        for operand in node.values:
            value = self.visit(operand)
            known = truth(value)
            if known is decisive:
                return either(*maybe, value)
            if known is None or operand is node.values[-1]:
                maybe.append(value)
        return either(*maybe)

    def visit_Compare(self, node: ast.Compare) -> object:
        left, results = self.visit(node.left), []
        for operation, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.visit(comparator)
            results.append(truth(compute(operation, left, right)))
            left = right
        if False in results:
            return False
        return UNKNOWN if None in results else True

    def visit_IfExp(self, node: ast.IfExp) -> object:
        known = truth(self.visit(node.test))
        if known is None:
            return either(self.visit(node.body), self.visit(node.orelse))
        return self.visit(node.body if known else node.orelse)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> object:
        value = self.visit(node.value)
        self._bind(node.target, value)
        return value

    def visit_Lambda(self, node: ast.Lambda) -> object:
        return Lambda(self, node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> object:
        parts = [self.visit(part) for part in node.values]
        return "".join(map(str, parts)) if is_plain(parts) else UNKNOWN

    def visit_FormattedValue(self, node: ast.FormattedValue) -> object:
        return self.visit(node.value)

    def visit_List(self, node: ast.List) -> object:
        return self._elements(node.elts)

    def visit_Tuple(self, node: ast.Tuple) -> object:
        return tuple(self._elements(node.elts))

    def visit_Set(self, node: ast.Set) -> object:
        elements = self._elements(node.elts)
        return attempt(set, elements) if is_plain(elements) else elements

    def visit_Dict(self, node: ast.Dict) -> object:
        result: dict[object, object] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            found = self.visit(value)
            if key is not None:
                result[_hashable(self.visit(key))] = found
            elif isinstance(found, dict):
                result.update(found)
        return result

    def visit_ListComp(self, node: ast.ListComp) -> object:
        return [self.visit(node.elt) for _ in self._loops(node.generators)]

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> object:
        return [self.visit(node.elt) for _ in self._loops(node.generators)]

    def visit_SetComp(self, node: ast.SetComp) -> object:
        return [self.visit(node.elt) for _ in self._loops(node.generators)]

    def visit_DictComp(self, node: ast.DictComp) -> object:
        return {
            _hashable(self.visit(node.key)): self.visit(node.value)
            for _ in self._loops(node.generators)
        }

    def _loops(self, generators: Sequence[ast.comprehension]) -> Iterator[None]:
        if not generators:
            yield
            return
        first, *rest = generators
        items = items_of(self.visit(first.iter))
        for item in [UNKNOWN] if items is None else items:
            self._bind(first.target, item)
            if all(truth(self.visit(test)) is not False for test in first.ifs):
                yield from self._loops(rest)

    def _elements(self, nodes: Iterable[ast.expr]) -> list[object]:
        elements: list[object] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                elements.extend(items_of(self.visit(node.value)) or ())
            else:
                elements.append(self.visit(node))
        return elements

    def _keywords(self, nodes: Iterable[ast.keyword]) -> dict[str, object]:
        keywords: dict[str, object] = {}
        for node in nodes:
            value = self.visit(node.value)
            if node.arg is not None:
                keywords[node.arg] = value
            elif isinstance(value, dict):
                keywords.update(value)
        return keywords

    def _super(self) -> object:
        if self.owner is None or self.receiver is None:
            return UNKNOWN
        return Super(self.receiver, self.owner)

    def _bind(self, target: ast.expr, value: object) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = self._merged(self.names.get(target.id), value)
        elif isinstance(target, ast.Attribute):
            self._bind_attribute(target, value)
        elif isinstance(target, ast.Subscript):
            self._bind_item(target, value)
        elif isinstance(target, ast.Tuple | ast.List):
            items = items_of(value) or []
            known = len(items) == len(target.elts)
            for index, element in enumerate(target.elts):
                self._bind(element, items[index] if known else UNKNOWN)

    def _bind_attribute(self, target: ast.Attribute, value: object) -> None:
        for owner in options_of(self.visit(target.value)):
            if self.doubts and isinstance(owner, Instance):
                value = self._merged(owner.attributes.get(target.attr), value)
            self.world.assign(owner, target.attr, value)

    def _bind_item(self, target: ast.Subscript, value: object) -> None:
        container, key = self.visit(target.value), self.visit(target.slice)
        if isinstance(container, dict) and isinstance(key, str | int):
            container[key] = self._merged(container.get(key), value)
        elif isinstance(container, list) and isinstance(key, int):
            if -len(container) <= key < len(container):
                container[key] = self._merged(container[key], value)
        else:
            self.world.call(Native(container, "append"), [value], {})

    def _merged(self, old: object, new: object) -> object:
        return either(old, new) if self.doubts and old is not None else new


def _has(mapping: dict[object, object], key: object) -> bool:
    return not is_container(key) and key in mapping


def _item(value: object, key: object) -> object:
    return attempt(operator.getitem, value, key)


def _hashable(key: object) -> object:
    return UNKNOWN if attempt(hash, key) is UNKNOWN else key
