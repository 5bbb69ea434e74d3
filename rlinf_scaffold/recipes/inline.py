"""Every recipe holds all settings of its model: RLinf before v0.1."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.inserters.defaults import mounts
from rlinf_scaffold.inserters.draft import Draft
from rlinf_scaffold.inserters.yaml_document import Keys, members
from rlinf_scaffold.matching import Check
from rlinf_scaffold.recipes import (
    MODEL,
    RECIPES,
    TYPE_KEYS,
    NewModel,
    RecipeStyle,
    Settings,
    mounted_values,
    recipe_path,
    recipe_paths,
    references,
)
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.usage import reads

_CHECKPOINTS: tuple[Keys, ...] = (
    ("actor", "checkpoint_load_path"),
    ("rollout", "model_dir"),
)
# Parsing tens of recipes to choose one of them takes seconds; the chosen one is parsed.
_ACTOR = re.compile(
    r"(?m)^[\"']?actor[\"']?[ \t]*:[^\n]*((?:\n(?:[ \t#][^\n]*)?\r?(?=\n|\Z))*)"
)
_MODEL = re.compile(
    r"(?m)^([ \t]+)[\"']?model[\"']?[ \t]*:[ \t]*(?:#[^\n]*?)?\r?$"
    r"((?:\n(?:\1[ \t][^\n]*|[ \t]*(?:#[^\n]*)?\r?(?=\n|\Z)))*)"
)
_TYPE = re.compile(
    rf"(?m)^[ \t]+[\"']?(?:{'|'.join(TYPE_KEYS)})[\"']?\s*:\s*[\"']?([A-Za-z_][\w.-]*)"
)
_MOUNT_LINE = re.compile(r"(?m)^\s*-.*@actor\.model(?![\w.])")
# Weights that the loader lays over any model's, if they are named.
_WEIGHTS = ("ckpt_path", "lora_path")
# What reads the settings of any model: everything but the models and their loader.
_READERS = tuple(
    PurePosixPath("rlinf", place)
    for place in ("config.py", "envs", "runners", "utils/utils.py", "workers")
)
_ENGINES = (PurePosixPath("rlinf/hybrid_engines/fsdp"),)


def _detect(tree: Tree) -> tuple[Check, ...]:
    texts = [tree.read(path) or "" for path in recipe_paths(tree)]
    mounted = any(map(_MOUNT_LINE.search, texts))
    holds = not mounted and any(_model_of(text) for text in texts)
    what = f"recipes with {' or '.join(TYPE_KEYS)} in an actor.model of their own"
    return (Check(what, RECIPES, None, holds),)


def _model_of(text: str) -> str | None:
    actor = None if _MOUNT_LINE.search(text) else _ACTOR.search(text)
    model = _MODEL.search(actor[1]) if actor else None
    found = _TYPE.search(model[2]) if model else None
    return found[1] if found else None


def _settings(spec: ModelSpec) -> Settings:
    path = recipe_path(PurePosixPath(spec.recipe), spec)
    return Settings(path=path, keys=("actor", "model"), checkpoints=_CHECKPOINTS)


def _adapt(tree: Tree, draft: Draft, model: NewModel) -> Draft:
    """Return the recipe with the settings of its model replaced, in their order."""
    type_key = (*MODEL, model.type_key)
    if not draft.has(type_key):
        raise AnchorNotFoundError(
            draft.path,
            ".".join(map(str, type_key)),
            "write it there, or name another recipe with --from-recipe",
        )
    weights = {(*MODEL, key): None for key in _WEIGHTS}
    written = {(*MODEL, key): value for key, value in model.settings.items()}
    kept = {*model.settings, *_WEIGHTS, *_kept(tree, draft)}
    for key, old in members(draft.get(*MODEL)).items():
        changes = key in model.settings and old != model.settings[key]
        if key not in kept or (changes and members(old)):
            draft = draft.remove((*MODEL, key))
    draft = draft.set({**weights, **written}, uncommented=written)
    for keys, value in written.items():
        draft = draft.put(keys, value)
    return draft


def _kept(tree: Tree, draft: Draft) -> set[str]:
    """Return the settings that somebody reads who is no model."""
    read = (mounted_values(tree, draft, mount) for mount in mounts(draft.get()))
    return {
        *references(draft.get()),
        *(key for values in read for key in references(values)),
        *reads(tree, _READERS, "actor", "model"),
        *reads(tree, _ENGINES, "cfg", "model"),
        *reads(tree, _ENGINES, "_cfg", "model"),
    }


style = RecipeStyle(
    name="inline",
    title="recipes hold the settings of their model, RLinf before v0.1",
    detect=_detect,
    model_of=_model_of,
    settings=_settings,
    has_model_file=False,
    adapt=_adapt,
)
