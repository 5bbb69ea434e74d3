from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.report.svg import (
    line,
    picture,
    scale,
    tag,
    text,
    ticks,
    title,
)

FINITE = st.floats(-1e38, 1e38)


def test_an_element_has_its_attributes_and_what_is_inside() -> None:
    inner = tag("rect", x=1.0, width=1 / 3, class_="c0", fill_opacity=1)
    assert inner == '<rect x="1" width="0.33" class="c0" fill-opacity="1"></rect>'
    assert tag("g", inner, inner) == f"<g>{inner}{inner}</g>"


@given(words=st.text(st.characters(codec="utf-8", categories=["L", "P", "S"])))
def test_words_stay_words_whatever_is_in_them(words: str) -> None:
    drawn = text(words, class_=words) + title(words)
    element, named = ElementTree.fromstring(f"<g>{drawn}</g>")
    assert (element.text or "", element.get("class"), [*element]) == (words, words, [])
    assert (named.text or "", [*named]) == (words, [])


def test_a_picture_has_a_name_and_a_description() -> None:
    drawn = ElementTree.fromstring(
        picture("<A>", '"&', 10, 20.5, line(0, 0, 1, 1, "k"))
    )
    assert drawn.attrib == {"viewBox": "0 0 10 20.5", "role": "img"}
    assert [it.tag for it in drawn] == ["title", "desc", "line"]
    assert [it.text for it in drawn] == ["<A>", '"&', None]


def test_a_scale_goes_from_end_to_end() -> None:
    up = scale(-1, 3, 100, 20)
    assert [up(-1), up(1), up(3)] == [100, 60, 20]


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 10, 6, [0, 2, 4, 6, 8, 10]),
        (-0.05, 0.31, 5, [0, 0.1, 0.2, 0.3]),
        (-6.2, -0.6, 5, [-6, -4, -2]),
        (0, 13, 10, [0, 2, 4, 6, 8, 10, 12]),
    ],
)
def test_ticks_are_round(
    low: float, high: float, most: int, expected: list[float]
) -> None:
    assert ticks(low, high, most) == pytest.approx(expected)


@given(low=FINITE, size=st.floats(1e-3, 1e3), most=st.integers(2, 12))
def test_ticks_are_within_and_few(low: float, size: float, most: int) -> None:
    high = low + size * max(1.0, abs(low))
    found = ticks(low, high, most)
    assert len(found) <= most
    room = (high - low) * 1e-6
    assert all(low - room <= it <= high + room for it in found)
