"""Workers pass ``forward_inputs`` by keyword: RLinf v0.2, v0.3 and main."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import Contract
from rlinf_scaffold.syntax import find_class, find_function, parameter_names, parse

_POLICY = PurePosixPath("rlinf/models/embodiment/base_policy.py")
_VALUE_HEAD = PurePosixPath("rlinf/models/embodiment/modules/value_head.py")
_FUNCTIONS = PurePosixPath("rlinf/utils/utils.py")
_ACTORS = PurePosixPath("rlinf/workers/actor")


def _missing(tree: Tree) -> tuple[str, ...]:
    checks = (
        (f"BasePolicy and ForwardType in {_POLICY}", _has_policy(tree)),
        (f"ValueHead(input_dim, hidden_sizes, ...) in {_VALUE_HEAD}", _has_head(tree)),
        (
            "compute_logprobs_from_logits(logits, target) and "
            f"compute_entropy_from_logits in {_FUNCTIONS}",
            _has_functions(tree),
        ),
        (f"a call model(forward_inputs=...) in {_ACTORS}", _has_actor_call(tree)),
    )
    return tuple(what for what, holds in checks if not holds)


def _body(tree: Tree, path: PurePosixPath) -> list[ast.stmt]:
    return parse(tree.read(path) or "", path).body


def _has_policy(tree: Tree) -> bool:
    body = _body(tree, _POLICY)
    return bool(find_class(body, "BasePolicy") and find_class(body, "ForwardType"))


def _has_head(tree: Tree) -> bool:
    head = find_class(_body(tree, _VALUE_HEAD), "ValueHead")
    init = find_function(head.body, "__init__") if head else None
    needed = {"input_dim", "hidden_sizes", "output_dim", "activation", "bias_last"}
    return init is not None and set(parameter_names(init)) >= needed


def _has_functions(tree: Tree) -> bool:
    body = _body(tree, _FUNCTIONS)
    logprobs = find_function(body, "compute_logprobs_from_logits")
    entropy = find_function(body, "compute_entropy_from_logits")
    return (
        entropy is not None
        and logprobs is not None
        and parameter_names(logprobs)[:2] == ("logits", "target")
    )


def _has_actor_call(tree: Tree) -> bool:
    return any(
        isinstance(node, ast.keyword) and node.arg == "forward_inputs"
        for path in tree.files(_ACTORS)
        if path.suffix == ".py" and "forward_inputs=" in (tree.read(path) or "")
        for node in ast.walk(parse(tree.read(path) or "", path))
    )


contract = Contract(
    name="forward_inputs",
    title="model(forward_inputs=...), RLinf v0.2 to main",
    missing=_missing,
)
