"""Expressions: known values come out exact, unknown ones as every possibility."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import value_of

from rlinf_scaffold.bases.values import UNKNOWN, Either

KNOWN = [
    "1",
    "-2",
    "not 3",
    "1 + 2 * 3 - 4",
    "7 / 2",
    "7 // 2 % 2",
    "'a' + 'b'",
    "['a'] * 2 + ['b']",
    "(1, 2) + (3,)",
    "f'{1}-{\"x\"}'",
    "{1: 'a', **{2: 'b'}}",
    "{(1, 2): 3}",
    "{1, 2}",
    "[*range(3), 9]",
    "[1, 2, 3][1]",
    "[1, 2, 3][-1]",
    "[1, 2, 3][1:]",
    "'abc'[:2]",
    "{'k': 5}['k']",
    "1 < 2 < 3",
    "1 < 2 > 3",
    "1 <= 1 != 2 >= 2 == 2",
    "1 in [1, 2]",
    "'x' not in 'abc'",
    "None is None",
    "[] is not None",
    "0 or 'b'",
    "1 or 2",
    "0 and 1",
    "1 and 2",
    "'yes' if [] else 'no'",
    "[i * j for i in range(3) for j in range(2) if i]",
    "list(i for i in (1, 2))",
    "{i: -i for i in range(2)}",
    "(n := 4) + n",
    "len('abc') + int('4')",
    "list(zip([1, 2], [3, 4]))",
    "list(enumerate(['a']))",
    "list(reversed([1, 2]))",
    "max([1, 2], key=None) if 0 else min(3, 4)",
    "sorted([2, 1])",
    "'a,b'.split(',')",
    "{'a': 1}.get('b', 2)",
    "list({'a': 1}.items())",
    "isinstance(1, int)",
    "isinstance('a', (int, list))",
    "next(iter([5, 6]))",
]


@pytest.mark.parametrize("expression", KNOWN)
def test_known(tmp_path: Path, expression: str) -> None:
    assert value_of(tmp_path, f"result = {expression}") == eval(expression)


POSSIBLE = [
    ("1 if what else 2", {1, 2}),
    ("1 if what else 1", {1}),
    ("{'a': 1, 'b': 2}[what]", {1, 2}),
    ("{'a': 1, 'b': 2}['c']", {1, 2}),
    ("[1, 2][what]", {1, 2}),
    ("what or 1", {UNKNOWN, 1}),
    ("what and 1", {UNKNOWN, 1}),
    ("what or 0", {UNKNOWN, 0}),
    ("(int if what else str)('3')", {3, "3"}),
]


@pytest.mark.parametrize(("expression", "options"), POSSIBLE)
def test_every_possibility(
    tmp_path: Path, expression: str, options: set[object]
) -> None:
    found = value_of(tmp_path, f"result = {expression}")
    assert (set(found.options) if isinstance(found, Either) else {found}) == options


NOT_KNOWN = [
    "what",
    "what.attribute",
    "what()",
    "what + 1",
    "[1][2]",
    "[][what]",
    "{}[what]",
    "what[0]",
    "not what",
    "-what",
    "~1",
    "1 < what",
    "what is None",
    "1 / 0",
    "2 ** 3",
    "'a' < 1",
    "'a' * 10 ** 9",
    "[0] * 300000",
    "f'{what}'",
    "list(range(10 ** 30))",
    "list(range(1000000))",
    "int('x')",
    "super()",
    "print(1)",
    "isinstance(what, int)",
    "isinstance(1, what)",
    "next(iter([]))",
    "getattr(what, 'x')",
    "hasattr(1, 'real')",
    "(1).real",
    "max(what)",
    "'{}'.format(1)",
    "eval('1')",
    "open('x')",
    "[1, 2][what:]",
    "{[1]}",
]


@pytest.mark.parametrize("expression", NOT_KNOWN)
def test_unknown(tmp_path: Path, expression: str) -> None:
    assert value_of(tmp_path, f"result = {expression}") in (UNKNOWN, [UNKNOWN])


def test_loops_over_the_unknown_run_once(tmp_path: Path) -> None:
    assert value_of(tmp_path, "result = [x for x in what]") == [UNKNOWN]
    assert value_of(tmp_path, "result = {x for x in what}") == [UNKNOWN]
    assert value_of(tmp_path, "result = {x: 1 for x in what}") == {UNKNOWN: 1}
    assert value_of(tmp_path, "result = [*what]") == []


def test_unpacked_unknowns_and_unhashable_keys_are_dropped(tmp_path: Path) -> None:
    assert value_of(tmp_path, "result = {1: 2, **what}") == {1: 2}
    assert value_of(tmp_path, "result = {(1, []): 2}") == {UNKNOWN: 2}
    assert value_of(tmp_path, "result = (lambda **k: 1)(**what)") == 1


def test_sets_of_the_unknown_are_lists(tmp_path: Path) -> None:
    assert value_of(tmp_path, "result = {what}") == [UNKNOWN]


def test_loops_over_huge_ranges_are_cut(tmp_path: Path) -> None:
    found = value_of(tmp_path, "result = [1 for _ in range(10**9)]")
    assert isinstance(found, list)
    assert len(found) == 1


@given(numbers=st.lists(st.integers(-99, 99), max_size=8), step=st.integers(1, 5))
def test_arithmetic_is_pythons(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], step: int
) -> None:
    expression = f"[n // {step} if n % {step} > 1 else n + {step} for n in {numbers}]"
    root = tmp_path_factory.mktemp("arithmetic")
    assert value_of(root, f"result = {expression}") == eval(expression)
