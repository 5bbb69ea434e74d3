from __future__ import annotations

import pytest
from snags import sentences_of
from written import ACTIONS

from rlinf_scaffold.traps.cuda_actions import trap


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("X = 1", []),
        ("def prepare_actions_for_one(a):\n    return a.cpu()", []),
        ("def prepare_actions_for_one(a):\n    return cuda(a)", []),
        (
            "def prepare_actions_for_one(a):\n    a = cat(\n        a\n    ).cuda()\n"
            "    return a.cuda()",
            [("one", 4)],
        ),
    ],
)
def test_finds_actions_that_go_to_cuda(code: str, found: list[tuple[str, int]]) -> None:
    assert sentences_of(trap, {ACTIONS: code}) == [
        f"{environment} needs CUDA: {ACTIONS}:{line} moves its actions there."
        for environment, line in found
    ]
