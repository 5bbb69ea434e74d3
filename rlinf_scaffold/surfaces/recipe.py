"""examples/embodiment/config/: a training recipe, derived from one of the checkout's."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    InvalidAnswerError,
    SourceSyntaxError,
)
from rlinf_scaffold.inserters import yaml
from rlinf_scaffold.inserters.defaults import mounts
from rlinf_scaffold.inserters.draft import Draft
from rlinf_scaffold.inserters.yaml_document import Keys, Value, members
from rlinf_scaffold.manifest import FOLDER
from rlinf_scaffold.recipes import (
    CHECKPOINT,
    MODEL,
    RECIPES,
    NewModel,
    detect_style,
    mounted_values,
    plainest_first,
    recipe_path,
    recipe_paths,
    sampling_place,
    with_wrap_policy,
)
from rlinf_scaffold.rendering import render
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job, Surface

_OPTION = "--from-recipe"
_TEMPLATE = "model.yaml.j2"
# Losses and advantages by the names that they had in one generation or another.
_SYNCHRONOUS_CRITICS = ("actor_critic", "embodied_ppo", "ppo")
_CRITIC_LOSSES = (*_SYNCHRONOUS_CRITICS, "decoupled_actor_critic")
_LOSSES = (*_CRITIC_LOSSES, "actor", "embodied_grpo", "grpo")
_CRITIC_ADVANTAGES = ("embodied_gae", "gae", "ppo")
_GROUP_ADVANTAGES = ("embodied_grpo", "grpo")
_ENVIRONMENTS = ("env.train", "env.eval")
# Where recipes name checkpoints, besides in the settings of the model.
_CHECKPOINTS: tuple[Keys, ...] = (
    ("actor", "checkpoint_load_path"),
    ("actor", "tokenizer", "tokenizer_model"),
    ("rollout", "model_dir"),
)

_SAMPLING: Mapping[str, Value] = {
    "do_sample": True,
    "temperature_train": 1.0,
    "temperature_eval": 0.6,
    "top_k": 0,
    "top_p": 1.0,
    "repetition_penalty": 1.0,
}


def choose_recipe(tree: Tree, spec: ModelSpec) -> PurePosixPath:
    """Return the recipe to derive from: the one asked for, else the plainest that fits.

    Raises:
        InvalidAnswerError: what was asked for is not there, or trains in a way that
            the generated model cannot.
        AnchorNotFoundError: nothing was asked for, and no recipe fits.
        SourceSyntaxError: what was asked for does not parse.
        UnknownLayoutError: nothing was asked for, and recipes are in no style known.
    """
    if spec.recipe:
        return _find_recipe(tree, spec)
    scaffolded = {spec.name, *(path.stem for path in tree.files(FOLDER))}
    for path, model in plainest_first(tree, detect_style(tree)):
        if model not in scaffolded and _fits(Draft(path, tree.read(path) or ""), spec):
            return path
    algorithm = "loss_type actor_critic" if spec.value_head else "adv_type grpo"
    raise AnchorNotFoundError(
        RECIPES,
        f"recipe to derive from, one that trains a model with {algorithm}",
        f"write one there, or name another with {_OPTION}",
    )


def _find_recipe(tree: Tree, spec: ModelSpec) -> PurePosixPath:
    asked = PurePosixPath(spec.recipe)
    if asked.is_absolute() or ".." in asked.parts or not asked.name:
        reason = "must be a path below the checkout's root, or a file name"
        raise InvalidAnswerError(_OPTION, spec.recipe, reason)
    name = asked.name if asked.suffix == ".yaml" else f"{asked.name}.yaml"
    places = (asked.with_name(name), RECIPES / name)
    path = next((path for path in places if tree.read(path) is not None), None)
    if path is None:
        stems = [path.stem for path in recipe_paths(tree)]
        near = difflib.get_close_matches(PurePosixPath(name).stem, stems)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        reason = f"there is no {' and no '.join(map(str, places))}{hint}"
        raise InvalidAnswerError(_OPTION, spec.recipe, reason)
    reason = _unfitness(Draft(path, tree.read(path) or ""), spec)
    if recipe_path(path, spec) == path:
        reason = "is the new model's own recipe"
    if reason:
        raise InvalidAnswerError(_OPTION, spec.recipe, reason)
    return path


def _fits(draft: Draft, spec: ModelSpec) -> bool:
    """Whether a recipe is a plain one of the algorithm that the answers mean."""
    try:
        if _unfitness(draft, spec):
            return False
    except SourceSyntaxError:
        return False
    if "async" in draft.path.stem.split("_"):
        return False
    if spec.value_head:
        return draft.get("algorithm", "loss_type") in _SYNCHRONOUS_CRITICS
    return str(draft.get("algorithm", "adv_type")).startswith(_GROUP_ADVANTAGES)


def _unfitness(draft: Draft, spec: ModelSpec) -> str:
    """Return why the generated model cannot train by a recipe; empty where it can."""
    task = draft.get("runner", "task_type")
    loss = draft.get("algorithm", "loss_type")
    critic = loss in _CRITIC_LOSSES or _has_critic(draft)
    if task != "embodied":
        return f"its runner.task_type is {task!r}, not 'embodied'"
    if draft.get("runner", "only_eval"):
        return "it only evaluates"
    if loss not in _LOSSES:
        return f"its algorithm.loss_type is {loss!r}; the model trains with PPO or GRPO"
    if draft.get("actor", "enable_sft_co_train"):
        return (
            "it trains on demonstrations too, which actors load for other models only"
        )
    if critic and not spec.value_head:
        return "it trains a critic: give one of GRPO, or a model with a value head"
    return ""


def _has_critic(draft: Draft) -> bool:
    algorithm = members(draft.get("algorithm"))
    gae = algorithm.get("adv_type") in _CRITIC_ADVANTAGES
    return gae or algorithm.get("require_values") is True


def _derive(tree: Tree, source: PurePosixPath, job: Job) -> str:
    """Return the new model's recipe."""
    draft = Draft(source, tree.read(source) or "")
    chunks = _old_chunks(tree, draft)
    text = render(_TEMPLATE, job.values)
    model = NewModel(
        name=job.spec.name,
        type_key=job.layout.type_key,
        settings=members(yaml.read_value(text, (), path=_TEMPLATE)),
    )
    named = draft.set(_names(draft, job.spec), uncommented=_CHECKPOINTS)
    draft = job.recipes.adapt(tree, named, model)
    draft = _with_sampling(draft, tree, job.spec)
    draft = with_wrap_policy(draft, tree, job.base.layer_classes)
    draft = _with_algorithm(draft, job.spec, chunks)
    return _with_steps(draft, tree, job.spec.action_chunks).text


def _old_chunks(tree: Tree, draft: Draft) -> Value:
    """Return how many action steps the old model predicts at once."""
    key = "num_action_chunks"
    mounted = [mount for mount in mounts(draft.get()) if mount.package == "actor.model"]
    held = (members(mounted_values(tree, draft, mount)).get(key) for mount in mounted)
    return draft.get(*MODEL, key) or next(held, None)


def _names(draft: Draft, spec: ModelSpec) -> Mapping[Keys, Value]:
    """Return the new names and paths, by where the recipe says the old ones."""
    paths = {
        keys: CHECKPOINT
        for keys in _CHECKPOINTS
        if not str(draft.get(*keys)).startswith("${")
    }
    return {
        ("runner", "logger", "experiment_name"): recipe_path(draft.path, spec).stem,
        ("actor", "tokenizer", "trust_remote_code"): spec.trust_remote_code,
        **paths,
    }


def _with_sampling(draft: Draft, tree: Tree, spec: ModelSpec) -> Draft:
    """Return the recipe with one new token per number of every action step."""
    switches = ("enable_torch_compile", "enable_cuda_graph")
    draft = draft.set({("rollout", switch): False for switch in switches})
    tokens = spec.action_tokens
    read = sampling_place(tree)
    if draft.get("rollout", "sampling_params"):
        return draft.put(("rollout", "sampling_params", "max_new_tokens"), tokens)
    if draft.get("algorithm", "sampling_params") or (read and read[0] == "algorithm"):
        if not draft.has(("algorithm", "sampling_params")):
            draft = draft.put(("algorithm", "sampling_params"), _SAMPLING)
        return draft.put(("algorithm", "length_params", "max_new_token"), tokens)
    sampling = {**_SAMPLING, "max_new_tokens": tokens}
    return draft.put(("rollout", "sampling_params"), sampling)


def _with_algorithm(draft: Draft, spec: ModelSpec, old_chunks: Value) -> Draft:
    """Return the recipe with as many steps, rewarded per chunk where values are."""
    chunks = spec.action_chunks
    if isinstance(old_chunks, int) and old_chunks != chunks:
        for key in ("n_chunk_steps", "n_eval_chunk_steps"):
            steps = draft.get("algorithm", key)
            if isinstance(steps, int):
                whole = -(-steps * old_chunks // chunks)
                draft = draft.set({("algorithm", key): whole})
    if chunks == 1 or not _has_critic(draft):
        return draft
    return draft.set({("algorithm", "reward_type"): "chunk_level"})


def _with_steps(draft: Draft, tree: Tree, chunks: int) -> Draft:
    """Return the recipe with numbers of steps that whole chunks of actions fill."""
    for mount in mounts(draft.get()):
        if mount.package not in _ENVIRONMENTS or chunks == 1:
            continue
        side = mount.package.removeprefix("env.")
        inherited = members(mounted_values(tree, draft, mount))
        own = members(draft.get("env", side))
        for key in ("max_episode_steps", "max_steps_per_rollout_epoch"):
            steps = own.get(key, inherited.get(key))
            if isinstance(steps, int) and steps % chunks:
                whole = steps + chunks - steps % chunks
                draft = draft.put(("env", side, key), whole)
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
