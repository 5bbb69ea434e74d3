from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from ruamel.yaml import YAML
from tools import swap
from trees import TREES, job_for

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Overlay
from rlinf_scaffold.recipes.inline import style as inline
from rlinf_scaffold.sft import RECIPES, Sft
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces.sft_recipe import surface

TREE = TREES["registry"]
JOB = job_for(TREE, ModelSpec(name="foo"))
SOURCE = RECIPES / "table_sft_openpi.yaml"
TEXT = TREE.read(SOURCE) or ""
RECIPE, MODEL = RECIPES / "table_sft_foo.yaml", RECIPES / "model" / "foo.yaml"
UNFIT = {
    "another task": ("task_type: sft", "task_type: embodied"),
    "another backend": ('training_backend: "fsdp"', 'training_backend: "megatron"'),
    "no mounted model": ("  - model/pi0@actor.model\n", ""),
    "a model that the worker does not load": (
        '    model_path: "/path/to/openpi"',
        '    model_type: "openvla"',
    ),
    "no YAML": ("defaults:", "defaults: ["),
}


def tree_of(**recipes: str | None) -> Overlay:
    """Return the practice checkout with these recipes, and without those of None."""
    return Overlay(TREE).write(
        FileChange(path, before=TREE.read(path), after=text)
        for path, text in (
            (RECIPES / f"{name}.yaml", text) for name, text in recipes.items()
        )
    )


def planned(tree: Overlay) -> dict[PurePosixPath, str]:
    return {it.path: it.after or "" for it in surface.plan(tree, JOB)}


def test_adds_nothing_without_a_worker() -> None:
    assert not list(surface.plan(TREE, replace(JOB, sft=Sft(forward=True))))


def test_adds_nothing_where_recipes_hold_their_models() -> None:
    assert not list(surface.plan(TREE, replace(JOB, recipes=inline)))


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_adds_nothing_where_no_recipe_fits(change: tuple[str, str]) -> None:
    assert not planned(tree_of(table_sft_openpi=swap(TEXT, change)))


def test_derives_a_recipe_with_the_settings_of_the_model() -> None:
    texts = planned(tree_of())
    recipe = YAML(typ="safe").load(texts[RECIPE])
    assert recipe["defaults"][0] == "model/foo@actor.model"
    assert recipe["runner"]["logger"]["experiment_name"] == "table_sft_foo"
    assert "openpi" not in recipe["actor"]["model"]
    layers = recipe["actor"]["fsdp_config"]["wrap_policy"]
    assert layers == {"transformer_layer_cls_to_wrap": ["LlamaDecoderLayer"]}
    assert "OpenPI" not in texts[RECIPE]
    kept = {"cluster", "data", "hydra"}
    before = YAML(typ="safe").load(TEXT)
    assert {key: recipe[key] for key in kept} == {key: before[key] for key in kept}


def test_demonstrations_train_no_value_head() -> None:
    settings = YAML(typ="safe").load(planned(tree_of())[MODEL])
    assert settings["model_type"] == "foo"
    assert settings["add_value_head"] is False


@pytest.mark.parametrize(
    ("others", "recipe"),
    [
        ({"lab_sft_openpi": TEXT}, "lab_sft_foo"),
        ({"another_table_sft_openpi": TEXT}, "table_sft_foo"),
        ({"qwen2_5_vl_sft_vlm": "defaults: []\n"}, "table_sft_foo"),
        ({"a_sft_bar": TEXT.replace("pi0@", "bar@")}, "table_sft_foo"),
        ({"a_sft_foo": TEXT.replace("pi0@", "foo@")}, "table_sft_foo"),
        ({"table": TEXT}, "table_sft_foo"),
    ],
)
def test_derives_from_the_plainest_that_fits(
    others: dict[str, str], recipe: str
) -> None:
    assert RECIPES / f"{recipe}.yaml" in planned(tree_of(**others))
