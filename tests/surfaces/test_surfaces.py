from __future__ import annotations

import pytest
from trees import TREES, job_for

from rlinf_scaffold.checkout import Overlay
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Surface, all_surfaces

SPEC = ModelSpec(name="foo")
# Surfaces that only some generations have.
WITHOUT_SFT = {*TREES} - {"enum_imports", "registry"}
ABSENT = {
    "SFT data": WITHOUT_SFT,
    "SFT dataloader": WITHOUT_SFT,
    "SFT recipe": WITHOUT_SFT,
    "model YAML": {"string_chain", "vla_string_chain"},
    "observations": {*TREES} - {"string_chain"},
}


def test_every_surface_has_a_name_of_its_own() -> None:
    names = [surface.name for surface in all_surfaces()]
    assert len({*names}) == len(names) > 0


@pytest.mark.parametrize("layout", TREES)
@pytest.mark.parametrize("surface", all_surfaces(), ids=lambda surface: surface.name)
def test_plans_something_once(surface: Surface, layout: str) -> None:
    tree = TREES[layout]
    job = job_for(tree, SPEC)
    planned = Overlay(tree).write(surface.plan(tree, job))
    assert bool(planned.changes()) is (layout not in ABSENT.get(surface.name, ()))
    assert all("foo" in change.diff() for change in planned.changes())
    again = planned.write(surface.plan(planned, job))
    assert again.changes() == planned.changes()


@pytest.mark.parametrize("layout", TREES)
def test_no_two_surfaces_touch_one_file(layout: str) -> None:
    tree = TREES[layout]
    job = job_for(tree, SPEC)
    paths = [
        change.path
        for surface in all_surfaces()
        for change in surface.plan(tree, job)
        if not change.is_empty
    ]
    assert len({*paths}) == len(paths)
