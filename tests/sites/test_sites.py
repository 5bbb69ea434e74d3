from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import site_of

from rlinf_scaffold.sites import EVERY, Line, Types

NAMES = st.sampled_from(("alpha", "beta", "gamma", "foo"))
SETS = st.builds(Types, st.frozensets(NAMES), st.booleans())


@given(SETS, SETS, NAMES)
def test_sets_of_types_are_an_algebra(one: Types, two: Types, name: str) -> None:
    assert (name in (one & two)) == (name in one and name in two)
    assert (name in (one | two)) == (name in one or name in two)
    assert (name in ~one) != (name in one)
    assert name in EVERY


def test_a_line_is_a_place_to_click_on() -> None:
    assert str(Line(PurePosixPath("rlinf/a.py"), 7)) == "rlinf/a.py:7"


def test_lines_are_sorted_by_number() -> None:
    path = PurePosixPath("a.py")
    assert sorted([Line(path, 10), Line(path, 9)])[0].number == 9


CHAIN = """
def act(model_type):
    if model_type in ("alpha", "beta"):
        one()
    elif model_type == "beta":
        two()
    else:
        three()
"""


@pytest.mark.parametrize(
    ("name", "does"),
    [("alpha", "one()"), ("beta", "one()"), ("foo", "three()"), ("qwen", "three()")],
)
def test_the_first_arm_that_is_for_a_model_is_its_way(name: str, does: str) -> None:
    assert site_of(CHAIN).arm_for(name).does == does


def test_a_site_names_each_model_once() -> None:
    site = site_of(CHAIN)
    assert site.named == ("alpha", "beta")
    assert str(site.where) == "rlinf/one.py:3"
