"""What conditions say of a model's type: which models they name, and in which words."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.syntax import find_literal, last_name, spelled, strings, walk

MODELS = "SupportedModel"
# What a lower-case name comes out of unchanged, or as the member that stands for it.
_CONVERSIONS = {"str", "get_supported_model", MODELS, "torch_dtype_from_precision"}
_METHODS = {"casefold", "lower", "strip"}
_EQUALITIES = (ast.Eq, ast.Is)


@dataclass(frozen=True, slots=True)
class Wording:
    """How a condition compares the type of a model with one of them.

    Attributes:
        left: what it compares.
        operator: how.
        right: with what, where ``{name}`` or ``{member}`` is the model's.
    """

    left: str
    operator: str
    right: str

    @property
    def is_of_members(self) -> bool:
        """Whether it compares with members of the Enum, and not with strings."""
        return "{member}" in self.right

    def of(self, spec: ModelSpec) -> str:
        """Return the condition that holds for a model."""
        right = self.right.format(name=spec.name, member=spec.member)
        return f"{self.left} {self.operator} {right}"


@dataclass(frozen=True, slots=True)
class Subject:
    """The type of a model as code reads it.

    Attributes:
        key: where in the settings it stands, e.g. ``cfg.model_type``.
        origins: what local names were read from.
    """

    key: str
    origins: Mapping[str, str]

    def names(self, test: ast.expr) -> set[str]:
        """Return every model that the type must be one of for a test to hold.

        A string stands for itself, a member of the Enum for ``SupportedModel.NAME``.
        Empty where the test may hold for a model that it does not spell out.
        """
        if isinstance(test, ast.BoolOp):
            parts = [self.names(value) for value in test.values]
            certain = isinstance(test.op, ast.And) or all(parts)
            return set[str]().union(*parts) if certain else set()
        models = [_model(value) for value in self._compared(test)]
        return {model for model in models if model} if all(models) else set()

    def wordings(self, test: ast.expr) -> Iterator[Wording]:
        """Yield the ways in which a test compares the type."""
        for node in walk(test):
            values = self._compared(node)
            if isinstance(node, ast.Compare) and values and all(map(_model, values)):
                is_left = self.is_read(node.left)
                left = node.left if is_left else node.comparators[0]
                operator = "is" if isinstance(node.ops[0], ast.Is) else "=="
                yield Wording(_unparse(left), operator, _pattern(values[0]))

    def may_take(self, test: ast.expr) -> bool:
        """Whether a test may hold for a model that it does not spell out.

        A test on other settings is none: it is the user's choice to meet it.
        """
        if self.names(test) or self._is_of_none(test):
            return False
        nodes = list(walk(test))
        key = self.key.rpartition(".")[2]
        return (
            not any(isinstance(node, ast.Name) for node in nodes)
            or any(text == key for text, _ in strings(nodes))
            or any(isinstance(n, ast.expr) and self.is_read(n) for n in nodes)
        )

    def _is_of_none(self, test: ast.expr) -> bool:
        """Whether a test holds where no type is given."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            asked = test.operand
            is_asked = isinstance(asked, ast.Call) and _calls(asked) == "hasattr"
            return is_asked or self.is_read(asked)
        values = self._compared(test)
        return bool(values) and all(map(_is_none, values))

    def is_read(self, node: ast.expr) -> bool:
        """Whether an expression is the type of the model."""
        return origin(node, self.origins) == self.key

    def _compared(self, test: ast.AST) -> list[ast.expr]:
        """Return what a comparison holds for, if it is one of the type."""
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return []
        left, right = test.left, test.comparators[0]
        if isinstance(test.ops[0], _EQUALITIES):
            if self.is_read(left):
                return [right]
            return [left] if self.is_read(right) else []
        choices = find_literal(right) if isinstance(test.ops[0], ast.In) else None
        return choices.elts if choices and self.is_read(left) else []


def read_origins(body: Iterable[ast.stmt]) -> dict[str, str]:
    """Return what the names that statements bind, one after the other, are read from."""
    origins: dict[str, str] = {}
    for node in _in_order(body):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                origins |= _bind(target, node.value, origins)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            origins |= _bind(node.target, node.value, origins)
    return origins


def _in_order(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that always run, where none of them fails."""
    for node in body:
        if isinstance(node, (ast.Try, ast.With)):
            yield from _in_order(node.body)
        else:
            yield node


def _bind(
    target: ast.expr, value: ast.expr, origins: Mapping[str, str]
) -> dict[str, str]:
    if isinstance(target, ast.Name):
        return {target.id: origin(value, origins)}
    bound: dict[str, str] = {}
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for part, given in zip(target.elts, value.elts, strict=False):
            bound |= _bind(part, given, origins)
    return bound


def origin(node: ast.expr, origins: Mapping[str, str]) -> str:
    """Return where in the settings a value is read from, as a path with dots.

    ``cfg.a``, ``cfg["a"]``, ``cfg.get("a")`` and ``getattr(cfg, "a")`` are the same,
    and so is what conversions make of it. Empty where it comes from elsewhere.
    """
    if isinstance(node, ast.Name):
        return origins.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        path = origin(node.value, origins)
        return path if node.attr == "value" else _below(path, node.attr)
    if isinstance(node, ast.Subscript):
        return _below(origin(node.value, origins), _text(node.slice))
    if isinstance(node, ast.Call) and not node.keywords:
        return _origin_of_call(node, origins)
    return ""


def _origin_of_call(call: ast.Call, origins: Mapping[str, str]) -> str:
    function = _calls(call)
    if function == "getattr" and len(call.args) in (2, 3):
        return _below(origin(call.args[0], origins), _text(call.args[1]))
    if function in _CONVERSIONS and len(call.args) == 1:
        return origin(call.args[0], origins)
    if not isinstance(call.func, ast.Attribute):
        return ""
    path = origin(call.func.value, origins)
    if function == "get" and len(call.args) in (1, 2):
        return _below(path, _text(call.args[0]))
    return path if function in _METHODS and not call.args else ""


def _calls(call: ast.Call) -> str:
    return last_name(call.func)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path and key else ""


def _text(node: ast.expr) -> str:
    return next((text for text, _ in strings([node])), "")


def _model(value: ast.expr) -> str:
    """Return the model that a value stands for, empty where it is none."""
    if isinstance(value, ast.Attribute):
        member = value.value if value.attr == "value" else value
        owner, _, name = spelled(member).rpartition(".")
        return f"{MODELS}.{name}" if owner.rpartition(".")[2] == MODELS else ""
    return _text(value)


def _pattern(value: ast.expr) -> str:
    if not isinstance(value, ast.Attribute):
        return '"{name}"'
    if value.attr == "value":
        return f"{_pattern(value.value)}.value"
    return f"{spelled(value.value)}.{{member}}"


def _unparse(node: ast.expr) -> str:
    return spelled(node).replace("'", '"')
