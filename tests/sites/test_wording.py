from __future__ import annotations

import ast

import pytest

from rlinf_scaffold.sites.wording import ends, words


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "nothing"),
        ("pass", "nothing"),
        ("'''Why.'''", "'Why.'"),
        ("import a", "import a"),
        ("import a\nb = 1", "b = 1"),
        ("return", "returns"),
        ("return f(x)", "returns f(x)"),
        ("raise", "raises what was caught"),
        ("raise KeyError", "raises KeyError"),
        ("raise errors.Bad('x')", "raises errors.Bad"),
        ("if a:\n    b = 1", "if a: b = 1"),
        ("a = 1\nb = 2\nc = 3", "a = 1; b = 2; c = 3"),
        ("a = 1\nb = 2\nc = 3\nd = 4", "a = 1; b = 2; c = 3; ..."),
    ],
)
def test_says_what_code_does(code: str, said: str) -> None:
    assert words(ast.parse(code).body) == said


def test_is_short() -> None:
    assert len(words(ast.parse(f"x = {'a' * 200}").body)) == 64


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", False),
        ("a = 1", False),
        ("if a:\n    raise b", False),
        ("raise b", True),
        ("a = 1\nreturn", True),
        ("continue", True),
    ],
)
def test_knows_what_is_not_left(code: str, expected: bool) -> None:
    assert ends(ast.parse(code).body) is expected
