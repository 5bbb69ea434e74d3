from __future__ import annotations

import pytest
from snags import snags_of
from written import ACTIONS

from rlinf_scaffold.traps.gripper import trap

FLIP = "a[..., -1] = 2 * a[..., -1] - 1"


def environment(name: str, test: str, does: str = FLIP) -> str:
    return (
        f"def prepare_actions_for_{name}(a, model_type):\n    {test}\n        {does}\n"
    )


@pytest.mark.parametrize(
    "code",
    [
        f"def prepare_actions_for_one(a):\n    {FLIP}",
        environment("one", "if model_type == 'alpha':", "a = np.sign(a)"),
        environment("one", "if model_type != 'alpha':"),
        environment("one", "if model_type in ('alpha', 'foo'):"),
        "def another(a, model_type):\n    if model_type == 'alpha':\n        " + FLIP,
    ],
)
def test_is_silent_where_everybody_is_treated_alike(code: str) -> None:
    assert snags_of(trap, {ACTIONS: code}) == []


def test_names_environments_lines_and_models() -> None:
    code = environment("one", "if model_type in ('beta', 'alpha'):")
    code += environment("two", "if model_type == 'gamma':")
    (snag,) = snags_of(trap, {ACTIONS: code})
    assert snag.sentence == (
        "RLinf turns a gripper in [0, 1] to -1 or 1 for alpha, beta, gamma alone: one "
        f"({ACTIONS}:2), two ({ACTIONS}:5). There the dataset statistics of foo must "
        "scale it as the environment wants it, or its name be added."
    )
