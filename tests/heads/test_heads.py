from __future__ import annotations

import pytest

from rlinf_scaffold.errors import InvalidAnswerError
from rlinf_scaffold.heads import Head, all_heads, find_head
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec


@pytest.mark.parametrize("head", all_heads(), ids=lambda head: head.name)
def test_a_head_is_found_by_its_name(head: Head) -> None:
    assert find_head(head.name) is head


@pytest.mark.parametrize("head", all_heads(), ids=lambda head: head.name)
@pytest.mark.parametrize(
    "template", ["model/{}/action_model.py.j2", "model/{}/model.yaml.j2"]
)
def test_a_head_has_templates_of_its_own(head: Head, template: str) -> None:
    assert (templates_folder() / template.format(head.name)).is_file()


def test_the_head_that_is_taken_unasked_exists() -> None:
    assert find_head(ModelSpec(name="foo").head).name == "tokens"


@pytest.mark.parametrize("name", ["", "token", "Tokens", "diffusion"])
def test_another_head_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(InvalidAnswerError) as refused:
        find_head(name)
    reason = "one of flow, regression, tokens"
    assert str(refused.value) == f"--head {name!r}: {reason}"
