from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from ruff.__main__ import find_ruff_bin

from rlinf_scaffold.checkout import find_checkout
from rlinf_scaffold.contracts import detect_contract
from rlinf_scaffold.layouts import detect_layout
from rlinf_scaffold.processes import Finished, run
from rlinf_scaffold.rendering import templates_folder

CHECKOUTS = templates_folder() / "checkouts"
RECIPES = "examples/embodiment/config"
SHARED = (
    "README.md",
    "pyproject.toml",
    "rlinf/algorithms/losses.py",
    "rlinf/config.py",
    "rlinf/hybrid_engines/fsdp/utils.py",
    "rlinf/models/__init__.py",
    "rlinf/models/embodiment/modules/value_head.py",
    "rlinf/scheduler/__init__.py",
    "rlinf/utils/utils.py",
    "rlinf/workers/rollout/hf/huggingface_worker.py",
    "tests/unit_tests/pytest.ini",
    "tests/unit_tests/test_mlp_policy.py",
    f"{RECIPES}/maniskill_grpo_openvla.yaml",
    f"{RECIPES}/maniskill_ppo_openvla.yaml",
)
BASE_POLICY = "rlinf/models/embodiment/base_policy.py"
LOSSES = "rlinf/algorithms/registry.py"
MODEL_UTILS = "rlinf/models/embodiment/model_utils.py"
ACTOR = "rlinf/workers/actor/fsdp_actor_worker.py"
# A model is one module, or a package with a loader of its own.
MODULES = (
    "rlinf/models/embodiment/mlp_policy.py",
    "rlinf/models/embodiment/openvla_action_model.py",
)
PACKAGES = (
    "rlinf/models/embodiment/mlp_policy/__init__.py",
    "rlinf/models/embodiment/openvla/__init__.py",
)
# A recipe says everything of its model, or mounts what recipes share.
INLINE = (
    f"{RECIPES}/env/eval/PutOnPlateInScene25Main.yaml",
    f"{RECIPES}/env/train/PutOnPlateInScene25Main.yaml",
)
MOUNTED = (
    f"{RECIPES}/env/maniskill_put_on_plate.yaml",
    f"{RECIPES}/model/mlp_policy.yaml",
    f"{RECIPES}/model/openvla.yaml",
)
FSDP = f"{RECIPES}/training_backend/fsdp.yaml"
# What trains on demonstrations.
DEMONSTRATIONS = "examples/sft/config"
SFT = (
    "rlinf/workers/sft/fsdp_vla_sft_worker.py",
    f"{DEMONSTRATIONS}/table_sft_openpi.yaml",
    f"{DEMONSTRATIONS}/model/pi0.yaml",
)
STRATEGY = "rlinf/hybrid_engines/fsdp/strategy/fsdp.py"
NEEDED = {
    "documented": (*SHARED, *MODULES, *MOUNTED, BASE_POLICY, ACTOR, FSDP, LOSSES),
    "enum_chain": (
        *SHARED,
        *MODULES,
        *MOUNTED,
        MODEL_UTILS,
        ACTOR,
        FSDP,
        STRATEGY,
        LOSSES,
    ),
    "enum_imports": (
        *SHARED,
        *PACKAGES,
        *MOUNTED,
        *SFT,
        BASE_POLICY,
        ACTOR,
        FSDP,
        LOSSES,
        f"{DEMONSTRATIONS}/training_backend/fsdp.yaml",
    ),
    "registry": (
        *SHARED,
        *PACKAGES,
        *MOUNTED,
        *SFT,
        BASE_POLICY,
        LOSSES,
        f"{DEMONSTRATIONS}/hybrid_engines/fsdp.yaml",
        "rlinf/workers/actor/embodied_fsdp_actor_worker.py",
        f"{RECIPES}/hybrid_engines/fsdp.yaml",
        f"{RECIPES}/weight_syncer/patch_syncer.yaml",
    ),
    "string_chain": (*SHARED, *MODULES, *INLINE, MODEL_UTILS, ACTOR),
    "vla_string_chain": (
        *SHARED,
        *MODULES,
        *INLINE,
        MODEL_UTILS,
        ACTOR,
        STRATEGY,
        LOSSES,
    ),
}
CONTRACTS = {
    "documented": "forward_inputs",
    "enum_chain": "data",
    "enum_imports": "forward_inputs",
    "registry": "forward_inputs",
    "string_chain": "logits",
    "vla_string_chain": "data",
}
# What a generation does not have yet: a layout, a contract or a codemod that relies on
# one of these has to find out here.
LATER = {
    "documented": (MODEL_UTILS, *SFT),
    "enum_chain": (BASE_POLICY, *SFT),
    "enum_imports": (MODEL_UTILS,),
    "registry": (MODEL_UTILS,),
    "string_chain": (
        BASE_POLICY,
        LOSSES,
        *SFT,
        f"{RECIPES}/model",
        f"{RECIPES}/training_backend",
    ),
    "vla_string_chain": (
        BASE_POLICY,
        *SFT,
        f"{RECIPES}/model",
        f"{RECIPES}/training_backend",
    ),
}
# What `pip install rlinf-scaffold[smoke]` brings, and what OpenVLA alone would need.
INSTALLED = {
    "numpy",
    "omegaconf",
    "peft",
    "pytest",
    "torch",
    "torchdata",
    "transformers",
}
LAZY = {"prismatic", "timm"}


@pytest.fixture(params=sorted(NEEDED))
def tree(request: pytest.FixtureRequest) -> Path:
    return CHECKOUTS / str(request.param)


def sources(tree: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(tree.rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"), feature_version=(3, 10))


def modules_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [str(node.module)]
    return []


def load(path: Path) -> dict[str, object]:
    data = YAML(typ="safe").load(path)
    assert isinstance(data, dict), path
    return data


def mounted(defaults: object) -> Iterator[str]:
    """Yield the files a recipe mounts: `model/x@actor.model`, or `env/train: x`."""
    assert isinstance(defaults, list)
    for mount in defaults:
        if isinstance(mount, str):
            yield mount.partition("@")[0]
        else:
            for group, name in mount.items():
                if not group.startswith("override "):
                    yield f"{group}/{name}"


def block(settings: object, *keys: str) -> dict[str, object]:
    for key in keys:
        assert isinstance(settings, dict)
        settings = settings[key]
    assert isinstance(settings, dict)
    return settings


def ruff(*arguments: str, cwd: Path) -> Finished:
    return run([find_ruff_bin(), *arguments], cwd=cwd, timeout=60)


def test_every_shipped_checkout_is_tested() -> None:
    assert {path.name for path in CHECKOUTS.iterdir()} == set(NEEDED)


def test_has_the_files_of_its_generation(tree: Path) -> None:
    missing = [path for path in NEEDED[tree.name] if not (tree / path).is_file()]
    assert not missing


def test_has_nothing_of_another_generation(tree: Path) -> None:
    assert not [path for path in LATER[tree.name] if (tree / path).exists()]


def test_is_found_from_a_folder_inside(tree: Path) -> None:
    assert find_checkout(tree / RECIPES).root == tree


def test_is_recognised_as_what_it_is(tree: Path) -> None:
    checkout = find_checkout(tree)
    assert detect_layout(checkout).name == tree.name
    assert detect_contract(checkout).name == CONTRACTS[tree.name]


def test_holds_plain_files_that_a_wheel_ships(tree: Path) -> None:
    for path in tree.rglob("*"):
        parts = path.relative_to(tree).parts
        assert not any(part.startswith(".") for part in parts), path
        if path.is_file() and "__pycache__" not in parts:
            text = path.read_text("utf-8")
            assert text.endswith("\n"), path
            assert "{{" not in text, path
            assert "{%" not in text, path


def test_sources_parse_and_say_whose_they_are(tree: Path) -> None:
    for path, _ in sources(tree):
        first, second, *_ = path.read_text("utf-8").splitlines()
        assert first == "# Copyright 2026 The rlinf-scaffold authors.", path
        assert second == "# SPDX-License-Identifier: Apache-2.0", path


def test_stays_small(tree: Path) -> None:
    lines = sum(len(path.read_text().splitlines()) for path, _ in sources(tree))
    assert lines < 1200


def test_every_folder_of_sources_is_a_package(tree: Path) -> None:
    folders = {path.parent for path, _ in sources(tree / "rlinf")}
    above = {parent for folder in folders for parent in folder.parents}
    inside = {folder for folder in folders | above if tree in folder.parents}
    assert [f for f in sorted(inside) if not (f / "__init__.py").is_file()] == []


def test_imports_nothing_heavy(tree: Path) -> None:
    allowed = {*sys.stdlib_module_names, *INSTALLED, "rlinf"}
    for path, module in sources(tree):
        at_top = {m for node in module.body for m in modules_of(node)}
        anywhere = {m for node in ast.walk(module) for m in modules_of(node)}
        assert {name.partition(".")[0] for name in at_top} <= allowed, path
        assert {name.partition(".")[0] for name in anywhere} <= allowed | LAZY, path


def test_imports_its_own_modules_by_names_that_exist(tree: Path) -> None:
    for path, module in sources(tree):
        for node in ast.walk(module):
            for name in modules_of(node):
                if name.partition(".")[0] == "rlinf":
                    target = tree.joinpath(*name.split("."))
                    there = target.with_suffix(".py"), target / "__init__.py"
                    assert any(file.is_file() for file in there), (path, name)


def test_configurations_load_and_name_themselves(tree: Path) -> None:
    for path in sorted((tree / RECIPES).rglob("*.yaml")):
        data = load(path)
        if path.parent.name == "model":
            assert data["model_type"] == path.stem


def test_demonstrations_mount_files_that_exist(tree: Path) -> None:
    folder = tree / DEMONSTRATIONS
    for path in sorted(folder.glob("*.yaml")):
        data = load(path)
        assert block(data, "runner")["task_type"] == "sft"
        files = list(mounted(data["defaults"]))
        assert [file for file in files if not (folder / f"{file}.yaml").is_file()] == []


def test_recipes_mount_files_that_exist(tree: Path) -> None:
    for path in sorted((tree / RECIPES).glob("*.yaml")):
        files = list(mounted(load(path)["defaults"]))
        assert any(file.startswith("env/") for file in files), path
        assert [f for f in files if not (tree / RECIPES / f"{f}.yaml").is_file()] == []


def test_recipes_hold_their_model_or_mount_it(tree: Path) -> None:
    key = "model_name" if INLINE[0] in NEEDED[tree.name] else "model_type"
    for path in sorted((tree / RECIPES).glob("*.yaml")):
        recipe = load(path)
        settings = dict(block(recipe, "actor", "model"))
        for file in mounted(recipe["defaults"]):
            if file.startswith("model/"):
                settings = load(tree / RECIPES / f"{file}.yaml") | settings
        assert settings[key] == "openvla", path
        assert settings.keys() >= {"precision", "action_dim", "is_lora"}, path


@pytest.mark.smoke
def test_its_own_tests_pass(tree: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tree, tmp_path / tree.name)
    pytest_here = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    finished = run(pytest_here, cwd=copy / "tests/unit_tests", timeout=120)
    assert finished.returncode == 0, finished.output


def test_its_own_ruff_accepts_it(tree: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tree, tmp_path / tree.name)
    for arguments in (("check", "--preview"), ("format", "--check")):
        finished = ruff(*arguments, "--no-cache", ".", cwd=copy)
        assert finished.returncode == 0, finished.output


def test_its_own_ruff_wants_a_copyright_notice(tree: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tree, tmp_path / tree.name)
    (copy / "rlinf/new.py").write_text("VALUE = 1\n")
    finished = ruff("check", "--preview", "--no-cache", ".", cwd=copy)
    assert finished.returncode == 1
    assert "copyright notice" in finished.output
