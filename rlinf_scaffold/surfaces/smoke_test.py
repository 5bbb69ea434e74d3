"""tests/unit_tests/: the proof that the model trains, alone and under FSDP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.native import read_native
from rlinf_scaffold.recipes import recipe_path
from rlinf_scaffold.rendering import render
from rlinf_scaffold.sft import RECIPES, dotted, sft_module
from rlinf_scaffold.surfaces import Job, Surface
from rlinf_scaffold.tiny import tiny_settings


def smoke_test_path(name: str) -> PurePosixPath:
    """Return where the smoke test of a model lies."""
    return PurePosixPath(f"tests/unit_tests/test_{name}_fsdp_smoke.py")


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    path = smoke_test_path(job.spec.name)
    source = PurePosixPath(job.spec.recipe)
    values = {
        **job.values,
        "path": path,
        "settings": job.settings,
        "recipe": recipe_path(source, job.spec),
        "native": read_native(tree),
        "tiny_settings": tiny_settings(job.base),
        "sft_recipes": RECIPES,
        "sft_worker": dotted(job.sft.worker) if job.sft.worker else "",
        "sft_data": dotted(sft_module(job.layout.modules(job.spec).values(), job.spec)),
    }
    text = render("smoke_test.py.j2", values)
    yield FileChange(path, before=tree.read(path), after=text)


surface = Surface(
    name="smoke test",
    title="proof that it trains, alone and under FSDP",
    plan=_plan,
    owns_files=True,
)
