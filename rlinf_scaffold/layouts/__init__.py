"""One module per generation of RLinf's registration; each ends in one Layout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.errors import UnknownLayoutError
from rlinf_scaffold.spec import Base, ModelSpec

CONFIG = PurePosixPath("rlinf/config.py")
LOADER = PurePosixPath("rlinf/models/__init__.py")
POLICIES = PurePosixPath("rlinf/models/embodiment")


@dataclass(frozen=True, slots=True)
class Detection:
    """What a layout found of itself in a checkout.

    Attributes:
        found: facts that speak for it, each with file and line.
        missing: what it looked for and did not find; empty means that it matches.
    """

    found: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one generation of RLinf registers and loads a model.

    Attributes:
        name: what ``inspect`` and ``golden/`` call it.
        title: one line for people.
        detect: reads the syntax trees and says what it found.
        model_types: every model type already wired, and where (``path:line``).
        register: ``rlinf/config.py`` with the model among the supported ones.
        load: ``rlinf/models/__init__.py`` with the model's loader branch or builder.
        modules: the templates of the model's own modules, and the files they become.
    """

    name: str
    title: str
    detect: Callable[[Tree], Detection]
    model_types: Callable[[Tree], Mapping[str, str]]
    register: Callable[[str, ModelSpec], str]
    load: Callable[[str, ModelSpec, Base], str]
    modules: Callable[[ModelSpec], Mapping[str, PurePosixPath]]


def all_layouts() -> tuple[Layout, ...]:
    """Return every layout of this package."""
    return discover(sys.modules[__name__], Layout)


def detect_layout(tree: Tree) -> Layout:
    """Return the one layout that matches.

    Raises:
        UnknownLayoutError: none does, or several do; says what each one missed.
        SourceSyntaxError: a file to read does not parse.
    """
    detections = {layout.name: layout.detect(tree) for layout in all_layouts()}
    matching = [
        layout for layout in all_layouts() if not detections[layout.name].missing
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        findings = [
            f"{layout.name} ({layout.title}) matches: "
            + "; ".join(detections[layout.name].found)
            for layout in matching
        ]
    else:
        findings = [
            f"{layout.name} ({layout.title}): "
            f"found {'; '.join(detections[layout.name].found) or 'nothing of it'}; "
            f"missing {'; '.join(detections[layout.name].missing)}"
            for layout in all_layouts()
        ]
    raise UnknownLayoutError("registration", findings)
