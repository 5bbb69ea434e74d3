"""Which model types an expression holds for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

from rlinf_scaffold.sites import EVERY, Types
from rlinf_scaffold.sites.collected import Named, named_in
from rlinf_scaffold.sites.names import Scope
from rlinf_scaffold.sites.vocabulary import EMBODIED
from rlinf_scaffold.syntax import spelled

SUBJECTS = frozenset({"model_type", "model_name", "model_arch"})
_LOOKUPS = frozenset({"get_supported_model", "SupportedModel", "str", "getattr"})
_PLAIN = frozenset({"lower", "upper", "strip", "casefold", "get", "pop"})
_PARTS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a test says of the model type.

    Attributes:
        named: the types that it spells out.
        types: those that it may hold for.
        exact: whether it asks for nothing else.
        through: names that it was read through, such as a set's or a flag's.
    """

    named: Named
    types: Types
    exact: bool = True
    through: frozenset[str] = frozenset()


def condition(test: ast.expr, scope: Scope) -> Condition | None:
    """Return what a test says of the model type; None where it says nothing."""
    if isinstance(test, ast.BoolOp):
        return _combined(test, scope)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = condition(test.operand, scope)
        return _negated(inner) if inner else None
    if isinstance(test, ast.Compare):
        return _compared(test, scope)
    if isinstance(test, ast.Call):
        return _called(test, scope)
    if isinstance(test, (ast.Name, ast.Attribute)):
        found = scope.find(spelled(test))
        held = condition(*found) if found else None
        return _through(held, spelled(test)) if held else None
    return None


def is_subject(node: ast.expr, scope: Scope) -> bool:
    """Whether an expression is the model type that a run is set to."""
    if isinstance(node, ast.NamedExpr):
        return is_subject(node.value, scope)
    if isinstance(node, ast.Subscript):
        return _is_key(node.slice)
    if isinstance(node, ast.Call):
        return _is_subject_call(node, scope)
    if isinstance(node, ast.Attribute):
        if node.attr in ("value", "name"):
            return is_subject(node.value, scope)
        if node.attr.lstrip("_") in SUBJECTS:
            return True
    elif isinstance(node, ast.Name):
        if node.id.lstrip("_") in SUBJECTS:
            return True
    else:
        return False
    found = scope.find(spelled(node))
    return found is not None and is_subject(*found)


def _is_subject_call(node: ast.Call, scope: Scope) -> bool:
    given = node.args
    if isinstance(node.func, ast.Attribute):
        if any(_is_key(argument) for argument in given):
            return node.func.attr in _PLAIN
        named = spelled(node.func.value) == "SupportedModel"
        if named and node.func.attr == "get":
            return True
        return node.func.attr in _PLAIN and is_subject(node.func.value, scope)
    name = spelled(node.func)
    if name in ("SupportedModel", "get_supported_model"):
        return True
    return name in _LOOKUPS and any(
        _is_key(argument) or is_subject(argument, scope) for argument in given
    )


def _is_key(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in SUBJECTS


def _combined(test: ast.BoolOp, scope: Scope) -> Condition | None:
    held = [condition(value, scope) for value in test.values]
    known = [it for it in held if it is not None]
    if not known:
        return None
    either = isinstance(test.op, ast.Or)
    complete = len(known) == len(held)
    joined = reduce(
        Types.__or__ if either else Types.__and__, (it.types for it in known)
    )
    return Condition(
        named=tuple(dict.fromkeys(name for it in known for name in it.named)),
        types=EVERY if either and not complete else joined,
        exact=complete and all(it.exact for it in known),
        through=_all_through(known),
    )


def _negated(inner: Condition) -> Condition:
    types = ~inner.types if inner.exact else EVERY
    return Condition(inner.named, types, inner.exact, inner.through)


def _through(held: Condition, name: str) -> Condition:
    return Condition(held.named, held.types, held.exact, held.through | {name})


def _all_through(held: Iterable[Condition]) -> frozenset[str]:
    return frozenset(name for it in held for name in it.through)


def _compared(test: ast.Compare, scope: Scope) -> Condition | None:
    if len(test.ops) != 1:
        return None
    left, operator, right = test.left, test.ops[0], test.comparators[0]
    if isinstance(operator, (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)):
        sides = [(left, right), (right, left)]
    elif isinstance(operator, (ast.In, ast.NotIn)):
        if is_subject(right, scope):
            held = _held_in(left, scope)
            negated = isinstance(operator, ast.NotIn)
            return _negated(held) if held and negated else held
        sides = [(left, right)]
    else:
        return None
    for subject, others in sides:
        named = _named(subject, others, scope)
        if named is not None:
            through = [others.id] if isinstance(others, ast.Name) else []
            held = Condition(named, Types(frozenset(named)), True, frozenset(through))
            positive = isinstance(operator, (ast.Eq, ast.Is, ast.In))
            return held if positive else _negated(held)
    return None


def _named(subject: ast.expr, others: ast.expr, scope: Scope) -> Named | None:
    """Return the types that a subject is compared with, if it is one that is."""
    if isinstance(subject, ast.Attribute) and subject.attr == "category":
        return _of_category(subject, others, scope)
    found = named_in(others, scope)
    if not found.names:
        return None
    certain = found.by_member and not named_in(subject, scope).names
    known = any(name in scope.source.vocabulary.types for name in found.names)
    if certain or (known and is_subject(subject, scope)):
        return found.names
    return None


def _of_category(
    subject: ast.Attribute, category: ast.expr, scope: Scope
) -> Named | None:
    """Return the embodied types, where an Enum's members know that they are."""
    asked = isinstance(category, ast.Constant) and category.value == EMBODIED
    if not asked or not is_subject(subject.value, scope):
        return None
    return tuple(scope.source.vocabulary.embodied) or None


def _held_in(part: ast.expr, scope: Scope) -> Condition | None:
    """Return the condition that a model type holds a text."""
    if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
        return None
    text = part.value
    return _matching(scope, lambda name: text in name)


def _matching(scope: Scope, matches: Callable[[str], bool]) -> Condition | None:
    names = tuple(name for name in scope.source.vocabulary.types if matches(name))
    return Condition(names, Types(frozenset(names))) if names else None


def _called(test: ast.Call, scope: Scope) -> Condition | None:
    function = test.func
    if isinstance(function, ast.Attribute) and function.attr in _PARTS:
        part = test.args[0] if test.args else None
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            text, matches = part.value, _PARTS[function.attr]
            if is_subject(function.value, scope):
                return _matching(scope, lambda name: matches(name, text))
        return None
    found = scope.find_predicate(function)
    return condition(*found) if found else None
