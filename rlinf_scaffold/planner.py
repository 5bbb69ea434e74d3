"""From answers and a tree to a pure change set."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import PurePosixPath

from rlinf_scaffold import __version__
from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import Overlay, Tree
from rlinf_scaffold.contracts import detect_contract, read_terms, read_views
from rlinf_scaffold.engine import read_engine
from rlinf_scaffold.errors import (
    AnswersChangedError,
    InvalidAnswerError,
    NameTakenError,
    TargetExistsError,
    UnsupportedBaseError,
)
from rlinf_scaffold.heads import find_head
from rlinf_scaffold.layouts import POLICIES, Layout, detect_layout
from rlinf_scaffold.manifest import Manifest, digest, manifest_path, read_manifest
from rlinf_scaffold.recipes import detect_style, model_yaml_path
from rlinf_scaffold.sft import Sft, read_sft, sft_module
from rlinf_scaffold.spec import DEFAULT_BINS, Base, ModelSpec
from rlinf_scaffold.surfaces import Job, all_surfaces


def resolve(tree: Tree, spec: ModelSpec, base: Base) -> Job:
    """Return the job that the answers mean in this checkout.

    Raises:
        UnknownLayoutError: the checkout has no layout, contract or YAML that is known.
        SourceSyntaxError: a file that must be read does not parse.
        NameTakenError: the name means something else here.
        UnsupportedBaseError: workers here do not give a model what the base takes.
        InvalidAnswerError: workers here cannot score what the head answers, or the base
            lacks what an answer needs.
    """
    layout = detect_layout(tree)
    contract = detect_contract(tree)
    head = find_head(spec.head)
    if not head.answers_in_logits and spec.action_bins != DEFAULT_BINS:
        reason = f"{spec.head} has no bins: leave it out, or choose --head tokens"
        raise InvalidAnswerError("--action-bins", spec.action_bins, reason)
    if head.answers_in_logits and spec.action_bins >= base.vocab_size:
        reason = (
            f"each is a token, and {base.class_name} has {base.vocab_size}, which "
            "prompts need, too"
        )
        raise InvalidAnswerError("--action-bins", spec.action_bins, reason)
    if spec.lora and not base.lora_targets:
        reason = f"{base.class_name} has no linear layers that LoRA could adapt"
        raise InvalidAnswerError("--lora", spec.lora, reason)
    if contract.prepares_observations and not head.answers_in_logits:
        reason = (
            "workers of this RLinf compute log-probabilities themselves, from logits of "
            "action tokens: choose tokens"
        )
        raise InvalidAnswerError("--head", spec.head, reason)
    if contract.prepares_observations and spec.state != "text":
        reason = "workers of this RLinf hand over text alone: choose text"
        raise InvalidAnswerError("--state", spec.state, reason)
    if base.modality != "text" and contract.prepares_observations:
        reason = (
            "workers of this RLinf take one image an observation, and hand over only "
            "input_ids, attention_mask and pixel_values: choose a text model"
        )
        raise UnsupportedBaseError(base.class_name, reason)
    if tree.read(manifest_path(spec.name)) is None:
        _refuse_taken_name(tree, layout, spec.name)
    return Job(
        spec=spec,
        base=base,
        layout=layout,
        contract=contract,
        terms=read_terms(tree),
        recipes=detect_style(tree),
        head=head,
        engine=read_engine(tree),
        sft=_read_sft(tree, layout, spec),
        views=read_views(tree) if base.modality == "vision" else (),
    )


def plan(tree: Tree, job: Job) -> ChangeSet:
    """Return every change that wires the model; empty where all of it is in place.

    Raises:
        AnswersChangedError: the model was scaffolded here from other answers.
        TargetExistsError: files to create are there with other content.
        AnchorNotFoundError, WiringChangedError: a file to patch was changed by hand.
    """
    recorded = read_manifest(tree, job.spec.name)
    if recorded is not None:
        _refuse_other_answers(recorded, job)
    overlay = Overlay(tree)
    owned: set[PurePosixPath] = set()
    for surface in all_surfaces():
        changes = [
            change
            for change in surface.plan(overlay, job)
            if not (surface.owns_files and is_recorded(change, recorded))
        ]
        if surface.owns_files:
            owned.update(change.path for change in changes)
        overlay = overlay.write(changes)
    existing = [
        change.path
        for change in overlay.changes()
        if change.path in owned and change.before is not None
    ]
    if existing:
        raise TargetExistsError(existing)
    return overlay.write([_manifest_change(overlay, job, owned, recorded)]).changes()


def is_recorded(change: FileChange, recorded: Manifest | None) -> bool:
    """Whether a file is still as the tool wrote it, or as the user accepted it."""
    return (
        recorded is not None
        and change.before is not None
        and recorded.files.get(change.path) == digest(change.before)
    )


def _read_sft(tree: Tree, layout: Layout, spec: ModelSpec) -> Sft:
    """Return how to train on demonstrations; a model made without that stays without."""
    sft, recorded = read_sft(tree), read_manifest(tree, spec.name)
    module = sft_module(layout.modules(spec).values(), spec)
    if recorded is not None and module not in recorded.files:
        return replace(sft, worker=None)
    return sft


def _refuse_taken_name(tree: Tree, layout: Layout, name: str) -> None:
    where = []
    registered = {key.lower(): place for key, place in layout.model_types(tree).items()}
    if name in registered:
        where.append(f"a registered model at {registered[name]}")
    package = POLICIES / name
    if package in tree.folders(POLICIES):
        where.append(f"the package {package}")
    for path in (
        package.with_suffix(".py"),
        POLICIES / f"{name}_action_model.py",
        model_yaml_path(name),
    ):
        if tree.read(path) is not None:
            where.append(f"the file {path}")
    if where:
        raise NameTakenError(name, where)


def _refuse_other_answers(recorded: Manifest, job: Job) -> None:
    before = {**asdict(recorded.spec), **_base_answers(recorded.base)}
    after = {**asdict(job.spec), **_base_answers(job.base)}
    differences = [
        f"{key} was {before[key]!r}, now {after[key]!r}"
        for key in before
        if before[key] != after[key]
    ]
    if differences:
        raise AnswersChangedError(job.spec.name, differences)


def _base_answers(base: Base) -> dict[str, object]:
    """Return what the answer to --base says of a model's files."""
    return {
        "base": base.class_name,
        "hidden_size": base.hidden_size,
        "vocab_size": base.vocab_size,
    }


def _manifest_change(
    tree: Tree, job: Job, owned: set[PurePosixPath], recorded: Manifest | None
) -> FileChange:
    files = dict(recorded.files) if recorded else {}
    files.update({path: digest(tree.read(path) or "") for path in owned})
    manifest = Manifest(
        spec=job.spec,
        base=recorded.base if recorded else job.base,
        layout=job.layout.name,
        contract=job.contract.name,
        tool=recorded.tool if recorded else __version__,
        files=files,
    )
    before = tree.read(manifest.path)
    return FileChange(manifest.path, before=before, after=manifest.to_text())
