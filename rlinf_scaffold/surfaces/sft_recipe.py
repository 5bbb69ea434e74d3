"""examples/sft/config/: a recipe that trains the model on demonstrations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.inserters import yaml
from rlinf_scaffold.inserters.defaults import mounts
from rlinf_scaffold.inserters.draft import Draft
from rlinf_scaffold.inserters.yaml_document import members
from rlinf_scaffold.manifest import FOLDER
from rlinf_scaffold.recipes import NewModel, mounted_values, with_wrap_policy
from rlinf_scaffold.rendering import render
from rlinf_scaffold.sft import RECIPES, find_chain, sft_recipe_path
from rlinf_scaffold.subjects import MODELS
from rlinf_scaffold.surfaces import Job, Surface
from rlinf_scaffold.syntax import links_of

_TEMPLATE = "model.yaml.j2"
_BACKENDS = ("fsdp", "fsdp2")


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    source = _choose(tree, job)
    if source is None:
        return
    # What is shown to a policy has no value to be learned.
    job = replace(job, spec=replace(job.spec, value_head=False))
    settings = render(_TEMPLATE, job.values)
    texts = {
        sft_recipe_path(source.path, job.spec): _derive(tree, source, job, settings),
        RECIPES / "model" / f"{job.spec.name}.yaml": settings,
    }
    for path, text in texts.items():
        yield FileChange(path, before=tree.read(path), after=text)


def _choose(tree: Tree, job: Job) -> Draft | None:
    """Return the recipe to derive from: of the model with most of them, the plainest."""
    fitting = dict(_fitting(tree, job))
    models = Counter(fitting.values())
    rated = sorted(
        fitting,
        key=lambda it: (-models[fitting[it]], len(it.path.stem), it.path.stem),
    )
    return next(iter(rated), None)


def _fitting(tree: Tree, job: Job) -> Iterator[tuple[Draft, str]]:
    """Yield each recipe of a model that the worker has a loader for, and the model."""
    path = job.sft.worker
    chain = find_chain(tree.read(path) or "", path, job.sft.owner) if path else None
    if chain is None or not job.recipes.has_model_file:
        return
    loaded = {
        name for link in links_of(chain.node) for name in chain.subject.names(link.test)
    }
    scaffolded = {job.spec.name, *(path.stem for path in tree.files(FOLDER))}
    for path in tree.files(RECIPES):
        draft = Draft(path, tree.read(path) or "")
        model = _model_of(tree, draft, job) if path.suffix == ".yaml" else ""
        if model not in scaffolded and f"{MODELS}.{model.upper()}" in loaded:
            yield draft, model


def _model_of(tree: Tree, draft: Draft, job: Job) -> str:
    """Return the type of the model that a recipe trains as this one can be; else empty."""
    if job.recipes.model_of(draft.text) is None or "_sft_" not in draft.path.stem:
        return ""
    try:
        backend = draft.get("actor", "training_backend")
        if draft.get("runner", "task_type") != "sft" or backend not in _BACKENDS:
            return ""
        own = members(draft.get("actor", "model"))
        for mount in mounts(draft.get()):
            if mount.package == "actor.model":
                own = {**members(mounted_values(tree, draft, mount)), **own}
    except SourceSyntaxError:
        return ""
    return str(own.get(job.layout.type_key, ""))


def _derive(tree: Tree, draft: Draft, job: Job, settings: str) -> str:
    """Return the new model's recipe."""
    model = NewModel(
        name=job.spec.name,
        type_key=job.layout.type_key,
        settings=members(yaml.read_value(settings, (), path=_TEMPLATE)),
    )
    stem = sft_recipe_path(draft.path, job.spec).stem
    draft = draft.set({("runner", "logger", "experiment_name"): stem})
    draft = job.recipes.adapt(tree, draft, model)
    return with_wrap_policy(draft, tree, job.base.layer_classes).text


surface = Surface(
    name="SFT recipe",
    title="recipe for demonstrations, from one of the checkout's, and what it mounts",
    plan=_plan,
    owns_files=True,
)
