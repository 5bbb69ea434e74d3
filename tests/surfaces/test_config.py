from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.layouts import CONFIG
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.config import surface

BuildJob = Callable[..., Job]


def test_is_what_the_layout_makes_of_the_file(job: BuildJob) -> None:
    plain = job(name="foo")
    layout = replace(
        plain.layout, register=lambda source, spec, *base: source + spec.name
    )
    (change,) = surface.plan(
        MemoryTree.of({str(CONFIG): "known "}), replace(plain, layout=layout)
    )
    assert change == FileChange(CONFIG, before="known ", after="known foo")


def test_changes_nothing_where_the_layout_changes_nothing(job: BuildJob) -> None:
    (change,) = surface.plan(MemoryTree.of({str(CONFIG): "wired"}), job())
    assert change.is_empty
