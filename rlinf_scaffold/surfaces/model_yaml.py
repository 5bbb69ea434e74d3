"""examples/embodiment/config/model/: the defaults that recipes mount."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.recipes import model_yaml_path
from rlinf_scaffold.rendering import render
from rlinf_scaffold.surfaces import Job, Surface


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    if not job.recipes.has_model_file:
        return
    path = model_yaml_path(job.spec.name)
    text = render("model.yaml.j2", job.values)
    yield FileChange(path, before=tree.read(path), after=text)


surface = Surface(
    name="model YAML",
    title="model defaults that recipes mount",
    plan=_plan,
    owns_files=True,
)
