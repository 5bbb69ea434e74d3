from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from rlinf_scaffold.errors import AnchorNotFoundError, SourceSyntaxError
from rlinf_scaffold.inserters.draft import Draft

PATH = PurePosixPath("a.yaml")
TEXT = "# of old\na:\n  b: 1 # one\n  c: 2\n"


def draft(text: str = TEXT) -> Draft:
    return Draft(PATH, text)


def test_nothing_happens_where_nothing_is() -> None:
    assert draft().set({("a", "x"): 1, ("y",): 2}) == draft()
    assert draft().remove(("a", "x")) == draft()
    assert draft().drop_comment(("a", "x")) == draft()
    assert draft().put(("a", "b"), 1) == draft()


def test_reads() -> None:
    assert draft().get("a", "b") == 1
    assert draft().get("a", "b", "c") is None
    assert draft().get("x") is None
    assert (draft().has(("a", "c")), draft().has(("a", "x"))) == (True, False)


@pytest.mark.parametrize(
    ("keys", "line"), [(("a", "c"), 4), (("a", "x"), 2), (("x",), 1)]
)
def test_says_on_which_line(keys: tuple[str, ...], line: int) -> None:
    assert draft().line_of(keys) == line


def test_each_edit_is_another_draft() -> None:
    edited = draft().set({("a", "b"): 3}, uncommented=[("a", "b")])
    assert edited == draft("# of old\na:\n  b: 3\n  c: 2\n")
    edited = edited.put(("a", "b"), 4).put(("a", "d"), 5).remove(("a", "c"))
    assert edited == draft("# of old\na:\n  b: 4\n  d: 5\n")
    edited = edited.edit_comments(re.compile("old"), "new")
    assert edited == draft("# of new\na:\n  b: 4\n  d: 5\n")
    assert draft().drop_comment(("a", "b")) == draft("# of old\na:\n  b: 1\n  c: 2\n")


def test_errors_name_the_path() -> None:
    with pytest.raises(SourceSyntaxError, match=r"a\.yaml"):
        draft("a: 1\na: 2\n").get("a")
    with pytest.raises(AnchorNotFoundError, match=r"a\.yaml"):
        draft("{a: 1}").put(("b",), 2)
