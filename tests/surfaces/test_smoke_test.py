from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import pytest
from ruff.__main__ import find_ruff_bin
from workers import ACTS, TRAINS

from rlinf_scaffold.checkout import MemoryTree, Tree
from rlinf_scaffold.processes import run
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path, surface

JobOf = Callable[..., Job]
LONGEST = "x" * 18 + "_y" * 7
# Workers that the proof drives, and recipes that it validates.
DRIVEN = MemoryTree.of(
    {
        "rlinf/config.py": "def validate_cfg(cfg): ...\n",
        "rlinf/workers/actor/fsdp_actor_worker.py": TRAINS,
        "rlinf/workers/rollout/hf/huggingface_worker.py": ACTS,
    }
)


@pytest.fixture
def job(job: JobOf) -> JobOf:
    recipe = "examples/embodiment/config/maniskill_ppo_openvla.yaml"
    return partial(job, recipe=recipe)


def text(job: Job, tree: Tree | None = None) -> str:
    (change,) = surface.plan(tree or MemoryTree(), job)
    return change.after or ""


def constants(source: str) -> dict[str, object]:
    """Return the module's constants that are plain literals."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            with suppress(ValueError):  # no literal
                found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    return found


def ruff(folder: Path, *arguments: str) -> str:
    command = (find_ruff_bin(), *arguments, "test_it.py")
    finished = run(command, cwd=folder, timeout=60)
    return "" if finished.returncode == 0 else finished.output


def test_nothing_changes_where_the_file_is_there(job: JobOf) -> None:
    path = str(smoke_test_path("my_vla"))
    (change,) = surface.plan(MemoryTree.of({path: text(job())}), job())
    assert change.is_empty


def test_the_file_is_planned_whole_over_another(job: JobOf) -> None:
    path = PurePosixPath("tests/unit_tests/test_my_vla_fsdp_smoke.py")
    (change,) = surface.plan(MemoryTree.of({str(path): "old\n"}), job())
    assert surface.owns_files
    assert (change.path, change.before, change.after) == (path, "old\n", text(job()))


def test_the_answers_are_the_constants(job: JobOf) -> None:
    assert (
        constants(text(job())).items()
        >= {
            "MODEL_TYPE": "my_vla",
            "POLICY": "MyVlaForRLActionPrediction",
            "BASE": "LlamaForCausalLM",
            "LAYERS": ["LlamaDecoderLayer"],
        }.items()
    )


def test_every_layer_class_is_listed(job: JobOf) -> None:
    two = replace(job().base, layer_classes=("ALayer", "BLayer"))
    assert constants(text(replace(job(), base=two)))["LAYERS"] == ["ALayer", "BLayer"]


def test_the_repository_is_above_the_file(job: JobOf) -> None:
    above = len(smoke_test_path("my_vla").parents) - 1
    assert f"Path(__file__).resolve().parents[{above}]" in text(job())


def test_the_file_stands_alone(job: JobOf) -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text(job())))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    third_party = imported - sys.stdlib_module_names
    assert third_party == {
        *("numpy", "omegaconf", "pytest", "rlinf", "tokenizers"),
        *("safetensors", "torch", "transformers"),
    }


@pytest.mark.parametrize("tree", [MemoryTree(), DRIVEN], ids=["plain", "driven"])
@pytest.mark.parametrize("name", ["a", "my_vla", LONGEST])
@pytest.mark.parametrize("module", ["transformers", "a_package.of_somebody.modeling"])
@pytest.mark.parametrize(
    "base_class",
    ["GPT2LMHeadModel", "AnUnusuallyLongNameOfAModelForCausalLanguageModeling"],
)
def test_the_checkouts_own_linter_finds_nothing(
    tmp_path: Path, job: JobOf, tree: Tree, name: str, module: str, base_class: str
) -> None:
    settings = templates_folder() / "checkouts/registry/pyproject.toml"
    shutil.copy(settings, tmp_path)
    base = replace(job().base, class_name=base_class, module=module)
    source = text(replace(job(name), base=base), tree)
    (tmp_path / "test_it.py").write_text(source)
    assert ruff(tmp_path, "check", "--preview", "--no-cache") == ""
    assert ruff(tmp_path, "format", "--diff", "--no-cache") == ""
