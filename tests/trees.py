"""Checkouts to scaffold into, and what is in them."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from rlinf_scaffold.audit import Finding
from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.checkout import Checkout, MemoryTree, Overlay, Tree, walk_files
from rlinf_scaffold.commands.check import Audit
from rlinf_scaffold.commands.golden import ARCHETYPES, practice_checkout
from rlinf_scaffold.layouts import Layout, all_layouts
from rlinf_scaffold.manifest import read_manifest
from rlinf_scaffold.planner import plan, resolve
from rlinf_scaffold.recipes import RECIPES, detect_style
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.recipe import choose_recipe

LLAMA = ARCHETYPES[0].base
LONG_NAME = "a_policy_with_a_name_of_32_chars"
# A base of every kind, as far as what is generated on it differs.
BASES = {
    "llama": LLAMA,
    "long": replace(
        LLAMA,
        class_name="ALongFamilyNameWithManyWordsInItForCausalLanguageModels",
        config_class="AVeryLongFamilyNameWithManyWordsInItMoEConfig",
        layer_classes=(
            "AVeryLongFamilyNameWithManyWordsInItMoEDecoderLayer",
            "AVeryLongFamilyNameWithManyWordsInItMoESparseMixtureOfExpertsBlock",
        ),
    ),
    "without positions": replace(
        LLAMA,
        class_name="GPTBigCodeForCausalLM",
        config_class="GPTBigCodeConfig",
        forward_arguments=("input_ids", "attention_mask", "labels"),
        tie_word_embeddings=True,
    ),
    "own, before torch": replace(
        LLAMA,
        class_name="PolicyLM",
        module="acme_models.policy",
        config_class="PolicyConfig",
        config_module="acme_models.configuration",
        model_type="acme_policy",
    ),
    "own, behind transformers": replace(
        LLAMA,
        class_name="PolicyLM",
        module="zoo",
        config_class="PolicyConfig",
        config_module="zoo",
        model_type="zoo_policy",
    ),
    "own, with a long path": replace(
        LLAMA,
        class_name="AVeryLongFamilyNameWithManyWordsInItForCausalLM",
        module="research_models.language.decoders.modeling_a_long_family",
        config_class="AVeryLongFamilyNameWithManyWordsInItConfig",
        config_module="research_models.language.decoders.configuration",
        model_type="a_very_long_family_name_with_many_words_in_it",
    ),
    "own, on a configuration of transformers": replace(
        LLAMA, class_name="OurLlama", module="our10.llama"
    ),
    "within the checkout": replace(
        LLAMA,
        class_name="OurLlama",
        module="rlinf.models.embodiment.modules.our_llama",
        config_class="OurConfig",
        config_module="rlinf.models.embodiment.modules.our_llama",
    ),
}


def in_memory(layout: Layout) -> MemoryTree:
    practice = practice_checkout(layout)
    paths = walk_files(practice, PurePosixPath())
    return MemoryTree({path: practice.read(path) or "" for path in paths})


TREES = {layout.name: in_memory(layout) for layout in all_layouts()}


def in_every_layout(fixture: str) -> pytest.MarkDecorator:
    """Run a test on a checkout of every layout; without it, one stands for all."""
    return pytest.mark.parametrize(fixture, TREES, indirect=True)


def on_disk(layout: str, folder: Path) -> Checkout:
    """Return a fresh copy of a practice checkout."""
    source = practice_checkout(next(it for it in all_layouts() if it.name == layout))
    shutil.copytree(source.root, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Checkout(folder.resolve())


def job_for(tree: Tree, spec: ModelSpec, base: Base = LLAMA) -> Job:
    job = resolve(tree, spec, base)
    return replace(job, spec=replace(spec, recipe=str(choose_recipe(tree, spec))))


def plan_for(tree: Tree, spec: ModelSpec, base: Base = LLAMA) -> ChangeSet:
    return plan(tree, job_for(tree, spec, base))


@cache
def planned(layout: str, spec: ModelSpec, base: Base = LLAMA) -> ChangeSet:
    """Return the plan for a practice checkout, which is the same every time."""
    return plan_for(TREES[layout], spec, base)


def settings_of(tree: Tree) -> PurePosixPath:
    """Return where the settings of a scaffolded ``foo`` lie."""
    recipe = RECIPES / "maniskill_ppo_foo.yaml"
    return detect_style(tree).settings(ModelSpec(name="foo", recipe=str(recipe))).path


def audit_of(name: str, *messages: str) -> Audit:
    """Return an audit that found these things in one file."""
    spec, path = ModelSpec(name=name), PurePosixPath("rlinf/[one].py")
    tree = TREES["registry"]
    manifest = read_manifest(Overlay(tree).write(plan_for(tree, spec)), name)
    assert manifest is not None
    return Audit(
        manifest,
        tuple(Finding(name, "config", path, 7, "missing", text) for text in messages),
    )


def snapshot(root: Path) -> dict[str, tuple[int, bytes | None]]:
    """Return the mode of everything in a folder but git's own, and files' bytes."""
    return {
        str(path.relative_to(root)): (
            stat.S_IMODE(path.stat().st_mode),
            path.read_bytes() if path.is_file() else None,
        )
        for path in root.rglob("*")
        if ".git" not in path.relative_to(root).parts
    }


PROOFS = """
import pytest

def test_good(record_property):
    record_property("measured", "1e-7")
    record_property("bound", "<= 1e-5")

@pytest.mark.parametrize("policy", ["fsdp[0]", "fsdp2"])
def test_shards(policy):
    pass
"""
PACKAGES = ("torch", "transformers", "peft", "pytest", "omegaconf")


def interpreter(folder: Path, *, lacks: str = "", proofs: str = PROOFS) -> Path:
    """Return a Python that says what it has, and takes these proofs for every model's.

    It has no transformers to read, so that the shipped bases answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_proofs.py").write_text(proofs)
    answer = {
        "version": "3.12.0",
        "packages": {name: None if name == lacks else "1.0" for name in PACKAGES},
        "search_path": [],
    }
    python = folder / "python"
    python.write_text(
        "#!/bin/sh\n"
        f"[ \"$1\" != -c ] || {{ echo '{json.dumps(answer)}'; exit; }}\n"
        "for word; do\n"
        "  shift\n"
        "  case $word in *_fsdp_smoke.py)\n"
        f"    word='{folder / 'test_proofs.py'}' ;;\n"
        "  esac\n"
        '  set -- "$@" "$word"\n'
        "done\n"
        f"exec '{sys.executable}' \"$@\"\n"
    )
    python.chmod(0o755)
    return python
