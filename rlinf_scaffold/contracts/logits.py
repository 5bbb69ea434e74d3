"""Workers turn logits into log-probabilities themselves: RLinf before v0.1-rc1."""

from __future__ import annotations

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import (
    ACTORS,
    MODEL_FUNCTIONS,
    ROLLOUTS,
    Contract,
    body_of,
    check_call,
    check_head,
)
from rlinf_scaffold.matching import Check
from rlinf_scaffold.syntax import find_function

_FUNCTIONS = ("prepare_observations", "default_logits_processor", "custom_forward")


def _detect(tree: Tree) -> tuple[Check, ...]:
    return (
        check_call(tree, ACTORS, "action_token_len", "logits_processor_args"),
        check_call(tree, ROLLOUTS, "input_ids", "attention_mask", "pixel_values"),
        check_head(tree, ("hidden_size", "output_dim")),
        *(_check_function(tree, name) for name in _FUNCTIONS),
    )


def _check_function(tree: Tree, name: str) -> Check:
    found = find_function(body_of(tree, MODEL_FUNCTIONS), name)
    return Check(f"{name}()", MODEL_FUNCTIONS, found, found is not None)


contract = Contract(
    name="logits",
    title="custom_forward(model, ...), RLinf before v0.1-rc1",
    detect=_detect,
    prepares_observations=True,
)
