from __future__ import annotations

import pytest
from edits import Difference, differences, edits

BODY, ELSEWHERE = Difference.BODY, Difference.ELSEWHERE
OURS, THEIRS = Difference.OURS, Difference.THEIRS
CHAIN = "if a:\n    x()\nelif b:\n    x()\nelse:\n    z()\n"
CASES = {
    "nothing": (CHAIN, CHAIN, set()),
    "the same": (
        CHAIN.replace("else", "elif c:\n    x()\nelse"),
        CHAIN.replace("else", "elif c:\n    x()\nelse"),
        set(),
    ),
    "the same, but for a blank line": (
        CHAIN.replace("else", "elif c:\n    x()\nelse"),
        CHAIN.replace("else", "\nelif c:\n    x()\n\nelse"),
        set(),
    ),
    "the same, among others": (
        CHAIN.replace("else", "elif c:\n    x()\nelse"),
        CHAIN.replace("else", "elif d:\n    y()\nelif c:\n    x()\nelse"),
        set(),
    ),
    "at another place": (
        CHAIN.replace("else", "elif c:\n    x()\nelse"),
        CHAIN.replace("elif b", "elif c:\n    x()\nelif b"),
        {ELSEWHERE},
    ),
    "with another body": (
        CHAIN.replace("else", "elif c:\n    x()\nelse"),
        CHAIN.replace("else", "elif c:\n    y()\nelse"),
        {BODY},
    ),
    "with another body at another place": (
        CHAIN.replace("else", "elif c:\n    x()\nelse"),
        CHAIN.replace("elif b", "elif c:\n    y()\nelif b"),
        {BODY, ELSEWHERE},
    ),
    "ours alone": (CHAIN + "c()\n", CHAIN, {OURS}),
    "theirs alone": (CHAIN, CHAIN + "c()\n", {THEIRS}),
    "each alone": (CHAIN + "c()\n", "c(1)\n" + CHAIN, {OURS, THEIRS}),
    "a line over": (CHAIN.replace("a:", "a, c:"), CHAIN.replace("a:", "a, c:"), set()),
}


@pytest.mark.parametrize(("ours", "theirs", "expected"), CASES.values(), ids=CASES)
def test_tells_how_edits_differ(
    ours: str, theirs: str, expected: set[Difference]
) -> None:
    assert set(differences(edits(CHAIN, ours), edits(CHAIN, theirs))) == expected


def test_an_insertion_begins_where_a_statement_does() -> None:
    call = "f(\n    {},\n    b,\n)\n"
    before, after = call.format(1), call.format(1) + call.format(2)
    (edit,) = edits(before, after)
    assert (edit.at, edit.lines) == (4, ("f(", "    2,", "    b,", ")"))
