from __future__ import annotations

import ast

import pytest

from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.subjects import Subject, origin, read_origins

KEY = "cfg.model_type"
SUBJECT = Subject(KEY, {"kind": KEY, "other": "cfg.other", "cfg": "cfg"})
FOO = ModelSpec(name="foo")
ORIGINS = {
    "cfg.a": "cfg.a",
    'cfg["a"]': "cfg.a",
    'cfg.get("a")': "cfg.a",
    'cfg.get("a", None)': "cfg.a",
    'getattr(cfg, "a")': "cfg.a",
    'getattr(cfg, "a", None)': "cfg.a",
    "cfg.a.b": "cfg.a.b",
    "cfg.a.value": "cfg.a",
    "str(cfg.a)": "cfg.a",
    "cfg.a.lower()": "cfg.a",
    "SupportedModel(cfg.a)": "cfg.a",
    "config.get_supported_model(cfg.a)": "cfg.a",
    "local": "cfg.a.b",
    "local.c": "cfg.a.b.c",
    "unknown": "unknown",
    "cfg.a.split('-')": "",
    "cfg.a.lower(1)": "",
    "cfg[0]": "",
    "cfg[key]": "",
    "cfg.get(key)": "",
    "cfg.get()": "",
    "convert(cfg.a)": "",
    "str(cfg.a, encoding='ascii')": "",
    "str(cfg.a, 'ascii')": "",
    "getattr(cfg)": "",
    "cfg.a + cfg.b": "",
    "'cfg'": "",
}
BINDINGS = {
    "a = cfg.x": {"a": "cfg.x"},
    "a: str = cfg.x": {"a": "cfg.x"},
    "a: str": {},
    "a = b = cfg.x": {"a": "cfg.x", "b": "cfg.x"},
    "a, b = cfg.x, cfg.y": {"a": "cfg.x", "b": "cfg.y"},
    "a, b = cfg": {},
    "a = cfg.x\nb = str(a)": {"a": "cfg.x", "b": "cfg.x"},
    "a = cfg.x\na = cfg.y": {"a": "cfg.y"},
    "a = cfg.x\na = f(a)": {"a": ""},
    "with x:\n    a = cfg.x": {"a": "cfg.x"},
    "try:\n    a = cfg.x\nexcept E:\n    a = 1": {"a": "cfg.x"},
    "try:\n    a = cfg.x\n    b = a\nexcept E:\n    pass": {"a": "cfg.x", "b": "cfg.x"},
    "a = cfg.x\ntry:\n    b = a\nexcept E:\n    pass": {"a": "cfg.x", "b": "cfg.x"},
    "if x:\n    a = cfg.x": {},
    "cfg.a = cfg.x": {},
}
# What a condition names, and whether it may hold for others.
CONDITIONS: dict[str, tuple[set[str], bool]] = {
    'cfg.model_type == "a"': ({"a"}, False),
    'kind == "a"': ({"a"}, False),
    '"a" == kind': ({"a"}, False),
    "kind == SupportedModel.A": ({"SupportedModel.A"}, False),
    "SupportedModel.A is kind": ({"SupportedModel.A"}, False),
    "kind == config.SupportedModel.A.value": ({"SupportedModel.A"}, False),
    'kind in ("a", "b")': ({"a", "b"}, False),
    'kind in {"a", SupportedModel.B}': ({"a", "SupportedModel.B"}, False),
    'kind in set(["a"])': ({"a"}, False),
    'kind == "a" and cfg.old': ({"a"}, False),
    'kind == "a" or kind == "b"': ({"a", "b"}, False),
    '(kind == "a" or kind == "b") and x': ({"a", "b"}, False),
    "cfg.old": (set(), False),
    "other == 'a'": (set(), False),
    "not kind": (set(), False),
    "kind is None": (set(), False),
    'not hasattr(cfg, "model_type")': (set(), False),
    'kind == "a" or cfg.old': (set(), True),
    'kind != "a"': (set(), True),
    'not kind == "a"': (set(), True),
    'kind not in ("a",)': (set(), True),
    "kind is not None": (set(), True),
    "kind": (set(), True),
    "kind in KNOWN": (set(), True),
    'kind in "ab"': (set(), True),
    'kind in ("a", b)': (set(), True),
    '"a" in kind': (set(), True),
    "kind == Other.A": (set(), True),
    "kind == a": (set(), True),
    'kind == "a" == other': (set(), True),
    'kind.startswith("a")': (set(), True),
    'kind.category == "embodied"': (set(), True),
    'hasattr(cfg, "model_type")': (set(), True),
    "True": (set(), True),
    "1 == 1": (set(), True),
}
WORDINGS = {
    'kind == "a"': 'kind == "foo"',
    '"a" == cfg.model_type': 'cfg.model_type == "foo"',
    "kind == SupportedModel.A": "kind == SupportedModel.FOO",
    "kind is SupportedModel.A": "kind is SupportedModel.FOO",
    "kind == SupportedModel.A.value": "kind == SupportedModel.FOO.value",
    "kind.value == 'a'": 'kind.value == "foo"',
    "kind in (config.SupportedModel.A,)": "kind == config.SupportedModel.FOO",
    "cfg['model_type'] == 'a'": 'cfg["model_type"] == "foo"',
    "x and (y or kind == 'a')": 'kind == "foo"',
}


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(("text", "path"), ORIGINS.items(), ids=ORIGINS)
def test_knows_where_a_value_is_read_from(text: str, path: str) -> None:
    assert origin(expression(text), {"local": "cfg.a.b"}) == path


@pytest.mark.parametrize(("text", "origins"), BINDINGS.items(), ids=BINDINGS)
def test_follows_locals(text: str, origins: dict[str, str]) -> None:
    assert read_origins(ast.parse(text).body) == origins


@pytest.mark.parametrize(
    ("text", "names", "may_take"),
    [(text, *found) for text, found in CONDITIONS.items()],
    ids=CONDITIONS,
)
def test_knows_which_models_a_condition_is_for(
    text: str, names: set[str], may_take: bool
) -> None:
    assert SUBJECT.names(expression(text)) == names
    assert SUBJECT.may_take(expression(text)) is may_take


@pytest.mark.parametrize(("text", "branch"), WORDINGS.items(), ids=WORDINGS)
def test_words_a_condition_as_others_are(text: str, branch: str) -> None:
    (wording,) = SUBJECT.wordings(expression(text))
    assert wording.of(FOO) == branch
    assert wording.is_of_members is ("SupportedModel" in text)
    assert SUBJECT.names(expression(wording.of(FOO))) & {"foo", "SupportedModel.FOO"}


@pytest.mark.parametrize("text", ["cfg.old", "kind", "kind != 'a'", "kind in KNOWN"])
def test_finds_no_words_where_there_is_no_comparison(text: str) -> None:
    assert not [*SUBJECT.wordings(expression(text))]
