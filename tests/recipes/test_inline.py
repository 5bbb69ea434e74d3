from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.inserters.draft import Draft
from rlinf_scaffold.inserters.yaml_document import Value
from rlinf_scaffold.recipes import RECIPES, NewModel
from rlinf_scaffold.recipes.inline import style
from rlinf_scaffold.spec import ModelSpec

SETTINGS: dict[str | int, Value] = {"model_name": "foo", "size": 2, "head": None}
RECIPE = """\
defaults:
  - env/train: table
actor:
  model: # all of it
    model_name: "openvla"

    # Sizes
    size: 9 # of the old one
    depth: 3
    # parts of the old one
    parts:
      left: 1
    head: True
  optim: 1
"""


def adapted(text: str = RECIPE, **files: str) -> str:
    tree = MemoryTree.of({name.replace("__", "/"): it for name, it in files.items()})
    model = NewModel(name="foo", type_key="model_name", settings=SETTINGS)
    return style.adapt(tree, Draft(RECIPES / "a.yaml", text), model).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [\nmodel_name: x\n",
        "actor:\n  model_name: openvla\n",
        "rollout:\n  model:\n    model_name: openvla\n",
        "actor:\n  model:\n    model_name: 1\n",
        "actor:\n  a: 1\n\nrollout:\n  model:\n    model_name: openvla\n",
        "actor:\n  model:\n    a: 1\n\n  other:\n    model_name: openvla\n",
        "actor:\n  model: # x\n  model_name: openvla\n",
        "actor:\nb:\n  model:\n    model_name: openvla\n",
        "# actor:\n#   model:\n#     model_name: openvla\n",
        "defaults:\n  - a/b@actor.model\nactor:\n  model:\n    model_name: openvla\n",
    ],
)
def test_no_model_is_held(text: str) -> None:
    assert style.model_of(text) is None


@pytest.mark.parametrize("key", ["model_name", "model_type", "'model_name'"])
def test_a_model_is_held(key: str) -> None:
    assert style.model_of(RECIPE.replace("model_name", key)) == "openvla"


@pytest.mark.parametrize(
    "text",
    [
        "actor: # x\n\n# y\n\n  # z\n\n  model:\n\n# y\n    # z\n    model_name: openvla",
        "'actor':\n  'model':\n    a:\n      b: 1\n    'model_name': 'openvla' # x\n",
        "actor:\n\tmodel:\n\t\tmodel_name: openvla\n",
        "a: 1\nactor:\n b: 1\n model:   # x\n  c: 1\n  model_name:   openvla\nd: 2\n",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_model_is_held_however_it_is_written(text: str, newline: str) -> None:
    assert style.model_of(text.replace("\n", newline)) == "openvla"


def test_settings_are_replaced_in_their_order() -> None:
    assert (
        adapted()
        == """\
defaults:
  - env/train: table
actor:
  model: # all of it
    model_name: "foo"

    # Sizes
    size: 2
    head: null
  optim: 1
"""
    )


def test_settings_that_are_missing_come_last() -> None:
    after = adapted(RECIPE.replace("    size: 9 # of the old one\n", ""))
    assert "    head: null\n    size: 2\n  optim: 1\n" in after


def test_a_block_gives_way_to_a_value() -> None:
    after = adapted(RECIPE.replace("head: True", "head:\n      depth: 1"))
    assert "    size: 2\n    head: null\n  optim: 1\n" in after


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("rlinf__workers__a.py", "cfg.actor.model.depth\n"),
        ("rlinf__config.py", "'depth' in cfg.actor.model\n"),
        ("rlinf__hybrid_engines__fsdp__a.py", "self._cfg.model.get('depth')\n"),
        ("rlinf__hybrid_engines__fsdp__a.py", "self.cfg.model.depth\n"),
        (f"{RECIPES}/env/train/table.yaml", "depth: ${actor.model.depth}\n"),
    ],
)
def test_what_others_read_stays(path: str, text: str) -> None:
    after = adapted(**{path: text})
    assert "    depth: 3\n" in after
    assert "parts" not in after


@pytest.mark.parametrize(
    "text", ["cfg.actor.model.depth\n", "cfg.model.depth\n", "cfg.depth\n"]
)
def test_what_models_read_goes(text: str) -> None:
    assert adapted(**{"rlinf__models__a.py": text}) == adapted()


def test_what_the_recipe_refers_to_stays() -> None:
    after = adapted(f"{RECIPE}env:\n  d: ${{actor.model.depth}}\n")
    assert "    depth: 3\n" in after


def test_weights_of_the_old_model_are_not_laid_over_the_new() -> None:
    weights = "    # Weights\n    ckpt_path: /a\n    lora_path: /b\n"
    after = adapted(RECIPE.replace("  optim", f"{weights}  optim"))
    assert "    # Weights\n    ckpt_path: null\n    lora_path: null\n" in after


def test_the_layout_s_key_of_the_type_must_be_there() -> None:
    with pytest.raises(AnchorNotFoundError, match=r"no actor\.model\.model_name\. By"):
        adapted(RECIPE.replace("model_name", "model_type"))


@given(st.lists(st.sampled_from(["size", "depth", "head", "width"]), unique=True))
def test_any_order_is_kept(keys: list[str]) -> None:
    block = "".join(f"    {key}: 7\n" for key in keys)
    after = adapted(f"actor:\n  model:\n    model_name: old\n{block}")
    there = [key for key in keys if key in SETTINGS]
    missing = [key for key in ("size", "head") if key not in keys]
    names = [line.split(":")[0].strip() for line in after.splitlines()[2:]]
    assert names == ["model_name", *there, *missing]
    assert adapted(after) == after


def test_settings_lie_in_the_recipe() -> None:
    spec = ModelSpec(name="foo", recipe=f"{RECIPES}/table_ppo_openvla.yaml")
    settings = style.settings(spec)
    assert settings.path == RECIPES / "table_ppo_foo.yaml"
    assert settings.keys == ("actor", "model")
    assert settings.checkpoints == (
        ("actor", "checkpoint_load_path"),
        ("rollout", "model_dir"),
    )
