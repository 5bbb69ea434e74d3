"""One module per way to write recipes: how one says which model it trains."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.inserters import yaml
from rlinf_scaffold.inserters.defaults import Mount, mounts
from rlinf_scaffold.inserters.draft import Draft
from rlinf_scaffold.inserters.yaml_document import Keys, Value, leaves
from rlinf_scaffold.matching import Check, match
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.usage import names, reads

RECIPES = PurePosixPath("examples/embodiment/config")
CHECKPOINT = "/path/to/model"
MODEL: Keys = ("actor", "model")
TYPE_KEYS = ("model_type", "model_name")

# Where recipes of one generation or another say what.
_PLACES: Mapping[str, tuple[Keys, ...]] = {
    "model's type": tuple((*MODEL, key) for key in TYPE_KEYS),
    "checkpoint": (
        ("actor", "checkpoint_load_path"),
        ("rollout", "model_dir"),
        (*MODEL, "model_path"),
        ("rollout", "model", "model_path"),
    ),
    "value head": ((*MODEL, "vh_mode"), (*MODEL, "add_value_head")),
    "FSDP's settings": (("actor", "fsdp"), ("actor", "fsdp_config")),
}
_ENGINES = PurePosixPath("rlinf/hybrid_engines/fsdp")
_FSDP: Keys = ("actor", "fsdp_config")
_PACKAGES = ("actor.model", "actor.fsdp_config", "weight_syncer")
_ROLLOUTS = PurePosixPath("rlinf/workers/rollout/hf")
_SAMPLERS = ("rollout", "algorithm")
_TOKEN_MODELS = ("openvla", "openvla_oft")
_ALGORITHM = re.compile(r"(.*(?:^|_)(?:ppo|grpo))(?:_.*)?")
_REFERENCE = re.compile(r"\$\{actor\.model\.(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the settings of one model lie.

    Attributes:
        path: the YAML file.
        keys: under which keys of it.
        checkpoints: the keys, from the file's root, that hold the checkpoint's folder.
    """

    path: PurePosixPath
    keys: tuple[str, ...]
    checkpoints: tuple[Keys, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """What a recipe is to say of its new model.

    Attributes:
        name: the model's type.
        type_key: the setting that names it.
        settings: all of its settings.
    """

    name: str
    type_key: str
    settings: Mapping[str | int, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeStyle:
    """How the recipes of one generation say which model they train.

    Attributes:
        name: what ``inspect`` calls it.
        title: one line for people.
        detect: what it needs of a checkout; it matches where all of it holds.
        model_of: the model that a recipe trains, from its text; None where this style
            finds none.
        settings: where the settings of a model lie.
        has_model_file: whether that is a file of their own, which recipes mount.
        adapt: a recipe with the new model in the place of the one it trains.
    """

    name: str
    title: str
    detect: Callable[[Tree], tuple[Check, ...]]
    model_of: Callable[[str], str | None]
    settings: Callable[[ModelSpec], Settings]
    has_model_file: bool
    adapt: Callable[[Tree, Draft, NewModel], Draft]


def all_styles() -> tuple[RecipeStyle, ...]:
    """Return every style of this package."""
    return discover(sys.modules[__name__], RecipeStyle)


def detect_style(tree: Tree) -> RecipeStyle:
    """Return the one style of this package that a checkout's recipes are written in.

    Raises:
        UnknownLayoutError: there is none, or several; says what the nearest misses.
    """
    return match("YAML", {style: style.detect(tree) for style in all_styles()})


def recipe_paths(tree: Tree) -> tuple[PurePosixPath, ...]:
    """Return the recipes of a checkout."""
    return tuple(path for path in tree.files(RECIPES) if path.suffix == ".yaml")


def plainest_first(
    tree: Tree, style: RecipeStyle
) -> tuple[tuple[PurePosixPath, str], ...]:
    """Return the recipes of a style with their models: token models, short names first."""
    models = {
        path: style.model_of(tree.read(path) or "") for path in recipe_paths(tree)
    }
    found = [(path, model) for path, model in models.items() if model is not None]
    return tuple(sorted(found, key=_plainness))


def _plainness(recipe: tuple[PurePosixPath, str]) -> tuple[int, int, str]:
    path, model = recipe
    rank = _TOKEN_MODELS.index(model) if model in _TOKEN_MODELS else len(_TOKEN_MODELS)
    return rank, len(path.stem), path.stem


def recipe_path(source: PurePosixPath, spec: ModelSpec) -> PurePosixPath:
    """Return where the recipe derived from another lies: its name, up to the model's."""
    match = _ALGORITHM.fullmatch(source.stem)
    return source.with_name(f"{match[1] if match else source.stem}_{spec.name}.yaml")


def model_yaml_path(name: str) -> PurePosixPath:
    """Return where the YAML file of a model lies, where models have one."""
    return RECIPES / "model" / f"{name}.yaml"


def mounted_values(tree: Tree, draft: Draft, mount: Mount) -> Value:
    """Return what a file that a recipe mounts holds; None if there is no such file."""
    path = draft.path.parent / f"{mount.config.lstrip('/')}.yaml"
    return yaml.read_value(tree.read(path) or "", (), path=path)


def references(value: Value) -> Iterator[str]:
    """Yield each setting of the model that a YAML document refers to."""
    for at, leaf in leaves(value).items():
        if at[:2] not in {MODEL, ("rollout", "model")}:
            yield from _REFERENCE.findall(leaf)


def sampling_place(tree: Tree) -> tuple[str, str] | None:
    """Return the part of a recipe that workers read sampling parameters from, and where.

    None where no worker of the checkout reads any.
    """
    for part in _SAMPLERS:
        found = reads(tree, [_ROLLOUTS], part).get("sampling_params")
        if found:
            return part, found
    return None


def with_wrap_policy(draft: Draft, tree: Tree, layers: tuple[str, ...]) -> Draft:
    """Return the recipe with FSDP wrapping the classes that the base really has."""
    draft = draft.drop_comment((*_FSDP, "gradient_checkpointing"))
    keys = (*_FSDP, "wrap_policy")
    policy = {"transformer_layer_cls_to_wrap": list(layers)}
    if not names(tree, _ENGINES, "wrap_policy"):
        return draft
    if draft.get(*keys) != policy:
        draft = draft.remove(keys)
    return draft.put(keys, policy)


def facts(tree: Tree) -> Mapping[str, str]:
    """Return what differs within the checkout's style, in words, and where it was read.

    Raises:
        UnknownLayoutError: its recipes are written in no style, or in several.
        SourceSyntaxError: the recipe that is read, or a file it mounts, does not parse.
    """
    path, model = plainest_first(tree, detect_style(tree))[0]
    draft = Draft(path, tree.read(path) or "")
    found = {
        f"{mount.package} is mounted from {mount.group.lstrip('/')}/": (
            f"{path}:{draft.line_of(mount.keys)}"
        )
        for mount in mounts(draft.get())
        if mount.package in _PACKAGES
    }
    file = model_yaml_path(model)
    defaults = Draft(file, tree.read(file) or "")
    for what, places in _PLACES.items():
        for keys in places:
            holder, at = (draft, keys) if draft.has(keys) else (defaults, keys[2:])
            if at and holder.has(at):
                where = f"{holder.path}:{holder.line_of(at)}"
                found[f"{what} in {'.'.join(map(str, keys))}"] = where
    sampling = sampling_place(tree)
    if sampling:
        found[f"sampling parameters in {sampling[0]}.sampling_params"] = sampling[1]
    return found
