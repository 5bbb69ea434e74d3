"""rlinf/models/__init__.py: the branch or builder that loads the model."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.layouts import LOADER
from rlinf_scaffold.surfaces import Job, Surface


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    source = tree.read(LOADER) or ""
    after = job.layout.load(source, job.spec, job.values)
    yield FileChange(LOADER, before=source, after=after)


surface = Surface(name="loader", title="loaded by get_model", plan=_plan)
