from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from tools import check_transformed

from rlinf_scaffold.codemods.branches import add_branch
from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.errors import AnchorNotFoundError

PATH = PurePosixPath("rlinf/models/__init__.py")
BRANCH = "if kind == 'new':\n    x = 2\n"
CASES = {
    "an if": (
        "def f():\n    if a:\n        b\n    return x\n",
        "def f():\n    if a:\n        b\n    elif kind == 'new':\n        x = 2\n"
        "    return x\n",
    ),
    "an else": (
        "def f():\n    if a:\n        b\n    else:\n        c\n",
        "def f():\n    if a:\n        b\n    elif kind == 'new':\n        x = 2\n"
        "    else:\n        c\n",
    ),
    "a chain": (
        "def f():\n    if a:\n        b\n    elif c:\n        d\n    else:\n        e\n",
        "def f():\n    if a:\n        b\n    elif c:\n        d\n"
        "    elif kind == 'new':\n        x = 2\n    else:\n        e\n",
    ),
    "an if inside an else": (
        "def f():\n    if a:\n        b\n    else:\n        if c:\n            d\n",
        "def f():\n    if a:\n        b\n    elif kind == 'new':\n        x = 2\n"
        "    else:\n        if c:\n            d\n",
    ),
    "comments around": (
        "def f():\n    # a\n    if a:  # b\n        b\n        # c\n"
        "    # d\n    else:\n        c\n    # e\n",
        "def f():\n    # a\n    if a:  # b\n        b\n        # c\n"
        "    elif kind == 'new':\n        x = 2\n    # d\n    else:\n        c\n"
        "    # e\n",
    ),
    "bodies on one line": (
        "def f():\n    if a: b\n    else: c\n",
        "def f():\n    if a: b\n    elif kind == 'new':\n        x = 2\n    else: c\n",
    ),
    "carriage returns and tabs": (
        "def f():\r\n\tif a:\r\n\t\tb\r\n",
        "def f():\r\n\tif a:\r\n\t\tb\r\n\telif kind == 'new':\r\n\t\tx = 2\r\n",
    ),
    "no newline at the end": (
        "def f():\n    if a:\n        b",
        "def f():\n    if a:\n        b\n    elif kind == 'new':\n        x = 2",
    ),
    "the last function of the name": (
        "def f():\n    if a:\n        b\n\n\ndef f():\n    if c:\n        d\n",
        "def f():\n    if a:\n        b\n\n\ndef f():\n    if c:\n        d\n"
        "    elif kind == 'new':\n        x = 2\n",
    ),
}
REFUSED = {
    "nothing": "",
    "no function": "if a:\n    b\n",
    "another function": "def g():\n    if a:\n        b\n",
    "no if": "def f():\n    b\n",
    "an if in a block": "def f():\n    for a in b:\n        if a:\n            b\n",
    "a body on one line": "def f(): b\n",
    "an expression": "def f():\n    b if a else c\n",
}


def extend(source: str) -> str:
    if "'new'" in source:
        return source
    return edit(source, PATH, add_branch(PATH, "f", 0, BRANCH))


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_adds_a_branch(before: str, after: str) -> None:
    check_transformed(extend, before, after)


def test_counts_the_ifs_of_the_function_alone() -> None:
    before = (
        "def f():\n    if a:\n        if b:\n            c\n"
        "    for x in y:\n        if d:\n            e\n    if g:\n        h\n"
    )
    after = edit(before, PATH, add_branch(PATH, "f", 1, BRANCH))
    assert after == before + "    elif kind == 'new':\n        x = 2\n"


def test_counts_the_ifs_of_the_method_alone() -> None:
    function = "def f():\n    if a:\n        b\n"
    method = "    def f(self):\n        if c:\n            d\n"
    before = f"{function}\n\nclass A:\n{method}\n\nclass B:\n{method}"
    after = edit(before, PATH, add_branch(PATH, "f", 0, BRANCH, owner="B"))
    assert after == before + "        elif kind == 'new':\n            x = 2\n"


def test_refuses_a_class_that_is_not_there() -> None:
    source = "def f():\n    if a:\n        b\n"
    with pytest.raises(AnchorNotFoundError):
        edit(source, PATH, add_branch(PATH, "f", 0, BRANCH, owner="B"))


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_refuses_where_there_is_no_chain(source: str) -> None:
    text = (
        "rlinf/models/__init__.py: found no if/elif chain in f(). "
        f"By hand: add this branch to f():\n{BRANCH}"
    )
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        extend(source)


def test_refuses_an_if_that_is_not_there() -> None:
    source = "def f():\n    if a:\n        b\n"
    with pytest.raises(AnchorNotFoundError):
        edit(source, PATH, add_branch(PATH, "f", 1, BRANCH))
