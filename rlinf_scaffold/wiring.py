"""Where a checkout wires its models, and what a layout needs to find there."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.syntax import headline

CONFIG = PurePosixPath("rlinf/config.py")
LOADER = PurePosixPath("rlinf/models/__init__.py")
POLICIES = PurePosixPath("rlinf/models/embodiment")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a layout needs of a checkout.

    Attributes:
        what: the thing, in words.
        path: the file that it belongs in.
        node: the statement that is it, or that stands in its place, if any does.
        holds: whether it is there as the layout needs it.
        remedy: what to do for it to hold, where that is not to write it there.
    """

    what: str
    path: PurePosixPath
    node: ast.stmt | None
    holds: bool
    remedy: str = ""

    def __str__(self) -> str:
        if self.node is None:
            return f"{self.what} in {self.path}"
        if self.holds:
            return f"{self.what} at {self.path}:{self.node.lineno}"
        there = f"{self.path}:{self.node.lineno} has `{headline(self.node)}`"
        return f"{self.what} ({there})"

    @property
    def hand_edit(self) -> str:
        """What to do for it to hold."""
        if self.remedy:
            return self.remedy
        if self.node is None:
            return f"write {self.what} in {self.path}"
        return f"write {self.what} in place of {self.path}:{self.node.lineno}"


def flat_module(spec: ModelSpec) -> Mapping[str, PurePosixPath]:
    """Return the templates of a model that is one module, and what they become."""
    return {_action_model(spec): POLICIES / f"{spec.name}_action_model.py"}


def package(spec: ModelSpec) -> Mapping[str, PurePosixPath]:
    """Return the templates of a model that is a package, and what they become."""
    folder = POLICIES / spec.name
    return {
        "model/package.py.j2": folder / "__init__.py",
        _action_model(spec): folder / f"{spec.name}_action_model.py",
    }


def _action_model(spec: ModelSpec) -> str:
    return f"model/{spec.head}_action_model.py.j2"
