"""Models have a YAML file each, which recipes mount: RLinf v0.1 to main."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.inserters.defaults import Mount, mounts
from rlinf_scaffold.inserters.draft import Draft
from rlinf_scaffold.inserters.yaml_document import Keys, Value, members
from rlinf_scaffold.matching import Check
from rlinf_scaffold.recipes import (
    MODEL,
    RECIPES,
    NewModel,
    RecipeStyle,
    Settings,
    model_yaml_path,
    mounted_values,
    recipe_paths,
    references,
)
from rlinf_scaffold.spec import ModelSpec

_LINE = re.compile(
    r"""(?mx)^\s*-\s*["']?(?:override\s+)?/?
    (?:model/(?P<name>[\w.-]+?)(?:\.yaml)?@actor\.model(?![\w.])
    |model@actor\.model["']?\s*:\s*["']?(?P<paired>[\w.-]+?)(?:\.yaml)?["']?\s*(?:\#|$))"""
)
_MODEL_IN_COMMENT = re.compile(r"(?<![\w./])model/\w+(?=\s*$)")


def _detect(tree: Tree) -> tuple[Check, ...]:
    holds = any(_model_of(tree.read(path) or "") for path in recipe_paths(tree))
    what = "recipes with model/<x>@actor.model among their defaults"
    return (Check(what, RECIPES, None, holds),)


def _model_of(text: str) -> str | None:
    found = _LINE.search(text)
    return (found["name"] or found["paired"]) if found else None


def _settings(spec: ModelSpec) -> Settings:
    path = model_yaml_path(spec.name)
    return Settings(path=path, keys=(), checkpoints=(("model_path",),))


def _adapt(tree: Tree, draft: Draft, model: NewModel) -> Draft:
    """Return the recipe with another file mounted, and what it overrides adapted."""
    mount = _find_mount(draft)
    old = members(mounted_values(tree, draft, mount))
    draft, overrides = _with_overrides(draft, model)
    entry = {mount.keys: mount.renamed(model.name)}
    draft = draft.set({**entry, **overrides}, uncommented=overrides)
    draft = draft.edit_comments(_MODEL_IN_COMMENT, f"model/{model.name}")
    return _with_carried_keys(draft, old, model)


def _find_mount(draft: Draft) -> Mount:
    for mount in mounts(draft.get()):
        if mount.package == "actor.model" and mount.group.lstrip("/") == "model":
            return mount
    raise AnchorNotFoundError(
        draft.path,
        "model/<x>@actor.model among its defaults",
        "mount a model there, or name another recipe with --from-recipe",
    )


def _with_overrides(
    draft: Draft, model: NewModel
) -> tuple[Draft, Mapping[Keys, Value]]:
    """Return the recipe without keys the new model lacks, and its values to write."""
    used = set(references(draft.get()))
    new: dict[Keys, Value] = {}
    for side in ("actor", "rollout"):
        for key, old in members(draft.get(side, "model")).items():
            if key == "policy_setup" or (
                side == "actor" and key in used - model.settings.keys()
            ):
                continue
            if key not in model.settings or members(old):
                draft = draft.remove((side, "model", key))
            elif old != model.settings[key] and not str(old).startswith(
                "${actor.model."
            ):
                new[side, "model", key] = model.settings[key]
    return draft, new


def _with_carried_keys(
    draft: Draft, old: Mapping[str | int, Value], model: NewModel
) -> Draft:
    """Return the recipe with what its environment took from the old model's YAML."""
    used = set(references(draft.get())) - model.settings.keys()
    for key in sorted({"policy_setup", *used}):
        there = key in members(draft.get(*MODEL))
        if not there and key in old and old[key] != model.settings.get(key):
            draft = draft.put((*MODEL, key), old[key])
    return draft


style = RecipeStyle(
    name="mounted",
    title="recipes mount model/<name>.yaml, RLinf v0.1 to main",
    detect=_detect,
    model_of=_model_of,
    settings=_settings,
    has_model_file=True,
    adapt=_adapt,
)
