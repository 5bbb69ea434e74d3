"""Workers pass the whole batch as ``data``: RLinf v0.1-rc1 and v0.1."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import (
    ACTORS,
    FUNCTIONS,
    HEAD_PARAMETERS,
    MODEL_FUNCTIONS,
    ROLLOUTS,
    Contract,
    calls,
    missing_functions,
    missing_head,
)


def _missing(tree: Tree) -> tuple[str, ...]:
    return (
        *missing_head(tree, HEAD_PARAMETERS),
        *missing_functions(tree, MODEL_FUNCTIONS, FUNCTIONS),
        *_missing_calls(tree),
    )


def _missing_calls(tree: Tree) -> Iterator[str]:
    if not calls(tree, ROLLOUTS, "env_obs"):
        yield f"a call with env_obs=... in {ROLLOUTS}"
    if not calls(tree, ACTORS, "data", "compute_logprobs"):
        yield f"a call with data=..., compute_logprobs=... in {ACTORS}"


contract = Contract(
    name="data",
    title="model(data=...), RLinf v0.1-rc1 and v0.1",
    missing=_missing,
)
