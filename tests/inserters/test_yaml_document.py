from __future__ import annotations

import pytest

from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.inserters.yaml_document import Value, leaves, members, parse


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ("a: 1\n", ("a",), "1"),
        ('a: "b c" # d\n', ("a",), '"b c"'),
        ("\ufeffa: 1\n", ("a",), "1"),
        ("a:\r\n  - x # y\r\n  - z\r\n", ("a", 1), "z"),
        ("a: &b c\n", ("a",), "c"),
        ("a: &b\n  c: d\n", ("a",), "c: d"),
        ("a: {b: [1, 2]}\n", ("a", "b"), "[1, 2]"),
        ("a:\n  b:\n    c: 1\n\n# d\ne: 2\n", ("a",), "b:\n    c: 1"),
        ("a: |\n  b\n  c\n\nd: 1\n", ("a",), "|\n  b\n  c"),
        ("a:  # b\nc: 1\n", ("a",), ""),
        ("a:\n- b\n-\n- c\n", ("a", 1), ""),
        ("? a\n: b\n", ("a",), "b"),
        ("a: &b 1\nc: *b\n", ("c",), ""),
        ("a: &b\n- *b\n", ("a", 0), ""),
    ],
)
def test_place_covers_the_node_alone(
    text: str, keys: tuple[str | int, ...], expected: str
) -> None:
    *_, entry = parse(text, "a.yaml").chain(keys)
    assert text[entry.place.start : entry.place.end] == expected


@pytest.mark.parametrize("keys", [("b",), ("a", "b", "c"), ("a", 0), ("x",)])
def test_chain_stops_where_the_text_does(keys: tuple[str | int, ...]) -> None:
    chain = parse("a: {b: 1}\nx-y: 2\n3: 4\n", "a.yaml").chain(keys)
    assert len(chain) < len(keys)


def test_a_document_may_be_empty() -> None:
    document = parse("# nothing\n", "a.yaml")
    assert document.data is None
    assert document.chain(("a",)) == ()


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: [\n", 3, "expected the node content"),
        ("a: 1\nb: 2\na: 3\n", 3, 'duplicate key "a"'),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: 1\n\tb: 2\n", 2, "cannot start any token"),
        ("a: *b\n", 1, "undefined alias"),
        ("a: !b 1\n", 1, "constructor for the tag"),
        ("a: 1\nb: \udc80\n", 2, "special characters"),
        ("a: 2024-13-45\n", 1, "month must be in 1..12"),
    ],
)
def test_an_error_says_where(text: str, line: int, reason: str) -> None:
    with pytest.raises(SourceSyntaxError, match=reason) as caught:
        parse(text, "a.yaml")
    assert (caught.value.path, caught.value.line) == ("a.yaml", line)


def test_members_of_scalars_are_none() -> None:
    assert members("text") == members(None) == {}
    assert members(("a", "b")) == {0: "a", 1: "b"}


def test_leaves_tell_types_apart() -> None:
    values: list[Value] = [1, 1.0, True, "1", None, []]
    assert len({leaves(value)[()] for value in values}) == len(values)
    assert leaves({"a": [{"b": ()}]}) == {("a", 0, "b"): "[]"}
