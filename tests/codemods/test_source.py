from __future__ import annotations

import ast
import re
from contextlib import suppress
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rlinf_scaffold.codemods.source import Edit, edit, open_window, statement
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.syntax import parse

PATH = PurePosixPath("rlinf/config.py")
FUNCTION = "def f():\n    g(\n        1,\n    )\n"
KEPT = {
    "nothing": "",
    "no newline at the end": "a = 1",
    "blanks at the end": "a = 1\n    ",
    "a comment alone": "# a",
    "carriage returns": "if a:\r\n    b\r\n",
    "both kinds of newline": "if a:\r\n    b\nc\r\n",
    "tabs": "if a:\n\tb\n",
    "a byte-order mark": "\ufeffa = 1\n",
    "bytes that are no UTF-8": "# caf\udce9\na = 'caf\udce9'\n",
    "characters of the last plane": "# \U0010ffff\n",
    "a line that goes on": "a = 1 + \\\n    2\n",
    "semicolons": "a = 1; b = 2;\n",
    "comments at every depth": "if a:\n    b\n    # c\n  # d\n# e\n",
    "decorators": "@a\n@b(\n    c\n)\nclass C:\n    d = 1\n\n\n@a\ndef f(): e\n",
    "a string over lines": "a = '''b\n  c'''\nd\n",
    "form feeds between statements": "a = 1\n\x0c\nb = 2\n",
}
LOST = {
    "a form feed above a statement inside": ("def f():\n    a\n\x0c    b\n", 1),
    "a form feed before a statement": ("a = 1\n\x0cb = 2\n", 2),
    "a lone carriage return at the end": ("a = 1\nb = 2\r", 2),
}
BROKEN = {
    "an open bracket": "a = 1\nb = (\n",
    "a merge conflict": "<<<<<<< ours\na = 1\n",
    "a line that goes nowhere": "a = 1\\\n",
    "indented by nothing": "def f():\na = 1\n",
}


def touch(source: str) -> str:
    """Open a window on each top-level statement, and close it as it is."""

    def close_each(text: str) -> str:
        for index, _ in enumerate(parse(text, PATH).body):
            window = open_window(text, PATH, parse(text, PATH).body[index])
            text = window.with_lines(window.lines)
        return text

    return edit(source, PATH, close_each)


def append(text: str, blank_lines: int = 0) -> Edit:
    """Return the edit that adds a statement behind a module's last one."""

    def apply(source: str) -> str:
        window = open_window(source, PATH, parse(source, PATH).body[-1])
        new = statement(window.module, text, blank_lines)
        return window.with_lines([*window.lines, new])

    return apply


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("indent", ["    ", "  ", "\t"])
def test_a_window_opens_inside_a_block(indent: str, newline: str) -> None:
    source = newline.join(["def f():", f"{indent}a", f"{indent}# b", "c", ""])
    function = parse(source, PATH).body[0]
    assert isinstance(function, ast.FunctionDef)
    window = open_window(source, PATH, function.body[0])
    assert window.with_lines(window.lines) == source
    new = statement(window.module, "if d:\n    e\n")
    added = [f"{indent}a", f"{indent}if d:", f"{indent}{indent}e", f"{indent}# b"]
    after = newline.join(["def f():", *added, "c", ""])
    assert window.with_lines([*window.lines, new]) == after


@pytest.mark.parametrize("source", KEPT.values(), ids=KEPT)
def test_rewriting_as_it_is_keeps_every_byte(source: str) -> None:
    assert touch(source) == source


@pytest.mark.parametrize(("source", "line"), LOST.values(), ids=LOST)
def test_refuses_what_the_tree_would_lose(source: str, line: int) -> None:
    text = (
        f"rlinf/config.py:{line}: cannot be parsed: a form feed or lone carriage "
        "return there would be lost. Mend the file, then run again"
    )
    with pytest.raises(SourceSyntaxError, match=f"^{re.escape(text)}$"):
        touch(source)


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_refuses_what_does_not_parse(source: str) -> None:
    with pytest.raises(SourceSyntaxError, match=r"^rlinf/config\.py:\d+: cannot be"):
        touch(source)


def test_refuses_a_statement_on_a_line_that_another_began() -> None:
    with pytest.raises(SourceSyntaxError, match=r"^rlinf/config\.py:2: cannot be"):
        touch("a = '''b\n  c'''; d\n")


def test_edits_apply_in_order() -> None:
    assert edit("a\n", PATH, append("b"), append("c")) == "a\nb\nc\n"


def test_no_edit_needs_a_source_that_parses() -> None:
    assert edit("a\n", PATH) == "a\n"
    with pytest.raises(SourceSyntaxError):
        edit("(\n", PATH)


@pytest.mark.parametrize(
    ("source", "added"),
    [
        ("if a:\n    b\n", FUNCTION),
        ("a = 1\n", FUNCTION),
        ("if a:\r\n    b\r\n", FUNCTION.replace("\n", "\r\n")),
        ("if a:\n\tb\n", FUNCTION.replace("    ", "\t")),
        ("if a:\r\n  b\r\n", FUNCTION.replace("\n", "\r\n").replace("    ", "  ")),
    ],
    ids=["as given", "no block to learn from", "carriage returns", "tabs", "by two"],
)
def test_a_statement_takes_the_style_of_its_module(source: str, added: str) -> None:
    assert edit(source, PATH, append(FUNCTION)) == source + added


def test_blank_lines_stand_above_a_statement() -> None:
    assert edit("a\n", PATH, append("b", blank_lines=2)) == "a\n\n\nb\n"


@given(
    st.lists(
        st.sampled_from(
            ["a", "#", "\n", "\r\n", "    ", "\t", "if a:", "b = 'x'", "\x0c"]
        )
    ).map("".join)
)
@example("\ufeff#\udcff\n")
def test_keeps_every_byte_or_refuses(source: str) -> None:
    with suppress(SourceSyntaxError):
        assert touch(source) == source
