"""Workers pass ``forward_inputs`` by keyword: RLinf v0.2, v0.3 and main."""

from __future__ import annotations

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import (
    ACTORS,
    FUNCTIONS,
    HEAD_PARAMETERS,
    MODEL_FUNCTIONS,
    POLICY,
    Contract,
    check_call,
    check_class,
    check_functions,
    check_head,
)
from rlinf_scaffold.matching import Check


def _detect(tree: Tree) -> tuple[Check, ...]:
    return (
        check_call(tree, ACTORS, "forward_inputs", "compute_logprobs"),
        check_class(tree, POLICY, "BasePolicy"),
        check_class(tree, POLICY, "ForwardType"),
        check_head(tree, HEAD_PARAMETERS),
        *check_functions(tree, MODEL_FUNCTIONS, FUNCTIONS),
    )


contract = Contract(
    name="forward_inputs",
    title="model(forward_inputs=...), RLinf v0.2 to main",
    detect=_detect,
    batch="forward_inputs",
)
