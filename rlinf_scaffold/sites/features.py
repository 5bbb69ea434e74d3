"""What a site's code does, as far as it can be told from its shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rlinf_scaffold.sites import Arm
from rlinf_scaffold.syntax import last_name, spelled, walk

_DEFAULT = "default"
_KIND = "forward_type"
_SUFFIX = "_forward"


def nodes(arm: Arm) -> Iterator[ast.AST]:
    """Yield all of an arm's code."""
    for part in arm.body:
        yield from walk(part)


def keys_set(arm: Arm) -> frozenset[str]:
    """Return the string keys that something is stored under: ``kwargs["mode"] = ...``."""
    return frozenset(
        node.slice.value
        for node in nodes(arm)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    )


def keys_read(arm: Arm) -> frozenset[str]:
    """Return the string keys that something is read under: ``output["values"]``."""
    return frozenset(
        node.slice.value
        for node in nodes(arm)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    )


def keys_replaced(arm: Arm) -> frozenset[str]:
    """Return the keys of the dictionaries that take another's place."""
    return frozenset(
        key.value
        for node in nodes(arm)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    )


def calls(arm: Arm) -> frozenset[str]:
    """Return the last names of all functions that are called."""
    return frozenset(
        last_name(node.func) for node in nodes(arm) if isinstance(node, ast.Call)
    )


def sets_last_number(arm: Arm) -> bool:
    """Whether something is stored in the last number of an action: the gripper."""
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and spelled(node.slice) in ("(..., -1)", "..., -1")
        for node in nodes(arm)
    )


def rescales_last_number(arm: Arm) -> bool:
    """Whether the last number of an action goes from [0, 1] to [-1, 1]."""
    return sets_last_number(arm) and any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mult)
        and any(spelled(side) in ("2", "2.0") for side in (node.left, node.right))
        for node in nodes(arm)
    )


def refuses(arm: Arm) -> bool:
    """Whether an arm ends in an error."""
    return arm.does.startswith("raises ")


def other_passes(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the kinds of forward passes that code asks for, but the default, and where."""
    for call in walk(node):
        if isinstance(call, ast.Call):
            kind = _pass(call)
            if kind and kind != _DEFAULT:
                yield kind, call.lineno


def _pass(call: ast.Call) -> str:
    """Return which forward pass ``ForwardType.SAC`` or ``"sac_forward"`` asks for."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == _KIND]
    if last_name(call.func).endswith("model"):
        given += call.args[:1]
    for node in given:
        if isinstance(node, ast.Attribute) and spelled(node.value) == "ForwardType":
            return node.attr.lower()
        if isinstance(node, ast.Constant) and str(node.value).endswith(_SUFFIX):
            return str(node.value).removesuffix(_SUFFIX)
    return ""
