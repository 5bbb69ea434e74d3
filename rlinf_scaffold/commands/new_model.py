"""Scaffold a model: read the checkout, plan, show or apply, prove."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rlinf_scaffold.apply import apply, recover
from rlinf_scaffold.bases import find_base
from rlinf_scaffold.bases.hub import the_hub
from rlinf_scaffold.changes import ChangeSet, Kind
from rlinf_scaffold.checkout import Checkout, find_checkout
from rlinf_scaffold.errors import DirtyFilesError
from rlinf_scaffold.git import dirty_files
from rlinf_scaffold.manifest import read_manifest
from rlinf_scaffold.notes import notes
from rlinf_scaffold.planner import plan, resolve
from rlinf_scaffold.smoke.interpreter import (
    Interpreter,
    find_python,
    probe_interpreter,
    require,
)
from rlinf_scaffold.smoke.run import Event, SmokeReport
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.recipe import choose_recipe

from . import prove


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for, beyond the model's own answers."""

    spec: ModelSpec
    base: str
    checkout: Path
    python: Path | None = None
    smoke: bool = True
    dry_run: bool = False
    allow_dirty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was planned, whether it was written, and how the proof ended."""

    checkout: Checkout
    job: Job
    changes: ChangeSet
    applied: bool
    notes: tuple[str, ...]
    smoke: SmokeReport | None = None


def new_model(
    request: Request,
    *,
    confirm: Callable[[Outcome], bool],
    on_event: Callable[[Event], None],
) -> Outcome:
    """Scaffold a model and prove it.

    Args:
        request: the answers.
        confirm: shown the plan before anything is written; False leaves it unwritten.
        on_event: told of every proof as it runs.

    Raises:
        ScaffoldError: bad input, in which case nothing was written.
    """
    checkout = find_checkout(request.checkout)
    recover(checkout)
    python = probe_interpreter(find_python(checkout.root, request.python))
    if request.smoke and not request.dry_run:
        require(python)
    job = _resolve(checkout, request, python)
    changes = plan(checkout, job)
    if not request.allow_dirty:
        _refuse_dirty(checkout, changes)
    outcome = Outcome(
        checkout=checkout,
        job=job,
        changes=changes,
        applied=False,
        notes=notes(checkout, job),
    )
    if request.dry_run or not confirm(outcome):
        return outcome
    apply(checkout, changes, job.spec.name)
    outcome = replace(outcome, applied=True)
    if not request.smoke:
        return outcome
    report = prove.run(checkout, job.spec, python.python, on_event=on_event)
    return replace(outcome, smoke=report)


def _resolve(checkout: Checkout, request: Request, python: Interpreter) -> Job:
    spec = request.spec
    hub = the_hub(os.environ, python.python)
    base = find_base(
        request.base, python.search_path, hub, trust=spec.trust_remote_code
    )
    recorded = read_manifest(checkout, spec.name)
    if recorded is not None:
        # A class may have other defaults by now; a folder says what it holds.
        if base.checkpoint is None and base.class_name == recorded.base.class_name:
            base = recorded.base
        spec = replace(spec, recipe=spec.recipe or recorded.spec.recipe)
    job = resolve(checkout, spec, base)
    recipe = choose_recipe(checkout, spec)
    return replace(job, spec=replace(spec, recipe=str(recipe)))


def _refuse_dirty(checkout: Checkout, changes: ChangeSet) -> None:
    touched = [change.path for change in changes if change.kind is not Kind.CREATE]
    dirty = dirty_files(checkout.root, touched)
    if dirty:
        raise DirtyFilesError(dirty)
