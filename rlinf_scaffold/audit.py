"""Whether a scaffolded model still stands as it was generated, and agrees with itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import detect_contract
from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    ScaffoldError,
    SourceSyntaxError,
    UnknownLayoutError,
    WiringChangedError,
)
from rlinf_scaffold.inserters.yaml import has_key, read_value
from rlinf_scaffold.layouts import detect_layout
from rlinf_scaffold.manifest import Manifest, digest
from rlinf_scaffold.planner import is_recorded, resolve
from rlinf_scaffold.recipes import recipe_path
from rlinf_scaffold.surfaces import Job, Surface, all_surfaces
from rlinf_scaffold.syntax import find_class, parse


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        model: the scaffolded model.
        surface: where RLinf should know it.
        path: the file.
        line: where in the file, as far as that can be told.
        problem: ``missing``, ``edited`` or ``disagrees``.
        message: what is wrong, and what was expected.
    """

    model: str
    surface: str
    path: PurePosixPath
    line: int
    problem: str
    message: str


def audit(tree: Tree, manifest: Manifest) -> tuple[Finding, ...]:
    """Return everything that is missing, edited or inconsistent, in stable order."""
    try:
        job = resolve(tree, manifest.spec, manifest.base)
    except (SourceSyntaxError, UnknownLayoutError) as error:
        return (_trouble(manifest, "layout", error),)
    stands = all(
        (text := tree.read(path)) is not None and digest(text) == recorded
        for path, recorded in manifest.files.items()
    )
    # What stands as it was recorded needs no rendering, nor what it was derived from.
    return (
        *(
            finding
            for surface in all_surfaces()
            if not (surface.owns_files and stands)
            for finding in _audit_surface(tree, job, surface, manifest)
        ),
        *_audit_agreement(tree, job, manifest),
    )


def accept(tree: Tree, manifest: Manifest) -> ChangeSet:
    """Return the change that records the model's own files as they now are.

    A file that is missing stays on record, and missing.
    """
    files = {
        path: recorded if (text := tree.read(path)) is None else digest(text)
        for path, recorded in manifest.files.items()
    }
    accepted = replace(
        manifest,
        files=files,
        layout=detect_layout(tree).name,
        contract=detect_contract(tree).name,
    )
    before = tree.read(manifest.path)
    change = FileChange(manifest.path, before=before, after=accepted.to_text())
    return ChangeSet.of([change])


def _audit_surface(
    tree: Tree, job: Job, surface: Surface, manifest: Manifest
) -> Iterator[Finding]:
    try:
        for change in surface.plan(tree, job):
            if not change.is_empty and not (
                surface.owns_files and is_recorded(change, manifest)
            ):
                yield _describe(surface, change, manifest)
    except ScaffoldError as error:
        yield _trouble(manifest, surface.name, error)


def _trouble(manifest: Manifest, surface: str, error: ScaffoldError) -> Finding:
    """Return what keeps a surface from being compared, where it is known to be."""
    path, line, problem = manifest.path, 1, "edited"
    if isinstance(error, (SourceSyntaxError, WiringChangedError)):
        path, line = PurePosixPath(error.path), error.line
    elif isinstance(error, AnchorNotFoundError):
        path, problem = PurePosixPath(error.path), "missing"
    return _finding(manifest, surface, path, line, problem, str(error))


def _describe(surface: Surface, change: FileChange, manifest: Manifest) -> Finding:
    if change.before is None:
        message = f"{change.path} is missing; `new-model` with the same answers adds it"
        return _finding(manifest, surface.name, change.path, 1, "missing", message)
    line, lost = _first_difference(change.before, change.after or "")
    if surface.owns_files:
        message = (
            f"{change.path}:{line}: edited since it was generated; if that is meant, "
            f"record it with `rlinf-scaffold check --accept {manifest.spec.name}`"
        )
        return _finding(manifest, surface.name, change.path, line, "edited", message)
    message = f"{change.path}:{line}: the wiring lacks {lost!r}"
    return _finding(manifest, surface.name, change.path, line, "missing", message)


def _first_difference(before: str, after: str) -> tuple[int, str]:
    """Return the line where they part, and the first line that only ``after`` has."""
    old, new = before.splitlines(), after.splitlines()
    for tag, start, _, first, last in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            lost = next((line.strip() for line in new[first:last] if line.strip()), "")
            return start + 1, lost
    return 1, ""


def _audit_agreement(tree: Tree, job: Job, manifest: Manifest) -> Iterator[Finding]:
    """Compare names and numbers that stand in several files, whoever wrote them."""
    settings, type_key = job.settings, job.layout.type_key
    recipe = recipe_path(PurePosixPath(job.spec.recipe), job.spec)
    held = {settings.path: settings.keys, recipe: ("actor", "model")}
    for path, at in held.items():
        yield from _audit_values(
            tree,
            manifest,
            path,
            (
                ((*at, type_key), job.spec.name),
                ((*at, "action_token_len"), (*at, "action_dim")),
                ((*at, "action_chunks_len"), (*at, "num_action_chunks")),
            ),
            # A recipe says again only what it changes in a file that it mounts.
            whole=path == settings.path,
        )
    for path in job.layout.modules(job.spec).values():
        text = tree.read(path)
        if text is None or not path.stem.endswith("_action_model"):
            continue
        try:
            module = parse(text, path)
        except SourceSyntaxError as error:
            yield _finding(
                manifest, "agreement", path, error.line, "disagrees", str(error)
            )
            continue
        if find_class(module.body, job.spec.class_name) is None:
            message = f"{path}: defines no class {job.spec.class_name}, which is loaded"
            yield _finding(manifest, "agreement", path, 1, "disagrees", message)


def _audit_values(
    tree: Tree,
    manifest: Manifest,
    path: PurePosixPath,
    expected: tuple[tuple[tuple[str, ...], str | tuple[str, ...]], ...],
    *,
    whole: bool,
) -> Iterator[Finding]:
    """Yield a finding for each key that is not the given value, or the other key's."""
    text = tree.read(path)
    if text is None:
        return  # its surface has said so
    for keys, wanted in expected:
        may_lack = [keys] if isinstance(wanted, tuple) else []
        if not whole:
            may_lack = [keys, wanted] if isinstance(wanted, tuple) else [keys]
        if not all(has_key(text, each, path=path) for each in may_lack):
            continue
        try:
            value = read_value(text, keys, path=path)
            other = wanted
            if isinstance(wanted, tuple):
                other = read_value(text, wanted, path=path)  # type: ignore[assignment]
        except ScaffoldError as error:
            yield _finding(manifest, "agreement", path, 1, "disagrees", str(error))
            continue
        if value != other:
            source = f" as {'.'.join(wanted)} is" if isinstance(wanted, tuple) else ""
            message = f"{path}: {'.'.join(keys)} is {value!r}, not {other!r}{source}"
            yield _finding(manifest, "agreement", path, 1, "disagrees", message)


def _finding(
    manifest: Manifest,
    surface: str,
    path: PurePosixPath,
    line: int,
    problem: str,
    message: str,
) -> Finding:
    return Finding(manifest.spec.name, surface, path, line, problem, message)
