from __future__ import annotations

import ast

import pytest
from ruamel.yaml import YAML
from trees import planned

from rlinf_scaffold.errors import InvalidAnswerError
from rlinf_scaffold.heads import Head, all_heads, find_head
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.syntax import find_function

FOLDER = "rlinf/models/embodiment/foo"


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


def planned_text(head: Head, path: str) -> str:
    changes = planned("registry", ModelSpec(name="foo", head=head.name))
    return next(it.after or "" for it in changes if str(it.path) == path)


def find_call(source: str, name: str) -> ast.Call:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return next(it for it in calls if ast.unparse(it.func).endswith(name))


@pytest.mark.parametrize("head", all_heads(), ids=lambda head: head.name)
def test_settings_go_from_the_yaml_to_the_class(head: Head) -> None:
    yaml = YAML(typ="safe", pure=True).load(
        planned_text(head, "examples/embodiment/config/model/foo.yaml")
    )
    loader = planned_text(head, f"{FOLDER}/__init__.py")
    policy = ast.parse(planned_text(head, f"{FOLDER}/foo_action_model.py"))
    classes = [node for node in policy.body if isinstance(node, ast.ClassDef)]
    init = find_function(classes[-1].body, "__init__")
    assert init is not None
    defaults = {
        argument.arg: ast.literal_eval(default)
        for argument, default in zip(
            reversed(init.args.args), reversed(init.args.defaults), strict=False
        )
    }
    passed = {it.arg for it in find_call(loader, "from_pretrained").keywords}
    of_it = {key: yaml[key] for key in head.settings}
    assert of_it.items() <= defaults.items()
    assert of_it.keys() <= passed
    others = {key for it in all_heads() for key in it.settings} - {*head.settings}
    assert others.isdisjoint({*yaml, *defaults, *passed})
