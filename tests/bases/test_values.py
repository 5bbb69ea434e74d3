"""Values: what is true, what is the same, what may be either."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.bases.library import External
from rlinf_scaffold.bases.values import (
    UNKNOWN,
    Either,
    Made,
    compute,
    either,
    is_plain,
    items_of,
    options_of,
    truth,
)

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))


@given(PLAIN)
def test_one_value_is_itself(value: object) -> None:
    assert either(value) is value
    assert either(value, value) is value
    assert options_of(value) == (value,)


@given(st.lists(PLAIN, min_size=1, max_size=5))
def test_either_flattens_and_keeps_order(values: list[object]) -> None:
    once = options_of(either(*values))
    assert options_of(either(either(*values), *values)) == once
    assert {(type(v), v) for v in once} == {(type(v), v) for v in values}


def test_true_and_one_are_two_values() -> None:
    assert len(options_of(either(True, 1))) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, False), ("a", True), ([], False), (UNKNOWN, None), (Either((1, 2)), None)],
)
def test_truth(value: object, expected: bool | None) -> None:
    assert truth(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (UNKNOWN, None),
        (3, None),
        ({"a": 1}, ["a"]),
        (range(2), [0, 1]),
        (Made(External("x"), [[1], 2, (3,)], {}), [1, 3]),
    ],
)
def test_items(value: object, expected: object) -> None:
    assert items_of(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, True), ([UNKNOWN], False), ({"a": UNKNOWN}, False), ({"a": (1,)}, True)],
)
def test_plain(value: object, expected: bool) -> None:
    assert is_plain(value) is expected


def test_lists_that_hold_the_unknown_still_add_up() -> None:
    assert compute(ast.Add(), [UNKNOWN], [1]) == [UNKNOWN, 1]
