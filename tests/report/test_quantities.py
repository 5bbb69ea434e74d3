from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.report.quantities import (
    byte_words,
    count_words,
    number_words,
    second_words,
)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1023 * 2**20, "1023 MiB"),
        (2**30 - 1, "1 GiB"),
        (80 * 2**30, "80 GiB"),
        (5000 * 2**40, "5000 TiB"),
    ],
)
def test_bytes(count: int, words: str) -> None:
    assert byte_words(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (30_848, "30.8 k"),
        (999_999, "1 M"),
        (7_240_000_000, "7.24 B"),
        (2_000_000_000_000, "2000 B"),
    ],
)
def test_counts(count: int, words: str) -> None:
    assert count_words(count) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (-4.187, "-4.19"),
        (0.75, "0.75"),
        (3.6e-07, "3.6e-7"),
        (1234.5, "1.23e3"),
        (-3.4e38, "-3.4e38"),
    ],
)
def test_numbers(value: float, words: str) -> None:
    assert number_words(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0.00 s"), (9.994, "9.99 s"), (61.23, "61.2 s")]
)
def test_seconds(seconds: float, words: str) -> None:
    assert second_words(seconds) == words


@given(st.integers(0, 10**15), st.sampled_from([byte_words, count_words]))
def test_no_more_digits_than_people_read(count: int, say: object) -> None:
    assert callable(say)
    digits = say(count).split()[0].replace(".", "")
    assert digits.isdecimal()
    assert len(digits) <= 7
