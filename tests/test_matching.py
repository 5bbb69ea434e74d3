from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from rlinf_scaffold.errors import UnknownLayoutError
from rlinf_scaffold.matching import Check, match

PATH = PurePosixPath("rlinf/config.py")
NODE = ast.parse("\n@cache\ndef get_model(cfg):\n    pass\n").body[0]


@dataclass(frozen=True)
class Named:
    name: str
    title: str


Asked = tuple[Named, tuple[Check, ...]]


def kind(name: str, *checks: Check) -> Asked:
    return Named(name, f"the {name} one"), checks


GOOD = Check("b", PATH, NODE, True)
BAD = Check("c", PATH, None, False)
OLD, NEW, NEWER = kind("old", BAD), kind("new", GOOD), kind("newer", GOOD)
REFUSED = {
    "none": (
        [OLD, kind("half", GOOD, BAD)],
        "the checkout's registration is not recognised:\n"
        "  - nearest to half (the half one): 1 of 2 are there\n"
        "  - missing c in rlinf/config.py\n"
        "  - further off: old 0 of 1\n"
        "  - by hand: write c in rlinf/config.py; then run again",
    ),
    "the only one": (
        [kind("half", GOOD, BAD)],
        "the checkout's registration is not recognised:\n"
        "  - nearest to half (the half one): 1 of 2 are there\n"
        "  - missing c in rlinf/config.py\n"
        "  - by hand: write c in rlinf/config.py; then run again",
    ),
    "two things are missing": (
        [kind("bad", BAD, Check("b", PATH, NODE, False))],
        "the checkout's registration is not recognised:\n"
        "  - nearest to bad (the bad one): 0 of 2 are there\n"
        "  - missing c in rlinf/config.py\n"
        "  - missing b (rlinf/config.py:3 has `def get_model(cfg):`)\n"
        "  - by hand: write c in rlinf/config.py; write b in place of "
        "rlinf/config.py:3; then run again",
    ),
    "several": (
        [NEW, NEWER],
        "the checkout's registration is not recognised:\n"
        "  - new (the new one): all of it is there\n"
        "  - newer (the newer one): all of it is there\n"
        "  - by hand: take all but one away, then run again",
    ),
}


def test_takes_the_one_that_matches() -> None:
    assert match("registration", dict([OLD, NEW])) is NEW[0]


@pytest.mark.parametrize(("kinds", "text"), REFUSED.values(), ids=REFUSED)
def test_refuses_where_not_exactly_one_matches(kinds: list[Asked], text: str) -> None:
    with pytest.raises(UnknownLayoutError, match=f"^{re.escape(text)}$"):
        match("registration", dict(kinds))


CHECKS = {
    "nothing in its place": (Check("a", PATH, None, False), "a in rlinf/config.py"),
    "something in its place": (
        Check("a", PATH, NODE, False),
        "a (rlinf/config.py:3 has `def get_model(cfg):`)",
    ),
    "there": (Check("a", PATH, NODE, True), "a at rlinf/config.py:3"),
    "there, at no line": (Check("a", PATH, None, True), "a in rlinf/config.py"),
}


@pytest.mark.parametrize(("check", "text"), CHECKS.values(), ids=CHECKS)
def test_a_check_says_where(check: Check, text: str) -> None:
    assert str(check) == text


HAND_EDITS = {
    "nothing in its place": (
        Check("a", PATH, None, False),
        "write a in rlinf/config.py",
    ),
    "something in its place": (
        Check("a", PATH, NODE, False),
        "write a in place of rlinf/config.py:3",
    ),
    "something else to do": (Check("a", PATH, NODE, False, "drop b"), "drop b"),
}


@pytest.mark.parametrize(("check", "text"), HAND_EDITS.values(), ids=HAND_EDITS)
def test_a_check_says_what_to_do(check: Check, text: str) -> None:
    assert check.hand_edit == text
