"""rlinf/config.py: the model among the supported ones."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.layouts import CONFIG
from rlinf_scaffold.surfaces import Job, Surface


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    source = tree.read(CONFIG) or ""
    yield FileChange(CONFIG, before=source, after=job.layout.register(source, job.spec))


surface = Surface(name="config", title="registered as a supported model", plan=_plan)
