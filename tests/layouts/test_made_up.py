"""A generation that never was: one file, its templates shared, and nothing else."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from trees import TREES, job_for

import rlinf_scaffold.layouts
from rlinf_scaffold.checkout import MemoryTree, Overlay
from rlinf_scaffold.commands.inspect import read_axes
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.errors import NameTakenError, UnknownLayoutError
from rlinf_scaffold.layouts import detect_layout
from rlinf_scaffold.planner import plan, resolve
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.wiring import CONFIG, LOADER

FOO = ModelSpec(name="foo")
LAYOUT = '''\
"""Tables of names, and modules that are found by them."""

from rlinf_scaffold.codemods.collections import append_element
from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.layouts import Layout
from rlinf_scaffold.matching import Check
from rlinf_scaffold.syntax import find_assignment, parse
from rlinf_scaffold.wiring import CONFIG, LOADER, package


def _table(tree, path, name):
    found = find_assignment(parse(tree.read(path) or "", path).body, name)
    return Check(f"table {name}", path, found and found.node, found is not None)


def _add(source, path, table, entry):
    return source if entry in source else edit(
        source, path, append_element(path, table, entry)
    )


layout = Layout(
    name="tables",
    title="tables of names",
    detect=lambda tree: (
        _table(tree, CONFIG, "MODELS"), _table(tree, LOADER, "MODULES")
    ),
    model_types=lambda tree: {"openvla": str(CONFIG)},
    register=lambda source, spec: _add(source, CONFIG, "MODELS", f'"{spec.name}"'),
    load=lambda source, spec, values: _add(
        source, LOADER, "MODULES", f'("{spec.name}", "{values["base"].class_name}")'
    ),
    modules=package,
)
'''
CONFIG_SOURCE = 'MODELS = (\n    "openvla",  # the first\n)\n'
LOADER_SOURCE = 'MODULES = [("openvla", "OpenVLA")]\n'


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryTree]:
    """A checkout of that generation, while the tool has its file."""
    (tmp_path / "tables.py").write_text(LAYOUT)
    monkeypatch.setattr(
        rlinf_scaffold.layouts,
        "__path__",
        [*rlinf_scaffold.layouts.__path__, str(tmp_path)],
    )
    discover.cache_clear()
    contents = {**TREES["registry"].contents}
    contents[CONFIG] = CONFIG_SOURCE
    contents[LOADER] = LOADER_SOURCE
    yield MemoryTree(contents)
    discover.cache_clear()
    sys.modules.pop("rlinf_scaffold.layouts.tables", None)


def test_is_unknown_without_its_file() -> None:
    contents = {**TREES["registry"].contents, CONFIG: CONFIG_SOURCE}
    with pytest.raises(UnknownLayoutError):
        detect_layout(MemoryTree({**contents, LOADER: LOADER_SOURCE}))


def test_is_found_and_planned(made_up: MemoryTree) -> None:
    assert detect_layout(made_up).name == "tables"
    job = job_for(made_up, FOO)
    after = Overlay(made_up).write(plan(made_up, job))
    assert after.read(CONFIG) == (
        'MODELS = (\n    "openvla",  # the first\n    "foo",\n)\n'
    )
    assert after.read(LOADER) == (
        'MODULES = [("openvla", "OpenVLA"), ("foo", "LlamaForCausalLM")]\n'
    )
    assert not plan(after, job)
    for change in after.changes():
        if change.path.suffix == ".py":
            ast.parse(change.after or "")


def test_is_inspected_and_its_names_are_taken(made_up: MemoryTree) -> None:
    registration = read_axes(made_up)[0]
    assert registration.name == "tables"
    assert registration.reasons == (
        f"table MODELS at {CONFIG}:1",
        f"table MODULES at {LOADER}:1",
    )
    with pytest.raises(NameTakenError, match=r"rlinf/config\.py"):
        resolve(made_up, replace(FOO, name="openvla"), job_for(made_up, FOO).base)


def test_leaves_the_others_as_they_are(made_up: MemoryTree) -> None:
    for name, tree in TREES.items():
        assert detect_layout(tree).name == name
