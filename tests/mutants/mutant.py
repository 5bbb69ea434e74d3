"""What a seeded defect is, and what it is seeded in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import Overlay, Tree

NAME = "foo"
_PACKAGE = PurePosixPath("rlinf/models/embodiment", NAME)
_RECIPES = PurePosixPath("examples/embodiment/config")


@dataclass(frozen=True, slots=True)
class Subject:
    """A scaffolded practice checkout that defects are seeded in.

    Attributes:
        name: what the page calls it.
        layout: the practice checkout.
        base: the class that the policy extends.
        head: how it acts.
        state: how its prompts hold the state.
    """

    name: str
    layout: str
    base: str
    head: str = "tokens"
    state: str = "text"


TEXT = Subject("text", "registry", "LlamaForCausalLM")
POSITIONS = Subject("learnt positions, tied", "registry", "GPT2LMHeadModel")
IMAGES = Subject("images", "registry", "LlavaForConditionalGeneration")
GAUSSIAN = Subject("Gaussian", "registry", "LlamaForCausalLM", "regression")
FLOW = Subject("flow matching", "registry", "LlamaForCausalLM", "flow")
STATES = Subject("projected states", "registry", "LlamaForCausalLM", state="token")
LOGITS = Subject("logits", "string_chain", "LlamaForCausalLM")


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of a file, which must be there exactly once, and what replaces it."""

    path: PurePosixPath
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A scaffolded model with one defect.

    Attributes:
        name: what the page calls it.
        wrong: the defect, in one sentence.
        edits: what seeds it.
        subject: what it is seeded in.
    """

    name: str
    wrong: str
    edits: tuple[Edit, ...]
    subject: Subject = TEXT


class StaleMutantError(Exception):
    """What a mutant replaces is not there, or more than once."""

    def __init__(self, mutant: Mutant, edit: Edit, count: int) -> None:
        super().__init__(
            f"{mutant.name!r}: {edit.path} has {count} times, instead of once:\n"
            f"{edit.old}"
        )


def mutant(name: str, wrong: str, *edits: Edit, of: Subject = TEXT) -> Mutant:
    """Return a mutant."""
    return Mutant(name, wrong, edits, of)


def policy(old: str, new: str) -> Edit:
    """Return an edit of the policy."""
    return Edit(_PACKAGE / f"{NAME}_action_model.py", old, new)


def loader(old: str, new: str) -> Edit:
    """Return an edit of the loader."""
    return Edit(_PACKAGE / "__init__.py", old, new)


def settings(old: str, new: str) -> Edit:
    """Return an edit of the model's YAML file."""
    return Edit(_RECIPES / "model" / f"{NAME}.yaml", old, new)


def recipe(old: str, new: str) -> Edit:
    """Return an edit of the recipe."""
    return Edit(_RECIPES / f"maniskill_ppo_{NAME}.yaml", old, new)


def models(old: str, new: str) -> Edit:
    """Return an edit of RLinf's registry of models."""
    return Edit(PurePosixPath("rlinf/models/__init__.py"), old, new)


def config(old: str, new: str) -> Edit:
    """Return an edit of RLinf's registry of model types."""
    return Edit(PurePosixPath("rlinf/config.py"), old, new)


def logits_policy(old: str, new: str) -> Edit:
    """Return an edit of the policy where a model is one module."""
    return Edit(_PACKAGE.with_name(f"{NAME}_action_model.py"), old, new)


def seed(tree: Tree, mutant: Mutant) -> ChangeSet:
    """Return what seeds a defect in a scaffolded checkout.

    Raises:
        StaleMutantError: it does not fit.
    """
    seeded = Overlay(tree)
    for edit in mutant.edits:
        before = seeded.read(edit.path) or ""
        count = before.count(edit.old)
        if count != 1:
            raise StaleMutantError(mutant, edit, count)
        after = before.replace(edit.old, edit.new)
        seeded = seeded.write([FileChange(edit.path, before=before, after=after)])
    return seeded.changes()
