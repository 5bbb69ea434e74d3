from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

import pytest
from tools import check_transformed

from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.codemods.statements import (
    insert_after_last,
    insert_in_class,
    insert_in_function,
)
from rlinf_scaffold.errors import AnchorNotFoundError

PATH = PurePosixPath("rlinf/models/__init__.py")
TOP = {
    "behind the only one": ("add(1)\n", "add(1)\nadd(2)\n"),
    "behind the last one": ("add(0)\nadd(1)\nx\n", "add(0)\nadd(1)\nadd(2)\nx\n"),
    "above the comment of what follows": (
        "add(1)\n\n# x\nx\n",
        "add(1)\nadd(2)\n\n# x\nx\n",
    ),
    "behind the comment at its end": ("add(1)  # a\n", "add(1)  # a\nadd(2)\n"),
    "above a comment that ends the file": (
        "add(1)\n# done",
        "add(1)\nadd(2)\n# done",
    ),
    "not behind one in a block": (
        "add(1)\nif x:\n    add(0)\n",
        "add(1)\nadd(2)\nif x:\n    add(0)\n",
    ),
    "not behind one that is commented out": (
        "add(1)\nx\n# add(0)\n",
        "add(1)\nadd(2)\nx\n# add(0)\n",
    ),
    "no newline at the end": ("add(1)", "add(1)\nadd(2)"),
    "above what uses it": (
        "add(1)\na = 1\nadd(3)\n",
        "add(1)\nadd(2)\na = 1\nadd(3)\n",
    ),
    "above the last that uses it": (
        "add(0)\na = 1\nadd(1)\nb = 1\nadd(3)\n",
        "add(0)\na = 1\nadd(1)\nadd(2)\nb = 1\nadd(3)\n",
    ),
}
INSIDE = {
    "behind the last one": (
        "def f():\n    add(1)\n    x\n",
        "def f():\n    add(1)\n    add(2)\n    x\n",
    ),
    "above a comment that ends the function": (
        "def f():\n    add(1)\n    # done\n\n\nadd(0)\n",
        "def f():\n    add(1)\n    add(2)\n    # done\n\n\nadd(0)\n",
    ),
    "at the end of a file without a newline": (
        "def f():\n    add(1)",
        "def f():\n    add(1)\n    add(2)",
    ),
    "in the last function of the name": (
        "def f():\n    add(0)\n\n\ndef f():\n    add(1)\n",
        "def f():\n    add(0)\n\n\ndef f():\n    add(1)\n    add(2)\n",
    ),
    "under a decorator": (
        "@cache\ndef f():\n    add(1)\n",
        "@cache\ndef f():\n    add(1)\n    add(2)\n",
    ),
    "in the function's own indentation": (
        "def g():\n    x\n\n\ndef f():\n  add(1)\n",
        "def g():\n    x\n\n\ndef f():\n  add(1)\n  add(2)\n",
    ),
    "above what uses it": (
        "def f():\n    add(1)\n    a = 1\n    add(0)\n",
        "def f():\n    add(1)\n    add(2)\n    a = 1\n    add(0)\n",
    ),
}
IN_CLASS = {
    "behind the last one": (
        "class C:\n    add(1)\n    x\n",
        "class C:\n    add(1)\n    add(2)\n    x\n",
    ),
    "above the heading of the next group": (
        "class C:\n    # a\n    add(1)  # b\n\n    # c\n    x\n",
        "class C:\n    # a\n    add(1)  # b\n    add(2)\n\n    # c\n    x\n",
    ),
    "in the last class of the name": (
        "class C:\n    add(0)\n\n\nclass C:\n\tadd(1)\n",
        "class C:\n    add(0)\n\n\nclass C:\n\tadd(1)\n\tadd(2)\n",
    ),
    "at the end of a file without a newline": (
        "class C:\n    add(1)",
        "class C:\n    add(1)\n    add(2)",
    ),
}
NOT_IN_CLASS = {
    "nothing": "",
    "another class": "class D:\n    add(1)\n",
    "a function": "def C():\n    add(1)\n",
    "none of its like": "class C:\n    x\n",
    "a body on one line": "class C: add(1)\n",
    "only in a method": "class C:\n    def f(self):\n        add(1)\n",
}
NO_PLACE = {
    "nothing": "",
    "no function": "add(1)\n",
    "another function": "def g():\n    add(1)\n",
    "a method": "class C:\n    def f():\n        add(1)\n",
    "none of its like": "def f():\n    x\n",
    "a body on one line": "def f(): add(1)\n",
    "only in a block": "def f():\n    if x:\n        add(1)\n",
    "only in a function inside": "def f():\n    def g():\n        add(1)\n",
    "only below what uses it": "def f():\n    a = 1\n    add(1)\n",
    "a later function of the name without": "def f():\n    add(1)\n\n\ndef f(): x\n",
}


def is_call(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("add(")


def is_use(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign)


def at_top(source: str) -> str:
    new = insert_after_last(PATH, is_call, "add(2)", anchor="add()", above=is_use)
    return source if "add(2)" in source else edit(source, PATH, new)


def inside(source: str) -> str:
    new = insert_in_function(PATH, "f", is_call, "add(2)", anchor="add()", above=is_use)
    return source if "add(2)" in source else edit(source, PATH, new)


def in_class(source: str) -> str:
    new = insert_in_class(PATH, "C", is_call, "add(2)", anchor="add()")
    return source if "add(2)" in source else edit(source, PATH, new)


@pytest.mark.parametrize(("before", "after"), IN_CLASS.values(), ids=IN_CLASS)
def test_inserts_in_a_class(before: str, after: str) -> None:
    check_transformed(in_class, before, after)


@pytest.mark.parametrize("source", NOT_IN_CLASS.values(), ids=NOT_IN_CLASS)
def test_refuses_where_none_of_its_like_is_in_the_class(source: str) -> None:
    text = (
        "rlinf/models/__init__.py: found no add() in class C. "
        "By hand: add to class C:\nadd(2)"
    )
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        in_class(source)


@pytest.mark.parametrize(("before", "after"), TOP.values(), ids=TOP)
def test_inserts_at_the_top_level(before: str, after: str) -> None:
    check_transformed(at_top, before, after)


@pytest.mark.parametrize(("before", "after"), INSIDE.values(), ids=INSIDE)
def test_inserts_in_a_function(before: str, after: str) -> None:
    check_transformed(inside, before, after)


def test_leaves_blank_lines_above() -> None:
    for inserted in (
        insert_after_last(PATH, is_call, "x", anchor="add()", blank_lines=2),
        insert_in_function(PATH, "f", is_call, "x", anchor="add()", blank_lines=1),
    ):
        before = "add(1)\n\n\ndef f():\n    add(1)\n"
        after = edit(before, PATH, inserted)
        assert after in (
            "add(1)\n\n\nx\n\n\ndef f():\n    add(1)\n",
            "add(1)\n\n\ndef f():\n    add(1)\n\n    x\n",
        )


@pytest.mark.parametrize("source", ["", "x\n", "# add(1)\n", "a = 1\nadd(1)\n"])
def test_refuses_where_none_of_its_like_is_at_the_top_level(source: str) -> None:
    text = "rlinf/models/__init__.py: found no add(). By hand: add there:\nadd(2)"
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        at_top(source)


@pytest.mark.parametrize("source", NO_PLACE.values(), ids=NO_PLACE)
def test_refuses_where_none_of_its_like_is_in_the_function(source: str) -> None:
    text = (
        "rlinf/models/__init__.py: found no add() in f(). By hand: add to f():\nadd(2)"
    )
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        inside(source)
