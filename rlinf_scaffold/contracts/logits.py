"""Workers turn logits into log-probabilities themselves: RLinf before v0.1-rc1."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import (
    ACTORS,
    MODEL_FUNCTIONS,
    ROLLOUTS,
    Contract,
    body_of,
    calls,
    missing_head,
)
from rlinf_scaffold.syntax import find_function

_FUNCTIONS = ("prepare_observations", "default_logits_processor", "custom_forward")


def _missing(tree: Tree) -> tuple[str, ...]:
    return (
        *missing_head(tree, ("hidden_size", "output_dim")),
        *_missing_functions(tree),
        *_missing_calls(tree),
    )


def _missing_functions(tree: Tree) -> Iterator[str]:
    for name in _FUNCTIONS:
        if find_function(body_of(tree, MODEL_FUNCTIONS), name) is None:
            yield f"{name}() in {MODEL_FUNCTIONS}"


def _missing_calls(tree: Tree) -> Iterator[str]:
    if not calls(tree, ROLLOUTS, "input_ids", "attention_mask", "pixel_values"):
        yield f"a call with input_ids=..., pixel_values=... in {ROLLOUTS}"
    if not calls(tree, ACTORS, "action_token_len", "logits_processor_args"):
        yield f"a call with action_token_len=..., logits_processor_args=... in {ACTORS}"


contract = Contract(
    name="logits",
    title="custom_forward(model, ...), RLinf before v0.1-rc1",
    missing=_missing,
)
