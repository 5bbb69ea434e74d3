from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from tools import NAMES, plant, ruff
from trees import TREES, job_for

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.layouts import POLICIES
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.model_package import surface

SETTINGS = templates_folder() / "checkouts" / "registry" / "pyproject.toml"
LICENCE = "# Copyright 2026 The RLinf Authors.\n#\n# Licensed under the Apache License"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", TREES)
def test_writes_modules_that_a_maintainer_would(
    layout: str, name: str, tmp_path: Path
) -> None:
    tree = TREES[layout]
    changes = [*surface.plan(tree, job_for(tree, ModelSpec(name=name)))]
    texts = {str(change.path): change.after or "" for change in changes}
    assert all(change.before is None for change in changes)
    assert all(POLICIES in change.path.parents for change in changes)
    for text in texts.values():
        assert text.startswith(LICENCE)
        assert ast.parse(text, feature_version=(3, 10))
        assert "rlinf_scaffold" not in text
    plant(tmp_path, {"pyproject.toml": SETTINGS.read_text(), **texts})
    formatted = ruff("format", "--diff", *texts, folder=tmp_path)
    assert formatted.returncode == 0, formatted.output
    linted = ruff("check", "--preview", *texts, folder=tmp_path)
    assert linted.returncode == 0, linted.output


def test_reads_what_is_there(job: Callable[..., Job]) -> None:
    path = PurePosixPath("rlinf/models/embodiment/foo/__init__.py")
    plain = job(name="foo")
    layout = replace(plain.layout, modules=lambda spec: {"model/package.py.j2": path})
    tree = MemoryTree.of({str(path): "mine"})
    (change,) = surface.plan(tree, replace(plain, layout=layout))
    assert (change.path, change.before) == (path, "mine")
    assert "FooForRLActionPrediction" in (change.after or "")
    assert surface.owns_files
