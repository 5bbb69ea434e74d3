from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import check_ruff, check_transformed

from rlinf_scaffold.codemods.collections import append_element
from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.syntax import find_assignment, find_literal, parse

CONFIG = PurePosixPath("rlinf/config.py")
LONG = '"' + "x" * 40 + '"'
OTHER = '"' + "y" * 40 + '"'
CASES = {
    "a set": ("NAMES = {'a'}\n", "NAMES = {'a', NEW}\n", 1),
    "a list": ("NAMES = ['a']\n", "NAMES = ['a', NEW]\n", 1),
    "an empty list": ("NAMES = []\n", "NAMES = [NEW]\n", 1),
    "an empty tuple": ("NAMES = ()\n", "NAMES = (NEW,)\n", 1),
    "an empty list that holds a comment": (
        "NAMES = [\n    # none yet\n]\n",
        "NAMES = [\n    # none yet\n    NEW,\n]\n",
        0,
    ),
    "an empty tuple that holds a comment": (
        "NAMES = (\n    # none yet\n)\n",
        "NAMES = (\n    # none yet\n    NEW,\n)\n",
        0,
    ),
    "a tuple": ("NAMES = ('a', 'b')\n", "NAMES = ('a', 'b', NEW)\n", 1),
    "a tuple of one": ("NAMES = ('a',)\n", "NAMES = ('a', NEW)\n", 1),
    "a tuple in two pairs of parentheses": (
        "NAMES = (('a', 'b'))\n",
        "NAMES = (('a', 'b', NEW))\n",
        1,
    ),
    "a wrapped set": ("NAMES = set({'a'})\n", "NAMES = set({'a', NEW})\n", 1),
    "a set of a list": ("NAMES = set(['a'])\n", "NAMES = set(['a', NEW])\n", 1),
    "a frozen set": ("NAMES = frozenset({1})\n", "NAMES = frozenset({1, NEW})\n", 1),
    "annotated": ("NAMES: set[str] = {'a'}\n", "NAMES: set[str] = {'a', NEW}\n", 1),
    "unpacked elements": ("NAMES = [*A, 'b']\n", "NAMES = [*A, 'b', NEW]\n", 1),
    "a comma at the end of the line": ("NAMES = {1,}\n", "NAMES = {1, NEW,}\n", 1),
    "an element a line": (
        "NAMES = {\n    'a',\n    'b',\n}\n",
        "NAMES = {\n    'a',\n    'b',\n    NEW,\n}\n",
        0,
    ),
    "no comma at the end": (
        "NAMES = {\n    'a',\n    'b'\n}\n",
        "NAMES = {\n    'a',\n    'b',\n    NEW\n}\n",
        1,
    ),
    "a comment behind the last element": (
        "NAMES = {\n    'a',  # one\n    'b',  # two, last\n}\n",
        "NAMES = {\n    'a',  # one\n    'b',  # two, last\n    NEW,\n}\n",
        0,
    ),
    "a comment behind the last element, and no comma": (
        "NAMES = {\n    'a',\n    'b'  # two, last\n}\n",
        "NAMES = {\n    'a',\n    'b',  # two, last\n    NEW\n}\n",
        1,
    ),
    "a comment below the last element": (
        "NAMES = {\n    'a',\n    # 'b',\n}\n",
        "NAMES = {\n    'a',\n    # 'b',\n    NEW,\n}\n",
        0,
    ),
    "the first element behind the bracket": (
        "NAMES = {'a',\n         'b',\n        }\n",
        "NAMES = {'a',\n         'b',\n        NEW,\n        }\n",
        0,
    ),
    "several elements a line": (
        "NAMES = [\n    1, 2,\n    3, 4,\n]\n",
        "NAMES = [\n    1, 2,\n    3, 4,\n    NEW,\n]\n",
        0,
    ),
    "two spaces of indentation": (
        "NAMES = [\n  1,\n]\n",
        "NAMES = [\n  1,\n  NEW,\n]\n",
        0,
    ),
    "wrapped, an element a line": (
        "NAMES = set(\n    {\n        1,\n    }\n)\n",
        "NAMES = set(\n    {\n        1,\n        NEW,\n    }\n)\n",
        0,
    ),
    "bound twice: the last one counts": (
        "NAMES = {1}\nNAMES = {2}\n",
        "NAMES = {1}\nNAMES = {2, NEW}\n",
        1,
    ),
    "a variable of its own name elsewhere": (
        "OLD_NAMES = {1}\nNAMES = {2}\nx.NAMES = {3}\n",
        "OLD_NAMES = {1}\nNAMES = {2, NEW}\nx.NAMES = {3}\n",
        1,
    ),
    "declared, then bound": (
        "NAMES: set[int]\nNAMES = {1}\n",
        "NAMES: set[int]\nNAMES = {1, NEW}\n",
        1,
    ),
    "carriage returns": (
        "NAMES = {\r\n    1,\r\n}\r\n",
        "NAMES = {\r\n    1,\r\n    NEW,\r\n}\r\n",
        0,
    ),
    "no newline at the end": ("NAMES = {1}", "NAMES = {1, NEW}", 1),
    "a byte-order mark": ("\ufeffNAMES = {1}\n", "\ufeffNAMES = {1, NEW}\n", 1),
    "a comment that is no UTF-8": (
        "NAMES = {1}  # \udce9\n",
        "NAMES = {1, NEW}  # \udce9\n",
        1,
    ),
    "a comment above that is longer than a line": (
        f"# {'x' * 90}\nNAMES = {{1}}\n",
        f"# {'x' * 90}\nNAMES = {{1, NEW}}\n",
        1,
    ),
}
TOO_LONG = {
    "a set": (
        f"NAMES = {{{LONG}, 1}}\n",
        f"NAMES = {{\n    {LONG},\n    1,\n    {OTHER},\n}}\n",
    ),
    "a list": (
        f"NAMES = [{LONG}]\n",
        f"NAMES = [\n    {LONG},\n    {OTHER},\n]\n",
    ),
    "a tuple of one": (
        f"NAMES = ({LONG},)\n",
        f"NAMES = (\n    {LONG},\n    {OTHER},\n)\n",
    ),
    "wrapped": (
        f"NAMES = set({{{LONG}}})\n",
        f"NAMES = set(\n    {{\n        {LONG},\n        {OTHER},\n    }}\n)\n",
    ),
    "wrapped, and on a line of its own": (
        f"NAMES = set(\n    {{{LONG}}}\n)\n",
        f"NAMES = set(\n    {{\n        {LONG},\n        {OTHER},\n    }}\n)\n",
    ),
    "annotated": (
        f"NAMES: set[str] = {{{LONG}}}\n",
        f"NAMES: set[str] = {{\n    {LONG},\n    {OTHER},\n}}\n",
    ),
    "a comment behind": (
        f"NAMES = [{LONG}]  # seen\n",
        f"NAMES = [\n    {LONG},\n    {OTHER},\n]  # seen\n",
    ),
    "tabs and carriage returns": (
        f"if x:\r\n\ty\r\nNAMES = [{LONG}]\r\n",
        f"if x:\r\n\ty\r\nNAMES = [\r\n\t{LONG},\r\n\t{OTHER},\r\n]\r\n",
    ),
}
REFUSED = {
    "nothing": "",
    "another name": "OTHER = {1}\n",
    "an empty set": "NAMES = set()\n",
    "a dict": "NAMES = {}\n",
    "a comprehension": "NAMES = {x for x in y}\n",
    "a sum": "NAMES = [1] + OTHER\n",
    "a tuple without parentheses": "NAMES = 1, 2\n",
    "a call of something else": "NAMES = sorted([1])\n",
    "a call with more": "NAMES = set(*[[1]])\n",
    "a literal, then something else": "NAMES = {1}\nNAMES = NAMES | OTHER\n",
    "two names at once": "NAMES = OTHER = {1}\n",
    "two statements on a line": "NAMES = {1}; other = 2\n",
    "only declared": "NAMES: set[int]\n",
    "inside a block": "if x:\n    NAMES = {1}\n",
}


def append(source: str, element: str = "NEW") -> str:
    """Append where it is missing, as the layouts do."""
    found = find_assignment(parse(source, CONFIG).body, "NAMES")
    literal = find_literal(found.value) if found else None
    if literal and ast.unparse(ast.parse(element, mode="eval")) in map(
        ast.unparse, literal.elts
    ):
        return source
    return edit(source, CONFIG, append_element(CONFIG, "NAMES", element))


def is_fitting(source: str) -> bool:
    return max(map(len, source.splitlines())) <= 88


@pytest.mark.parametrize(("before", "after", "rewritten"), CASES.values(), ids=CASES)
def test_appends(before: str, after: str, rewritten: int) -> None:
    check_transformed(append, before, after, rewritten=rewritten)


@pytest.mark.parametrize(("before", "after"), TOO_LONG.values(), ids=TOO_LONG)
def test_breaks_a_line_that_gets_too_long(
    before: str, after: str, tmp_path: Path
) -> None:
    check_transformed(lambda source: append(source, OTHER), before, after, rewritten=1)
    check_ruff(tmp_path, before, after)


def test_breaks_a_line_of_89_and_none_of_88() -> None:
    fits = f'NAMES = ["{"x" * 71}"]\n'
    after = f'NAMES = ["{"x" * 71}", NEW]\n'
    assert len(after) == 89  # with its newline
    check_transformed(append, fits, after, rewritten=1)
    longer = f'NAMES = ["{"x" * 72}"]\n'
    broken = f'NAMES = [\n    "{"x" * 72}",\n    NEW,\n]\n'
    check_transformed(append, longer, broken, rewritten=1)


def test_keeps_a_line_that_was_too_long_already() -> None:
    before = f"NAMES = [{LONG}, {LONG}]\n"
    check_transformed(append, before, f"NAMES = [{LONG}, {LONG}, NEW]\n", rewritten=1)


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_refuses_what_is_no_literal(source: str) -> None:
    text = (
        "rlinf/config.py: found no set, list or tuple literal assigned to NAMES. "
        "By hand: add NEW to NAMES"
    )
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        append(source)


@given(
    elements=st.lists(st.text("abc", min_size=1, max_size=30), max_size=6),
    brackets=st.sampled_from(["[]", "()", "{}"]),
    wrapper=st.sampled_from(["", "set", "frozenset"]),
    lines=st.booleans(),
)
def test_the_literal_holds_one_more(
    elements: list[str], brackets: str, wrapper: str, lines: bool
) -> None:
    quoted = [repr(element) for element in elements or ["a"]]
    joined = "".join(f"\n    {x}," for x in quoted) + "\n" if lines else None
    inside = joined or ", ".join(quoted) + ("," if brackets == "()" else "")
    value = f"{brackets[0]}{inside}{brackets[1]}"
    before = f"NAMES = {wrapper}({value})\n" if wrapper else f"NAMES = {value}\n"
    after = append(before, "'NEW'")
    values: dict[str, list[str]] = {}
    exec(after, values)
    assert set(values["NAMES"]) == {*(elements or ["a"]), "NEW"}
    if is_fitting(before):
        assert is_fitting(after)
    assert append(after, "'NEW'") == after
