"""Workers pass ``forward_inputs`` by keyword: RLinf v0.2, v0.3 and main."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import (
    ACTORS,
    FUNCTIONS,
    HEAD_PARAMETERS,
    POLICY,
    Contract,
    body_of,
    calls,
    missing_functions,
    missing_head,
)
from rlinf_scaffold.syntax import find_class


def _missing(tree: Tree) -> tuple[str, ...]:
    return (
        *_missing_classes(tree),
        *missing_head(tree, HEAD_PARAMETERS),
        *missing_functions(tree, FUNCTIONS),
        *_missing_call(tree),
    )


def _missing_classes(tree: Tree) -> Iterator[str]:
    for name in ("BasePolicy", "ForwardType"):
        if find_class(body_of(tree, POLICY), name) is None:
            yield f"class {name} in {POLICY}"


def _missing_call(tree: Tree) -> Iterator[str]:
    if not calls(tree, ACTORS, "forward_inputs", "compute_logprobs"):
        yield f"a call with forward_inputs=..., compute_logprobs=... in {ACTORS}"


contract = Contract(
    name="forward_inputs",
    title="model(forward_inputs=...), RLinf v0.2 to main",
    missing=_missing,
)
