from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from trees import LLAMA, TREES, job_for

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.sft import Sft
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces.sft_data import surface

JOB = job_for(TREES["registry"], ModelSpec(name="foo"))
SEEING = replace(LLAMA, modality="vision")
PATH = PurePosixPath("rlinf/models/embodiment/foo/sft_data.py")


def imported(source: str) -> set[str]:
    nodes = ast.walk(ast.parse(source))
    return {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def test_adds_nothing_without_a_worker_to_load_for() -> None:
    job = replace(JOB, sft=Sft(forward=True))
    assert not list(surface.plan(MemoryTree({}), job))


@pytest.mark.parametrize("resumes", [False, True])
@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("base", [LLAMA, SEEING], ids=["text", "vision"])
def test_imports_what_the_worker_asks_for(
    base: type, pairs: bool, resumes: bool
) -> None:
    sft = replace(JOB.sft, pairs=pairs, resumes=resumes)
    views = ("main_images",)
    job = replace(JOB, sft=sft, base=base, views=views)
    (change,) = surface.plan(MemoryTree({}), job)
    assert change.path == PATH
    modules = imported(change.after or "")
    assert ("torchdata.stateful_dataloader" in modules) is resumes
    assert ("torch.utils" in modules) is pairs
    assert ("PIL" in modules) is (base is SEEING)
    assert ("CAMERAS" in (change.after or "")) is (base is SEEING)


def test_a_model_that_is_one_module_has_another_beside_it() -> None:
    job = replace(JOB, layout=job_for(TREES["documented"], JOB.spec).layout)
    (change,) = surface.plan(MemoryTree({}), job)
    assert change.path == PurePosixPath("rlinf/models/embodiment/foo_sft_data.py")
