from __future__ import annotations

import ast
import keyword
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.errors import InvalidAnswerError
from rlinf_scaffold.spec import ATTENTIONS, PRECISIONS, ModelSpec, check_name

PART = st.builds(
    str.__add__,
    st.sampled_from(string.ascii_lowercase),
    st.text(string.ascii_lowercase + string.digits, max_size=12),
)
# No word that means something already has a q and a z next to each other.
GOOD = st.lists(PART, min_size=1, max_size=2).map(
    lambda parts: "_".join(["qz", *parts])
)

REFUSED = {
    "must be a lower-case identifier": [
        *("", " ", "a b", "foo ", " foo", "foo\n", "\nfoo", "foo\x00", "Foo", "FOO"),
        *(
            "1foo",
            "_foo",
            "foo_",
            "_",
            "foo-bar",
            "foo.bar",
            "a/b",
            "..",
            ".",
            "../foo",
        ),
        *("/foo", "foo\\bar", "~", "$foo", "{{ foo }}", "foo'", 'foo"', "foo#"),
        *("é", "caf\u00e9", "\uff46oo", "foo\u0660", "\u0131d", "fo\u043e", "a" * 33),
    ],
    "must not hold two underscores": ["foo__bar", "a___b"],
    "is a Python keyword": ["class", "for", "lambda", "async", "match", "case"],
    "is a Python builtin": ["id", "print", "list", "open", "dir"],
    "is a module of Python's standard library": ["json", "types", "enum", "logging"],
    "is a package that RLinf": [
        "torch",
        "transformers",
        "numpy",
        "peft",
        "ray",
        "yaml",
    ],
    "already use for something else": ["model", "models", "rlinf", "test", "tests"],
}


@pytest.mark.parametrize(
    "name",
    [
        *("a", "x1", "foo", "my_vla", "a_1", "foo2bar", "llama3_vla", "torchy"),
        *("classy", "model_a", "jsonvla", "a" * 32),
    ],
)
def test_good_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("reason", "name"),
    [(why, name) for why, names in REFUSED.items() for name in names],
)
def test_refused_names(reason: str, name: str) -> None:
    with pytest.raises(InvalidAnswerError, match=reason) as raised:
        check_name(name)
    assert raised.value.option == "--name"
    assert raised.value.value == name


@given(GOOD)
def test_good_names_make_identifiers(name: str) -> None:
    spec = ModelSpec(name=name)
    for made in (spec.class_name, spec.class_stem, spec.member, name):
        assert made.isidentifier()
        assert made.isascii()
        assert not keyword.iskeyword(made)
    assert spec.class_name[0].isupper()
    assert spec.member == name.upper()
    ast.parse(f"class {spec.class_name}: {spec.member} = '{name}'")


@given(st.text())
def test_what_is_no_lower_case_identifier_is_refused(name: str) -> None:
    if not (name.isascii() and name.isidentifier() and name.islower()):
        with pytest.raises(InvalidAnswerError):
            check_name(name)


@pytest.mark.parametrize(
    ("name", "stem", "member"),
    [
        ("foo", "Foo", "FOO"),
        ("my_vla", "MyVla", "MY_VLA"),
        ("llama3_vla2", "Llama3Vla2", "LLAMA3_VLA2"),
        ("a_1b", "A1b", "A_1B"),
    ],
)
def test_derived_names(name: str, stem: str, member: str) -> None:
    spec = ModelSpec(name=name)
    assert (spec.class_stem, spec.member) == (stem, member)
    assert spec.class_name == f"{stem}ForRLActionPrediction"


@given(st.integers(1, 100), st.integers(1, 100))
def test_there_is_a_token_per_number(dim: int, chunks: int) -> None:
    spec = ModelSpec(name="foo", action_dim=dim, action_chunks=chunks)
    assert spec.action_tokens == dim * chunks


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"action_dim": 1, "action_chunks": 1, "action_bins": 2},
        {"state": "token", "state_dim": 1},
        {"unnorm_key": ""},
        {"unnorm_key": "bridge_orig"},
        {"unnorm_key": "libero_10.v2+no-noops"},
        *({"precision": precision} for precision in PRECISIONS),
        *({"attn_implementation": attention} for attention in ATTENTIONS),
        {"lora": True, "value_head": False, "trust_remote_code": True},
    ],
)
def test_good_answers(answers: dict[str, object]) -> None:
    spec = ModelSpec(name="foo", **answers)  # type: ignore[arg-type]
    assert {name: getattr(spec, name) for name in answers} == answers


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"action_dim": 0}, "--action-dim 0: must be at least 1"),
        ({"action_dim": -7}, "--action-dim -7: must be at least 1"),
        ({"action_chunks": 0}, "--action-chunks 0: must be at least 1"),
        ({"action_bins": 1}, "--action-bins 1: must be at least 2"),
        ({"state_dim": 0}, "--state-dim 0: must be at least 1"),
        ({"state": "image"}, "--state 'image': one of text, token"),
        ({"unnorm_key": "a b"}, "--unnorm-key 'a b': letters, digits and _ . + - only"),
        (
            {"unnorm_key": "a\n"},
            "--unnorm-key 'a\\n': letters, digits and _ . + - only",
        ),
        ({"unnorm_key": "-a"}, "--unnorm-key '-a': letters, digits and _ . + - only"),
        (
            {"unnorm_key": "${x}"},
            "--unnorm-key '${x}': letters, digits and _ . + - only",
        ),
        (
            {"state_dim": 9},
            "--state-dim 9: text has a state of any size: leave it out, or add --state "
            "token",
        ),
        ({"precision": "int8"}, "--precision 'int8': one of bf16, fp16, fp32"),
        (
            {"attn_implementation": "flash"},
            "--attn-implementation 'flash': one of flash_attention_2, sdpa, eager",
        ),
        (
            {"name": "torch"},
            "--name 'torch': is a package that RLinf or a model of its ",
        ),
    ],
)
def test_refused_answers(answers: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidAnswerError) as raised:
        ModelSpec(**{"name": "foo", **answers})  # type: ignore[arg-type]
    assert str(raised.value).startswith(message)


def test_answers_do_not_change() -> None:
    spec = ModelSpec(name="foo")
    with pytest.raises(AttributeError):
        spec.name = "bar"  # type: ignore[misc]
