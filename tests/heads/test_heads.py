from __future__ import annotations

import pytest

from rlinf_scaffold.heads import Head, all_heads, find_head
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec


@pytest.mark.parametrize("head", all_heads(), ids=lambda head: head.name)
def test_a_head_is_found_by_its_name(head: Head) -> None:
    assert find_head(head.name) is head


@pytest.mark.parametrize("head", all_heads(), ids=lambda head: head.name)
def test_a_head_has_an_action_model(head: Head) -> None:
    template = templates_folder() / "model" / head.name / "action_model.py.j2"
    assert template.is_file()


def test_the_head_that_is_taken_unasked_exists() -> None:
    assert find_head(ModelSpec(name="foo").head).name == "tokens"
