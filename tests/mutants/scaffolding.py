"""Checkouts that defects are seeded in."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath

from mutants.mutant import NAME, Subject

from rlinf_scaffold.bases import find_base
from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import MemoryTree, Overlay, Tree, walk_files
from rlinf_scaffold.commands.golden import practice_checkout
from rlinf_scaffold.layouts import all_layouts
from rlinf_scaffold.planner import plan, resolve
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces.recipe import choose_recipe

SPEC = ModelSpec(name=NAME)


@cache
def scaffolded(subject: Subject) -> Tree:
    """Return a practice checkout with the model in it; the shipped catalogue answers."""
    layout = next(it for it in all_layouts() if it.name == subject.layout)
    tree = practice_checkout(layout)
    paths = walk_files(tree, PurePosixPath())
    practice = MemoryTree({path: tree.read(path) or "" for path in paths})
    asked = replace(SPEC, head=subject.head, state=subject.state)
    spec = replace(asked, recipe=str(choose_recipe(practice, asked)))
    job = resolve(practice, spec, find_base(subject.base, ()))
    return Overlay(practice).write(plan(practice, job))


def whole(tree: Tree) -> ChangeSet:
    """Return what writes a tree into an empty folder."""
    return ChangeSet.of(
        FileChange(path, before=None, after=tree.read(path))
        for path in walk_files(tree, PurePosixPath())
    )
