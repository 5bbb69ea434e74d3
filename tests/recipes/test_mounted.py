from __future__ import annotations

import pytest

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.inserters.draft import Draft
from rlinf_scaffold.recipes import RECIPES, NewModel
from rlinf_scaffold.recipes.mounted import style
from rlinf_scaffold.spec import ModelSpec

MODEL = NewModel(
    name="foo", type_key="model_type", settings={"model_type": "foo", "size": 2}
)


def adapted(text: str, **files: str) -> str:
    tree = MemoryTree.of({f"{RECIPES}/{name}.yaml": it for name, it in files.items()})
    return style.adapt(tree, Draft(RECIPES / "a.yaml", text), MODEL).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "defaults:\n  - env/model/openvla@actor.model\n",
        "defaults:\n  - model/openvla@actor.models\n",
        "defaults:\n  - model/openvla@actor.model.part\n",
        "defaults:\n  - model/openvla@rollout.model\n",
        "defaults:\n  # - model/openvla@actor.model\n",
        "actor:\n  model:\n    model_type: openvla\n",
    ],
)
def test_no_model_is_mounted(text: str) -> None:
    assert style.model_of(text) is None


ENTRIES = [
    ("model/openvla@actor.model", "model/foo@actor.model"),
    ("/model/openvla@actor.model", "/model/foo@actor.model"),
    ("override model/openvla@actor.model", '"override model/foo@actor.model"'),
    ("'model/openvla@actor.model' # x", "'model/foo@actor.model' # x"),
    ("model/openvla.yaml@actor.model", "model/foo.yaml@actor.model"),
    ("model@actor.model: openvla", "model@actor.model: foo"),
    ("/model@actor.model: openvla # x", "/model@actor.model: foo # x"),
]


@pytest.mark.parametrize(("entry", "expected"), ENTRIES)
def test_a_model_is_mounted_in_its_place(entry: str, expected: str) -> None:
    text = f"defaults:\n  - env/a@env.train\n  - {entry}\n"
    assert style.model_of(text) == "openvla"
    assert adapted(text) == text.replace(entry, expected)


def test_a_recipe_that_mounts_nothing() -> None:
    with pytest.raises(AnchorNotFoundError, match="name another recipe with --from"):
        adapted("defaults:\n  - model/openvla@rollout.model\n")


def test_what_the_new_model_does_not_read_goes() -> None:
    text = "defaults:\n  - model/openvla@actor.model\nactor:\n  model:\n"
    keys = "    model_type: openvla # old\n    depth: 3\n    size: 9\n"
    expected = "    model_type: foo\n    size: 2\n"
    mounted = text.replace("openvla", "foo")
    assert adapted(text + keys) == mounted + expected


def test_what_the_environment_reads_is_carried_over() -> None:
    text = "a: ${actor.model.state}\ndefaults:\n  - model/openvla@actor.model\n"
    assert adapted(text, **{"model/openvla": "state: 8\ndepth: 2\n"}) == (
        "a: ${actor.model.state}\ndefaults:\n  - model/foo@actor.model\n"
        "actor:\n  model:\n    state: 8\n"
    )


def test_settings_have_a_file_of_their_own() -> None:
    settings = style.settings(ModelSpec(name="foo"))
    assert settings.path == RECIPES / "model" / "foo.yaml"
    assert (settings.keys, settings.checkpoints) == ((), (("model_path",),))
