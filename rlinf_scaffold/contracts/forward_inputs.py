"""Workers pass ``forward_inputs`` by keyword: RLinf v0.2, v0.3 and main."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import Contract
from rlinf_scaffold.syntax import (
    find_class,
    find_function,
    headline,
    parameter_names,
    parse,
)

_POLICY = PurePosixPath("rlinf/models/embodiment/base_policy.py")
_VALUE_HEAD = PurePosixPath("rlinf/models/embodiment/modules/value_head.py")
_FUNCTIONS = PurePosixPath("rlinf/utils/utils.py")
_ACTORS = PurePosixPath("rlinf/workers/actor")
_HEAD_PARAMETERS = (
    "input_dim",
    "hidden_sizes",
    "output_dim",
    "activation",
    "bias_last",
)


def _missing(tree: Tree) -> tuple[str, ...]:
    return (
        *_missing_classes(_body(tree, _POLICY)),
        *_missing_head(_body(tree, _VALUE_HEAD)),
        *_missing_functions(_body(tree, _FUNCTIONS)),
        *_missing_call(tree),
    )


def _body(tree: Tree, path: PurePosixPath) -> list[ast.stmt]:
    return parse(tree.read(path) or "", path).body


def _missing_classes(body: list[ast.stmt]) -> Iterator[str]:
    for name in ("BasePolicy", "ForwardType"):
        if find_class(body, name) is None:
            yield f"class {name} in {_POLICY}"


def _missing_head(body: list[ast.stmt]) -> Iterator[str]:
    head = find_class(body, "ValueHead")
    init = find_function(head.body, "__init__") if head else None
    if init is None or not set(parameter_names(init)) >= set(_HEAD_PARAMETERS):
        what = f"ValueHead({', '.join(_HEAD_PARAMETERS)}) in {_VALUE_HEAD}"
        yield what + _instead(init or head)


def _missing_functions(body: list[ast.stmt]) -> Iterator[str]:
    for name, first in (
        ("compute_logprobs_from_logits", ("logits", "target")),
        ("compute_entropy_from_logits", ("logits",)),
    ):
        function = find_function(body, name)
        if function is None or parameter_names(function)[: len(first)] != first:
            yield f"{name}({', '.join(first)}) in {_FUNCTIONS}" + _instead(function)


def _instead(node: ast.stmt | None) -> str:
    return f" (line {node.lineno} has `{headline(node)}`)" if node else ""


def _missing_call(tree: Tree) -> Iterator[str]:
    keywords = (
        node.arg
        for path in tree.files(_ACTORS)
        if path.suffix == ".py" and "forward_inputs" in (tree.read(path) or "")
        for node in ast.walk(parse(tree.read(path) or "", path))
        if isinstance(node, ast.keyword)
    )
    if "forward_inputs" not in keywords:
        yield f"a call with forward_inputs=... in {_ACTORS}"


contract = Contract(
    name="forward_inputs",
    title="model(forward_inputs=...), RLinf v0.2 to main",
    missing=_missing,
)
