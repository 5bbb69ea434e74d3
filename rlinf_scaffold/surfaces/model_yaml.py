"""examples/embodiment/config/model/: the defaults that recipes mount."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.rendering import render
from rlinf_scaffold.surfaces import Job, Surface


def model_yaml_path(name: str) -> PurePosixPath:
    """Return where the YAML file of a model lies."""
    return PurePosixPath(f"examples/embodiment/config/model/{name}.yaml")


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    path = model_yaml_path(job.spec.name)
    text = render("model.yaml.j2", job.values)
    yield FileChange(path, before=tree.read(path), after=text)


surface = Surface(
    name="model YAML",
    title="model defaults that recipes mount",
    plan=_plan,
    owns_files=True,
)
