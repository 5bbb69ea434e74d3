from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from rlinf_scaffold.checkout import Checkout, MemoryTree
from rlinf_scaffold.errors import UnknownLayoutError
from rlinf_scaffold.recipes import (
    RECIPES,
    all_styles,
    detect_style,
    facts,
    plainest_first,
    recipe_paths,
    sampling_place,
)
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec

MOUNTED = "defaults:\n  - model/openvla@actor.model\n"
INLINE = "actor:\n  model:\n    model_name: openvla\n"
PRACTICE = sorted((templates_folder() / "checkouts").iterdir())
WORKER = "rlinf/workers/rollout/hf/huggingface_worker.py"


def tree_of(*texts: str) -> MemoryTree:
    return MemoryTree.of({f"{RECIPES}/{n}.yaml": it for n, it in enumerate(texts)})


@pytest.mark.parametrize(
    "texts", [(), ("",), ("a: [",), ("actor:\n  model: openvla\n",)]
)
def test_recipes_of_no_style(texts: tuple[str, ...]) -> None:
    with pytest.raises(UnknownLayoutError, match=r"YAML is not recog.*(?s:.*)by hand"):
        detect_style(tree_of(*texts))


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ((MOUNTED,), "mounted"),
        ((INLINE,), "inline"),
        ((INLINE, MOUNTED), "mounted"),
        ((INLINE, "a: 1\n", "a: ["), "inline"),
        ((INLINE.replace("model_name", "model_type"),), "inline"),
        (("# - model/openvla@actor.model\n", INLINE), "inline"),
        ((MOUNTED.replace("\n", "\r\n"),), "mounted"),
        ((INLINE.replace("\n", "\r\n"),), "inline"),
    ],
)
def test_the_style_of_recipes(texts: tuple[str, ...], name: str) -> None:
    assert detect_style(tree_of(*texts)).name == name


def test_no_text_is_in_two_styles() -> None:
    both = MOUNTED + INLINE
    assert [style.name for style in all_styles() if style.model_of(both)] == ["mounted"]


@pytest.mark.parametrize("folder", PRACTICE, ids=[it.name for it in PRACTICE])
def test_practice_checkouts_have_a_style(folder: Path) -> None:
    tree = Checkout(folder)
    style = detect_style(tree)
    settings = style.settings(ModelSpec(name="foo", recipe=f"{RECIPES}/a_ppo_b.yaml"))
    assert style.has_model_file is (settings.path.parent.name == "model")
    found = facts(tree)
    assert any(what.startswith("model's type in actor.model.") for what in found)
    for where in found.values():
        path, _, line = where.rpartition(":")
        text = tree.read(PurePosixPath(path))
        assert text is not None
        assert text.splitlines()[int(line) - 1].strip()


def test_facts_name_what_differs() -> None:
    recipe = (
        "defaults:\n  - model/openvla@actor.model\n  - engines/fsdp@actor.fsdp_config\n"
        "  - env/a@env.train\nactor:\n  model:\n    model_path: x\n"
    )
    path = f"{RECIPES}/a.yaml"
    model = f"{RECIPES}/model/openvla.yaml"
    tree = MemoryTree.of(
        {
            path: recipe,
            model: "depth: 1\nmodel_type: openvla\n",
            WORKER: "x = cfg.rollout.sampling_params\n",
        }
    )
    assert facts(tree) == {
        "actor.model is mounted from model/": f"{path}:2",
        "actor.fsdp_config is mounted from engines/": f"{path}:3",
        "model's type in actor.model.model_type": f"{model}:2",
        "checkpoint in actor.model.model_path": f"{path}:7",
        "sampling parameters in rollout.sampling_params": f"{WORKER}:1",
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, None),
        ("cfg.algorithm.length_params\n", None),
        ("cfg.algorithm.sampling_params\n", ("algorithm", f"{WORKER}:1")),
        ("\ncfg.rollout.get('sampling_params')\n", ("rollout", f"{WORKER}:2")),
        (
            "cfg.algorithm.sampling_params\ncfg.rollout.sampling_params\n",
            ("rollout", f"{WORKER}:2"),
        ),
    ],
)
def test_where_workers_read_sampling_parameters(
    source: str | None, expected: tuple[str, str] | None
) -> None:
    assert sampling_place(MemoryTree.of({WORKER: source} if source else {})) == expected


def test_recipes_are_the_yaml_files_of_their_folder() -> None:
    paths = (f"{RECIPES}/b.yaml", f"{RECIPES}/a.txt", f"{RECIPES}/env/c.yaml")
    tree = MemoryTree.of(dict.fromkeys(paths, ""))
    assert recipe_paths(tree) == (RECIPES / "b.yaml",)


def test_token_models_come_first() -> None:
    names = {"long": "openvla", "z": "openvla_oft", "y": "openvla_oft", "a": "pi0"}
    tree = MemoryTree.of(
        {
            f"{RECIPES}/{stem}.yaml": MOUNTED.replace("openvla", model)
            for stem, model in names.items()
        }
    )
    ordered = plainest_first(tree, detect_style(tree))
    assert [path.stem for path, _ in ordered] == ["long", "y", "z", "a"]
    assert [model for _, model in ordered] == [names[p.stem] for p, _ in ordered]
