from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    SourceSyntaxError,
    WiringChangedError,
)
from rlinf_scaffold.inserters import yaml
from rlinf_scaffold.inserters.yaml_document import Keys, Value

PATH = "recipe.yaml"
read_value = partial(yaml.read_value, path=PATH)
has_key = partial(yaml.has_key, path=PATH)
set_value = partial(yaml.set_value, path=PATH)
add_key = partial(yaml.add_key, path=PATH)
remove_key = partial(yaml.remove_key, path=PATH)
drop_comment = partial(yaml.drop_comment, path=PATH)
edit_comments = partial(yaml.edit_comments, path=PATH)

RECIPE = """\
# How to run: see the README.
defaults:
  - env/table@env.train
  - model/old@actor.model  # the policy
  - override hydra/job_logging: stdout

actor:
  # Override the default values in model/old
  model:
    model_path: "/path/to/old" # https://example.org/old
    model_type: 'old'
    precision: ${rollout.precision}
    is_lora: True

    # Old things
    # of the old model
    old:
      depth: 3
      # deeper

    size: [224, 224]
  optim: {lr: 1.0e-4}
"""


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ((), None),
        (("defaults", 0), "env/table@env.train"),
        (("actor", "model", "is_lora"), True),
        (("actor", "model", "precision"), "${rollout.precision}"),
        (("actor", "optim"), {"lr": 0.0001}),
    ],
)
def test_read_value(keys: Keys, value: Value) -> None:
    assert value is None or read_value(RECIPE, keys) == value


@pytest.mark.parametrize(
    "keys",
    [
        ("critic",),
        ("defaults", 3),
        ("defaults", "a"),
        ("actor", 0),
        ("actor", "optim", "lr", "x"),
    ],
)
def test_read_value_says_what_is_missing(keys: Keys) -> None:
    assert not has_key(RECIPE, keys)
    with pytest.raises(
        AnchorNotFoundError, match=re.escape(f"no {'.'.join(map(str, keys))}")
    ):
        read_value(RECIPE, keys)


def test_merged_keys_can_be_read_but_are_not_written_out() -> None:
    text = "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n"
    assert read_value(text, ("b", "x")) == 1
    assert not has_key(text, ("b", "x"))
    assert has_key(text, ("b", "y"))


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        pytest.param("a: 1 # b\n", 1, "a: 1 # b\n", id="equal"),
        pytest.param("a: 0x10\n", 16, "a: 0x10\n", id="equal in another spelling"),
        pytest.param('a: "b"\n', "b", 'a: "b"\n', id="equal in quotes"),
        pytest.param("a:\n  - b\n", ["b"], "a:\n  - b\n", id="equal block"),
        pytest.param("a: 1 # b\n", 2, "a: 2 # b\n", id="number"),
        pytest.param("a: 1\n", True, "a: True\n", id="a boolean is no number"),
        pytest.param("a: false\n", True, "a: true\n", id="boolean in small letters"),
        pytest.param("a: False\n", True, "a: True\n", id="boolean in RLinf's letters"),
        pytest.param("a: 1\n", None, "a: null\n", id="null"),
        pytest.param("a: 1\n", 0.5, "a: 0.5\n", id="float"),
        pytest.param("a: b # c\n", "d/e@f.g", "a: d/e@f.g # c\n", id="plain"),
        pytest.param("a: b\n", "c: d", 'a: "c: d"\n', id="plain cannot hold it"),
        pytest.param("a: b\n", "On", 'a: "On"\n', id="a word of YAML 1.1"),
        pytest.param("a: b\n", "1e3", 'a: "1e3"\n', id="a number as text"),
        pytest.param("a: 'b'\n", "it's", "a: 'it''s'\n", id="single quotes"),
        pytest.param("a: 'b'\n", "c\nd", 'a: "c\\nd"\n', id="single quotes cannot"),
        pytest.param('a: "b"\n', 'c"d', 'a: "c\\"d"\n', id="double quotes"),
        pytest.param('a: "b"\n', "é", 'a: "é"\n', id="letters of other alphabets"),
        pytest.param(
            "a: |\n  b\n\nc: 1\n", "d", 'a: "d"\n\nc: 1\n', id="literal block"
        ),
        pytest.param("a: # b\n", "c", 'a: "c" # b\n', id="nothing there"),
        pytest.param("a:", "c", 'a: "c"', id="nothing there, no final newline"),
        pytest.param("a: &x b\n", "c", "a: &x c\n", id="anchored"),
        pytest.param("a: [1, 2] # b\n", ["c"], 'a: ["c"] # b\n', id="flow sequence"),
        pytest.param("a: {b: 1}\n", {"c": 2}, "a: {c: 2}\n", id="flow mapping"),
        pytest.param("\ufeffa: b\r\nc: d", "e", "\ufeffa: e\r\nc: d", id="BOM, CRLF"),
    ],
)
def test_set_value(before: str, value: Value, after: str) -> None:
    assert set_value(before, ("a",), value) == after
    assert set_value(after, ("a",), value) == after


def test_set_value_of_a_sequence_item() -> None:
    after = set_value(RECIPE, ("defaults", 1), "model/new@actor.model")
    assert after == RECIPE.replace("model/old@", "model/new@")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        pytest.param("a: 1\n", ("b",), id="missing"),
        pytest.param("a:\n  b: 1\n", ("a",), id="block mapping"),
        pytest.param("a:\n  - 1\n", ("a",), id="block sequence"),
        pytest.param("b: &x 1\na: *x\n", ("a",), id="alias"),
        pytest.param("a: &x 1\nb: *x\n", ("a",), id="aliased elsewhere"),
        pytest.param("a: !!str 7\n", ("a",), id="tagged"),
        pytest.param("{a, b}\n", ("a",), id="key alone"),
    ],
)
def test_set_value_refuses_what_it_cannot_do_safely(text: str, keys: Keys) -> None:
    with pytest.raises(AnchorNotFoundError, match=f"By hand: set {keys[0]} to 8"):
        set_value(text, keys, 8)


@pytest.mark.parametrize(
    ("before", "keys", "value", "after"),
    [
        pytest.param("a:\n  b: 1\n", ("a", "b"), 1, "a:\n  b: 1\n", id="there"),
        pytest.param("a: 1\n", ("b",), 2, "a: 1\nb: 2\n", id="at the top"),
        pytest.param("a: 1", ("b",), "x", 'a: 1\nb: "x"', id="no final newline"),
        pytest.param(
            "\ufeffa: 1\r\n", ("b",), 2, "\ufeffa: 1\r\nb: 2\r\n", id="BOM, CRLF"
        ),
        pytest.param(
            "a:\n    b:\n      c: 1 # d\n\n# e\nf: 1\n",
            ("a", "x"),
            2,
            "a:\n    b:\n      c: 1 # d\n    x: 2\n\n# e\nf: 1\n",
            id="behind nested siblings, before blank lines",
        ),
        pytest.param(
            "a:\n  b:\n    c: 1\n    # d\n  # e\n# f\n",
            ("a", "x"),
            2,
            "a:\n  b:\n    c: 1\n    # d\n  # e\n  x: 2\n# f\n",
            id="behind the mapping's own comments",
        ),
        pytest.param(
            "a:  # b\n", ("a", "x"), 1, "a:  # b\n  x: 1\n", id="below nothing"
        ),
        pytest.param(
            "a: 1\n",
            ("b", "c d", "e"),
            ["f", "g"],
            'a: 1\nb:\n  "c d":\n    e:\n      - "f"\n      - "g"\n',
            id="with the mappings above it",
        ),
        pytest.param(
            "a: 1\n",
            ("b",),
            {"c": {}, "d": []},
            "a: 1\nb:\n  c: {}\n  d: []\n",
            id="empty",
        ),
        pytest.param(
            "a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n",
            ("c", "b"),
            2,
            "a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n  b: 2\n",
            id="over a merged key",
        ),
        pytest.param(
            "- a: 1\n- c\n", (0, "b"), 2, "- a: 1\n  b: 2\n- c\n", id="in an item"
        ),
    ],
)
def test_add_key(before: str, keys: Keys, value: Value, after: str) -> None:
    assert add_key(before, keys, value) == after
    assert add_key(after, keys, value) == after


def test_add_key_never_overwrites() -> None:
    with pytest.raises(
        WiringChangedError, match=r"recipe.yaml:2: a.b is there.*expected 2"
    ):
        add_key("a:\n  b: 1\n", ("a", "b"), 2)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty document"),
        pytest.param("# nothing\n", id="only comments"),
        pytest.param("a: {b: 1}\n", id="flow mapping"),
        pytest.param("a: 1\n", id="scalar"),
        pytest.param("a:\n  - 1\n", id="sequence"),
        pytest.param("b: &x {c: 1}\na: *x\n", id="alias"),
        pytest.param("b: 1\na: &x\n  c: 1\nd: *x\n", id="aliased elsewhere"),
    ],
)
def test_add_key_needs_a_block_mapping(text: str) -> None:
    with pytest.raises(AnchorNotFoundError, match=r"By hand: add a\.x: 1"):
        add_key(text, ("a", "x"), 1) and add_key(f"[{text}]", ("a", "x"), 1)


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        pytest.param("a: 1\n", ("b",), "a: 1\n", id="not there"),
        pytest.param(
            "a: 1\nb: 2 # c\nd: 3\n", ("b",), "a: 1\nd: 3\n", id="with its comment"
        ),
        pytest.param("a: 1\r\nb: 2", ("b",), "a: 1", id="last, no final newline"),
        pytest.param("a: 1\n\nb: 2\n", ("b",), "a: 1\n", id="last, after a blank line"),
        pytest.param(
            "a: 1\n\nb: 2\n\nc: 3\n",
            ("b",),
            "a: 1\n\nc: 3\n",
            id="one blank line stays",
        ),
        pytest.param(
            "a: 1\nb: 2\n\nc: 3\n", ("b",), "a: 1\n\nc: 3\n", id="the blank line stays"
        ),
        pytest.param(
            "a: 1\n# b\n\n# c\n# d\nb:\n- 1\n# e\nf: 2\n",
            ("b",),
            "a: 1\n# b\n\n# e\nf: 2\n",
            id="comments right above it go, others stay",
        ),
        pytest.param(
            "a:\n  b:\n  c: &x |\n    d\n\n  # e\n  f: 2\n",
            ("a", "c"),
            "a:\n  b:\n\n  # e\n  f: 2\n",
            id="literal block",
        ),
        pytest.param("a: 1\nb:\nc: 2\n", ("b",), "a: 1\nc: 2\n", id="nothing"),
        pytest.param("a: &x 1\nb: *x\nc: 2\n", ("b",), "a: &x 1\nc: 2\n", id="alias"),
    ],
)
def test_remove_key(before: str, keys: Keys, after: str) -> None:
    assert remove_key(before, keys) == after
    assert remove_key(after, keys) == after


def test_remove_key_takes_comments_below_that_are_its_own() -> None:
    start = RECIPE.index("    # Old things")
    end = RECIPE.index("    size")
    assert (
        remove_key(RECIPE, ("actor", "model", "old")) == RECIPE[:start] + RECIPE[end:]
    )


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        pytest.param("a: 1\n", ("a",), id="the only key"),
        pytest.param("b: {a: 1, c: 2}\n", ("b", "a"), id="flow mapping"),
        pytest.param("b:\n- a: 1\n  c: 2\n", ("b", 0, "a"), id="on an item's line"),
        pytest.param("\ufeffa: 1\nb: 2\n", ("a",), id="behind a byte-order mark"),
        pytest.param("- a\n- b\n", (0,), id="sequence item"),
        pytest.param("a: &x 1\nb: *x\n", ("a",), id="aliased elsewhere"),
        pytest.param("a:\n- &x 1\n- *x\nb: 2\n", ("a",), id="ends in an alias"),
    ],
)
def test_remove_key_refuses_what_it_cannot_do_safely(text: str, keys: Keys) -> None:
    with pytest.raises(AnchorNotFoundError, match="By hand: remove"):
        remove_key(text, keys)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n# b\n", "a: 1\n# b\n"),
        ('a: "# b"\n', 'a: "# b"\n'),
        ("a: b#c\n", "a: b#c\n"),
        ("a: 1 # b\r\nc: 2 # d\r\n", "a: 1\r\nc: 2 # d\r\n"),
        ("a: 'b'  #", "a: 'b'"),
    ],
)
def test_drop_comment(before: str, after: str) -> None:
    assert drop_comment(before, ("a",)) == after


def test_drop_comment_needs_a_place() -> None:
    with pytest.raises(
        AnchorNotFoundError, match="By hand: remove the comment behind b"
    ):
        drop_comment("a: 1 # b\n", ("b",))


def test_edit_comments_leaves_values_and_trailing_comments_alone() -> None:
    after = edit_comments(RECIPE, re.compile("model/old"), "model/new")
    assert after == RECIPE.replace("in model/old", "in model/new")


def test_edit_comments_sees_through_literal_blocks() -> None:
    with pytest.raises(AnchorNotFoundError, match="By hand: write new in the comments"):
        edit_comments("a: |\n  # old\n", re.compile("old"), "new")


def test_every_verb_refuses_broken_text() -> None:
    for verb in (read_value, has_key, remove_key, drop_comment):
        with pytest.raises(SourceSyntaxError, match=r"recipe.yaml:2: cannot be parsed"):
            verb("a: 1\na: 2\n", ("a",))
    for write in (set_value, add_key):
        with pytest.raises(SourceSyntaxError):
            write("a: [\n", ("a",), 1)
    with pytest.raises(SourceSyntaxError):
        edit_comments("a: [\n", re.compile("a"), "b")


TEXT = st.text(max_size=8)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), TEXT, st.floats(0.001, 1000.0)
)
NAMES = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
VALUES = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3)
    ),
    max_leaves=6,
)


@given(NAMES, VALUES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_what_is_added_reads_back_and_can_be_removed(
    name: str, value: Value, newline: str, bom: bool, final: bool
) -> None:
    text = newline.join(
        ["top:", "    a0: 1 # b", "    c0:", "    - d", "", "# e", "f: g"]
    )
    text = ("\ufeff" if bom else "") + text + (newline if final else "")
    added = add_key(text, ("top", name), value)
    assert read_value(added, ("top", name)) == value
    assert remove_key(added, ("top", name)) == text


@given(
    st.sampled_from(["plain", "'single'", '"double"', "7", "null", "[1]", ""]), SCALARS
)
def test_what_is_set_reads_back_and_touches_nothing_else(
    old: str, value: Value
) -> None:
    head, tail = "# a\r\nb:\n  c:", " # d\n  e: [f,  g]"
    after = set_value(f"{head} {old}{tail}", ("b", "c"), value)
    assert read_value(after, ("b", "c")) == value
    assert after.startswith(head)
    assert after.endswith(tail)
