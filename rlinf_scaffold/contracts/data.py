"""Workers pass the whole batch as ``data``: RLinf v0.1-rc1 and v0.1."""

from __future__ import annotations

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import (
    ACTORS,
    FUNCTIONS,
    HEAD_PARAMETERS,
    MODEL_FUNCTIONS,
    ROLLOUTS,
    Contract,
    check_call,
    check_functions,
    check_head,
)
from rlinf_scaffold.matching import Check


def _detect(tree: Tree) -> tuple[Check, ...]:
    return (
        check_call(tree, ACTORS, "data", "compute_logprobs"),
        check_call(tree, ROLLOUTS, "env_obs"),
        check_head(tree, HEAD_PARAMETERS),
        *check_functions(tree, MODEL_FUNCTIONS, FUNCTIONS),
    )


contract = Contract(
    name="data",
    title="model(data=...), RLinf v0.1-rc1 and v0.1",
    detect=_detect,
    batch="data",
)
