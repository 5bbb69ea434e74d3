from __future__ import annotations

from enum import Enum
from typing import get_args

import pytest
from terminal import rlinf_scaffold

from rlinf_scaffold.cli import options
from rlinf_scaffold.spec import ModelSpec

FIELDS = {options.Precision: "precision", options.Attention: "attn_implementation"}


@pytest.mark.parametrize(("choices", "field"), FIELDS.items())
def test_every_choice_is_an_answer_that_a_model_can_have(
    choices: type[Enum], field: str
) -> None:
    for choice in choices:
        assert getattr(ModelSpec(name="foo", **{field: choice.value}), field)


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("--precision", options.Precision),
        ("--attn-implementation", options.Attention),
        ("--format", options.TextFormat),
    ],
)
def test_another_choice_is_refused(option: str, choices: type[Enum]) -> None:
    ended = rlinf_scaffold("new-model", option, "other")
    assert ended.code == 2
    for choice in choices:
        assert str(choice.value) in ended.err


def test_every_option_says_what_it_is_for() -> None:
    aliases = [it for it in vars(options).values() if hasattr(it, "__metadata__")]
    assert len(aliases) > 20
    assert all(it.help for alias in aliases for it in get_args(alias)[1:])
