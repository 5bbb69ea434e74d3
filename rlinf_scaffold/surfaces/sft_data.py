"""rlinf/models/embodiment/: what loads the demonstrations of the model."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.rendering import render
from rlinf_scaffold.sft import dotted, sft_module
from rlinf_scaffold.surfaces import Job, Surface


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    if job.sft.worker is None:
        return
    path = sft_module(job.layout.modules(job.spec).values(), job.spec)
    text = render("model/sft_data.py.j2", {**job.values, "module": dotted(path)})
    yield FileChange(path, before=tree.read(path), after=text)


surface = Surface(
    name="SFT data",
    title="demonstrations read from LeRobot datasets",
    plan=_plan,
    owns_files=True,
)
