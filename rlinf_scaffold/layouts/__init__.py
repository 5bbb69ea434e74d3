"""One module per generation of RLinf's registration; each ends in one Layout."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.errors import UnknownLayoutError
from rlinf_scaffold.spec import Base, ModelSpec
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
    """

    what: str
    path: PurePosixPath
    node: ast.stmt | None
    holds: bool

    def __str__(self) -> str:
        if self.node is None:
            return f"{self.what} in {self.path}"
        if self.holds:
            return f"{self.what} at {self.path}:{self.node.lineno}"
        there = f"line {self.node.lineno} has `{headline(self.node)}`"
        return f"{self.what} in {self.path} ({there})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one generation of RLinf registers and loads a model.

    Attributes:
        name: what ``inspect`` and ``golden/`` call it.
        title: one line for people.
        detect: what it needs of a checkout, read from the syntax trees; it matches
            where all of it holds.
        model_types: every model type already wired, and where (``path:line``).
        register: ``rlinf/config.py`` with the model among the supported ones.
        load: ``rlinf/models/__init__.py`` with the model's loader branch or builder.
        modules: the templates of the model's own modules, and the files they become.
        type_key: what a model's settings call its type.
        loader_takes_path: whether ``get_model`` is given the checkpoint's folder too,
            as its first argument.
    """

    name: str
    title: str
    detect: Callable[[Tree], tuple[Check, ...]]
    model_types: Callable[[Tree], Mapping[str, str]]
    register: Callable[[str, ModelSpec], str]
    load: Callable[[str, ModelSpec, Base], str]
    modules: Callable[[ModelSpec], Mapping[str, PurePosixPath]]
    type_key: str = "model_type"
    loader_takes_path: bool = False


def all_layouts() -> tuple[Layout, ...]:
    """Return every layout of this package."""
    return discover(sys.modules[__name__], Layout)


def detect_layout(tree: Tree) -> Layout:
    """Return the one layout of this package that matches, as `match_layout`."""
    return match_layout(tree, all_layouts())


def match_layout(tree: Tree, layouts: Sequence[Layout]) -> Layout:
    """Return the one layout that matches.

    Raises:
        UnknownLayoutError: none does, or several do; says what each one missed.
        SourceSyntaxError: a file to read does not parse.
    """
    checks = {layout: layout.detect(tree) for layout in layouts}
    matching = [
        layout for layout, needs in checks.items() if all(c.holds for c in needs)
    ]
    if len(matching) == 1:
        return matching[0]
    findings = [_finding(layout, needs) for layout, needs in checks.items()]
    verb = "take all but one away" if matching else "mend what one of them misses"
    raise UnknownLayoutError(
        "registration", [*findings, f"by hand: {verb}, then run again"]
    )


def _finding(layout: Layout, checks: Sequence[Check]) -> str:
    found = "; ".join(str(check) for check in checks if check.holds)
    missing = "; ".join(str(check) for check in checks if not check.holds)
    return (
        f"{layout.name} ({layout.title}): found {found or 'nothing of it'}; "
        f"missing {missing or 'nothing'}"
    )
