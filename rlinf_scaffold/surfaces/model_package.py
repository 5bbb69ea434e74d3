"""rlinf/models/embodiment/: the model's own modules."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.rendering import render
from rlinf_scaffold.surfaces import Job, Surface


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    for template, path in job.layout.modules(job.spec).items():
        text = render(template, job.values)
        yield FileChange(path, before=tree.read(path), after=text)


surface = Surface(
    name="model package",
    title="action model and loader",
    plan=_plan,
    owns_files=True,
)
