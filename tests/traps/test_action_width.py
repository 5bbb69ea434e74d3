from __future__ import annotations

import pytest
from snags import snags_of
from written import ACTIONS

from rlinf_scaffold.traps.action_width import trap

CUT = """
def prepare_actions_for_arm(a, model_type):
    if model_type in ("alpha", "beta"):
        if a.shape[-1] == 7:
            a = a[..., :4]
    return a
"""


@pytest.mark.parametrize(
    ("action_dim", "swap", "found"),
    [
        (4, ("", ""), False),
        (7, ('"beta"', '"foo"'), False),
        (7, ("prepare_actions_for", "another"), False),
        (7, ("==", ">="), False),
        (7, ("[-1] == 7", "[-1] == width"), False),
        (7, ("", ""), True),
        (14, ("7", "14"), True),
    ],
)
def test_says_where_actions_are_too_wide(
    action_dim: int, swap: tuple[str, str], found: bool
) -> None:
    snags = snags_of(trap, {ACTIONS: CUT.replace(*swap)}, action_dim=action_dim)
    expected = (
        f"arm takes fewer than {action_dim} numbers, and {ACTIONS}:3 cuts the actions of "
        "alpha, beta alone: scaffold for it with the --action-dim of the environment."
    )
    assert [snag.sentence for snag in snags] == ([expected] if found else [])
