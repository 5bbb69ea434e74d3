"""What no source tells of a family that sees."""

from __future__ import annotations

import json

import pytest

from rlinf_scaffold.families import FILE, Family, families, family_of


def test_nothing_is_known_of_most() -> None:
    assert family_of("llama") == Family()


def test_every_row_says_something() -> None:
    assert [kind for kind, family in families().items() if family == Family()] == []


def test_rows_are_in_order() -> None:
    assert [*json.loads(FILE.read_text("utf-8"))] == sorted(families())


@pytest.mark.parametrize("name", ["placeholder", "texts", "packages"])
def test_lists_cannot_change(name: str) -> None:
    kinds = {type(getattr(family, name)) for family in families().values()}
    assert kinds == {tuple}


@pytest.mark.parametrize("kind", families())
def test_tokens_that_settings_name_are_written_in_full(kind: str) -> None:
    values = [*families()[kind].config.values()]
    nested = [
        it for value in values if isinstance(value, dict) for it in value.values()
    ]
    texts = [it for it in (*values, *nested) if isinstance(it, str) and it[:1] == "@"]
    assert all(len(text) > 1 for text in texts)
