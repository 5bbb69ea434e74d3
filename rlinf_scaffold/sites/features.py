"""What a site's code does, as far as it can be told from its shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rlinf_scaffold.sites import Arm

_DEFAULT = "default"


def nodes(arm: Arm) -> Iterator[ast.AST]:
    """Yield all of an arm's code."""
    for part in arm.body:
        yield from ast.walk(part)


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
        ast.unparse(node.func).rpartition(".")[2]
        for node in nodes(arm)
        if isinstance(node, ast.Call)
    )


def sets_last_number(arm: Arm) -> bool:
    """Whether something is stored in the last number of an action: the gripper."""
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.slice) in ("(..., -1)", "..., -1")
        for node in nodes(arm)
    )


def rescales_last_number(arm: Arm) -> bool:
    """Whether the last number of an action goes from [0, 1] to [-1, 1]."""
    return sets_last_number(arm) and any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mult)
        and any(ast.unparse(side) in ("2", "2.0") for side in (node.left, node.right))
        for node in nodes(arm)
    )


def refuses(arm: Arm) -> bool:
    """Whether an arm ends in an error."""
    return arm.does.startswith("raises ")


def other_passes(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the kinds of forward passes that code asks for, but the default, and where."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        for given in (*call.args, *(keyword.value for keyword in call.keywords)):
            kind = _pass(given)
            if kind and kind != _DEFAULT:
                yield kind, call.lineno


def _pass(node: ast.expr) -> str:
    """Return which forward pass ``ForwardType.SAC`` or ``"sac_forward"`` means."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ForwardType":
        return node.attr.lower()
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.removesuffix("_forward") if _ends(node.value) else ""
    return ""


def _ends(text: str) -> bool:
    return text.endswith("_forward") and text.isidentifier()
