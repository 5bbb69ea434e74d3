"""examples/embodiment/config/: a training recipe, derived from one of the checkout's."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    InvalidAnswerError,
    SourceSyntaxError,
)
from rlinf_scaffold.inserters import yaml
from rlinf_scaffold.inserters.yaml_document import Keys, Value, leaves, members
from rlinf_scaffold.manifest import FOLDER
from rlinf_scaffold.rendering import render
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job, Surface

RECIPES = PurePosixPath("examples/embodiment/config")
CHECKPOINT = "/path/to/model"

_OPTION = "--from-recipe"
_TEMPLATE = "model.yaml.j2"
_TOKEN_MODELS = ("openvla", "openvla_oft")
_CRITIC_LOSSES = ("actor_critic", "decoupled_actor_critic")
_MOUNT = re.compile(r"model/([\w.-]+)@actor\.model")
_MOUNT_LINE = re.compile(rf"(?m)^\s*-\s*[\"']?{_MOUNT.pattern}\b")
_ENV_MOUNT = re.compile(r"(env/[\w.-]+)@env\.(train|eval)")
_ALGORITHM = re.compile(r"(.*(?:^|_)(?:ppo|grpo))(?:_.*)?")
_MODEL_IN_COMMENT = re.compile(r"(?<![\w./])model/\w+(?=\s*$)")
_REFERENCE = re.compile(r"\$\{actor\.model\.(\w+)")

_SAMPLING: Mapping[str, Value] = {
    "do_sample": True,
    "temperature_train": 1.0,
    "temperature_eval": 0.6,
    "top_k": 0,
    "top_p": 1.0,
    "repetition_penalty": 1.0,
}


@dataclass(frozen=True, slots=True)
class _Draft:
    """A recipe on its way from the old model to the new one."""

    path: PurePosixPath
    text: str

    def get(self, *keys: str | int) -> Value:
        """Return what stands at a place, None where nothing does."""
        value = yaml.read_value(self.text, (), path=self.path)
        for key in keys:
            value = members(value).get(key)
        return value

    def set(
        self, values: Mapping[Keys, Value], uncommented: Collection[Keys] = ()
    ) -> _Draft:
        """Write over values; nothing happens where there is none."""
        there = {
            keys: value
            for keys, value in values.items()
            if yaml.has_key(self.text, keys, path=self.path)
        }
        return self._with(
            yaml.set_values(self.text, there, path=self.path, uncommented=uncommented)
        )

    def put(self, keys: Keys, value: Value) -> _Draft:
        """Write a value, over the one that is there or as a new key."""
        if yaml.has_key(self.text, keys, path=self.path):
            return self.set({keys: value})
        return self._with(yaml.add_key(self.text, keys, value, path=self.path))

    def remove(self, keys: Keys) -> _Draft:
        """Remove a key; nothing happens where there is none."""
        return self._with(yaml.remove_key(self.text, keys, path=self.path))

    def drop_comment(self, keys: Keys) -> _Draft:
        """Remove the comment behind a value; nothing happens where there is none."""
        if not yaml.has_key(self.text, keys, path=self.path):
            return self
        return self._with(yaml.drop_comment(self.text, keys, path=self.path))

    def edit_comments(self, pattern: re.Pattern[str], replacement: str) -> _Draft:
        """Substitute a pattern in the comments that stand on lines of their own."""
        return self._with(
            yaml.edit_comments(self.text, pattern, replacement, path=self.path)
        )

    def _with(self, text: str) -> _Draft:
        return _Draft(self.path, text)


def choose_recipe(tree: Tree, spec: ModelSpec) -> PurePosixPath:
    """Return the recipe to derive from: the one asked for, else the plainest that fits.

    Raises:
        InvalidAnswerError: what was asked for is not there, or trains in a way that
            the generated model cannot.
        AnchorNotFoundError: nothing was asked for, and no recipe fits.
        SourceSyntaxError: what was asked for does not parse.
    """
    if spec.recipe:
        return _find_recipe(tree, spec)
    texts = {path: tree.read(path) or "" for path in _recipes(tree)}
    mounts = {path: _MOUNT_LINE.search(text) for path, text in texts.items()}
    models = {path: mount[1] for path, mount in mounts.items() if mount}
    scaffolded = {spec.name, *(path.stem for path in tree.files(FOLDER))}
    for path in sorted(models, key=lambda path: _plainness(path, models[path])):
        if models[path] not in scaffolded and _fits(_Draft(path, texts[path]), spec):
            return path
    algorithm = "loss_type actor_critic" if spec.value_head else "adv_type grpo"
    raise AnchorNotFoundError(
        RECIPES,
        f"recipe to derive from, one with model/<x>@actor.model and {algorithm}",
        f"write one there, or name another with {_OPTION}",
    )


def recipe_path(source: PurePosixPath, spec: ModelSpec) -> PurePosixPath:
    """Return where the recipe derived from another lies: its name, up to the model's."""
    match = _ALGORITHM.fullmatch(source.stem)
    return source.with_name(f"{match[1] if match else source.stem}_{spec.name}.yaml")


def _recipes(tree: Tree) -> tuple[PurePosixPath, ...]:
    return tuple(path for path in tree.files(RECIPES) if path.suffix == ".yaml")


def _plainness(path: PurePosixPath, model: str) -> tuple[int, int, str]:
    rank = _TOKEN_MODELS.index(model) if model in _TOKEN_MODELS else len(_TOKEN_MODELS)
    return rank, len(path.stem), path.stem


def _find_recipe(tree: Tree, spec: ModelSpec) -> PurePosixPath:
    asked = PurePosixPath(spec.recipe)
    if asked.is_absolute() or ".." in asked.parts or not asked.name:
        reason = "must be a path below the checkout's root, or a file name"
        raise InvalidAnswerError(_OPTION, spec.recipe, reason)
    name = asked.name if asked.suffix == ".yaml" else f"{asked.name}.yaml"
    places = (asked.with_name(name), RECIPES / name)
    path = next((path for path in places if tree.read(path) is not None), None)
    if path is None:
        stems = [path.stem for path in _recipes(tree)]
        near = difflib.get_close_matches(PurePosixPath(name).stem, stems)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        reason = f"there is no {' and no '.join(map(str, places))}{hint}"
        raise InvalidAnswerError(_OPTION, spec.recipe, reason)
    reason = _unfitness(_Draft(path, tree.read(path) or ""), spec)
    if recipe_path(path, spec) == path:
        reason = "is the new model's own recipe"
    if reason:
        raise InvalidAnswerError(_OPTION, spec.recipe, reason)
    return path


def _fits(draft: _Draft, spec: ModelSpec) -> bool:
    """Whether a recipe is a plain one of the algorithm that the answers mean."""
    try:
        if _unfitness(draft, spec):
            return False
    except SourceSyntaxError:
        return False
    if "async" in draft.path.stem.split("_"):
        return False
    if spec.value_head:
        return draft.get("algorithm", "loss_type") == "actor_critic"
    return str(draft.get("algorithm", "adv_type")).startswith("grpo")


def _unfitness(draft: _Draft, spec: ModelSpec) -> str:
    """Return why the generated model cannot train by a recipe; empty where it can."""
    task = draft.get("runner", "task_type")
    loss = draft.get("algorithm", "loss_type")
    critic = loss in _CRITIC_LOSSES or draft.get("algorithm", "adv_type") == "gae"
    if task != "embodied":
        return f"its runner.task_type is {task!r}, not 'embodied'"
    if draft.get("runner", "only_eval"):
        return "it only evaluates"
    if loss not in (*_CRITIC_LOSSES, "actor"):
        return f"its algorithm.loss_type is {loss!r}; the model trains with PPO or GRPO"
    if draft.get("actor", "enable_sft_co_train"):
        return "it trains on demonstrations too, which the model has no loss for"
    if critic and not spec.value_head:
        return "it trains a critic: give one of GRPO, or a model with a value head"
    return ""


def _derive(tree: Tree, source: PurePosixPath, job: Job) -> str:
    """Return the new model's recipe."""
    draft = _Draft(source, tree.read(source) or "")
    values = members(yaml.read_value(render(_TEMPLATE, job.values), (), path=_TEMPLATE))
    mount, old_model = _find_mount(draft)
    old_values = _defaults(tree, source.with_name("model") / f"{old_model}.yaml")
    draft, new = _with_model_keys(draft, values)
    names = {mount: f"model/{job.spec.name}@actor.model", **_names(draft, job.spec)}
    draft = draft.set({**names, **new}, uncommented=new).edit_comments(
        _MODEL_IN_COMMENT, f"model/{job.spec.name}"
    )
    draft = _with_carried_keys(draft, old_values, values)
    draft = _with_sampling(draft, job.spec)
    draft = _with_wrap_policy(draft, job.base.layer_classes)
    draft = _with_algorithm(draft, job.spec)
    return _with_steps(draft, tree, job.spec.action_chunks).text


def _find_mount(draft: _Draft) -> tuple[Keys, str]:
    """Return where the recipe mounts a model, and the model's name."""
    for index, default in members(draft.get("defaults")).items():
        mount = _MOUNT.fullmatch(default) if isinstance(default, str) else None
        if mount:
            return ("defaults", index), mount[1]
    raise AnchorNotFoundError(
        draft.path,
        "model/<x>@actor.model among its defaults",
        f"mount a model there, or name another recipe with {_OPTION}",
    )


def _defaults(tree: Tree, path: PurePosixPath) -> Mapping[str | int, Value]:
    """Return what a YAML file that a recipe mounts holds; nothing if there is none."""
    return members(yaml.read_value(tree.read(path) or "", (), path=path))


def _with_model_keys(
    draft: _Draft, values: Mapping[str | int, Value]
) -> tuple[_Draft, Mapping[Keys, Value]]:
    """Return the recipe without keys the new model lacks, and its values to write."""
    used = _references(draft)
    new: dict[Keys, Value] = {}
    for side in ("actor", "rollout"):
        for key, old in members(draft.get(side, "model")).items():
            if key == "policy_setup" or (
                side == "actor" and key in used - values.keys()
            ):
                continue
            if key not in values or members(old):
                draft = draft.remove((side, "model", key))
            elif old != values[key] and not str(old).startswith("${actor.model."):
                new[side, "model", key] = values[key]
    return draft, new


def _references(draft: _Draft) -> set[str]:
    """Return the keys of the model that other parts of the recipe refer to."""
    models = {("actor", "model"), ("rollout", "model")}
    return {
        key
        for at, leaf in leaves(draft.get()).items()
        if at[:2] not in models
        for key in _REFERENCE.findall(leaf)
    }


def _with_carried_keys(
    draft: _Draft,
    old_values: Mapping[str | int, Value],
    values: Mapping[str | int, Value],
) -> _Draft:
    """Return the recipe with what its environment took from the old model's YAML."""
    for key in sorted({"policy_setup", *(_references(draft) - values.keys())}):
        there = key in members(draft.get("actor", "model"))
        if not there and key in old_values and old_values[key] != values.get(key):
            draft = draft.put(("actor", "model", key), old_values[key])
    return draft


def _names(draft: _Draft, spec: ModelSpec) -> Mapping[Keys, Value]:
    """Return the new names and paths, by where the recipe says the old ones."""
    tokenizer = ("actor", "tokenizer", "tokenizer_model")
    names: dict[Keys, Value] = {
        ("runner", "logger", "experiment_name"): recipe_path(draft.path, spec).stem,
        ("actor", "tokenizer", "trust_remote_code"): spec.trust_remote_code,
    }
    if not str(draft.get(*tokenizer)).startswith("${"):
        names[tokenizer] = CHECKPOINT
    return names


def _with_sampling(draft: _Draft, spec: ModelSpec) -> _Draft:
    """Return the recipe with one new token per number of every action step."""
    switches = ("enable_torch_compile", "enable_cuda_graph")
    draft = draft.set({("rollout", switch): False for switch in switches})
    tokens = spec.action_tokens
    if draft.get("rollout", "sampling_params"):
        return draft.put(("rollout", "sampling_params", "max_new_tokens"), tokens)
    if draft.get("algorithm", "sampling_params"):
        return draft.put(("algorithm", "length_params", "max_new_token"), tokens)
    sampling = {**_SAMPLING, "max_new_tokens": tokens}
    return draft.put(("rollout", "sampling_params"), sampling)


def _with_wrap_policy(draft: _Draft, layers: tuple[str, ...]) -> _Draft:
    """Return the recipe with FSDP wrapping the classes that the base really has."""
    draft = draft.drop_comment(("actor", "fsdp_config", "gradient_checkpointing"))
    keys = ("actor", "fsdp_config", "wrap_policy")
    policy = {"transformer_layer_cls_to_wrap": list(layers)}
    if draft.get(*keys) != policy:
        draft = draft.remove(keys)
    return draft.put(keys, policy)


def _with_algorithm(draft: _Draft, spec: ModelSpec) -> _Draft:
    """Return the recipe with rewards per chunk where the critic's values are."""
    if spec.action_chunks == 1 or draft.get("algorithm", "adv_type") != "gae":
        return draft
    return draft.set({("algorithm", "reward_type"): "chunk_level"})


def _with_steps(draft: _Draft, tree: Tree, chunks: int) -> _Draft:
    """Return the recipe with numbers of steps that whole chunks of actions fill."""
    for default in members(draft.get("defaults")).values():
        mount = _ENV_MOUNT.fullmatch(default) if isinstance(default, str) else None
        if not mount or chunks == 1:
            continue
        inherited = _defaults(tree, draft.path.parent / f"{mount[1]}.yaml")
        own = members(draft.get("env", mount[2]))
        for key in ("max_episode_steps", "max_steps_per_rollout_epoch"):
            steps = own.get(key, inherited.get(key))
            if isinstance(steps, int) and steps % chunks:
                whole = steps + chunks - steps % chunks
                draft = draft.put(("env", mount[2], key), whole)
    return draft


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    source = choose_recipe(tree, job.spec)
    path = recipe_path(source, job.spec)
    yield FileChange(path, before=tree.read(path), after=_derive(tree, source, job))


surface = Surface(
    name="recipe",
    title="training recipe derived from one of the checkout's",
    plan=_plan,
    owns_files=True,
)
