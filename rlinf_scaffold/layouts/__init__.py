"""One module per generation of RLinf's registration; each ends in one Layout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.matching import Check, match
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.wiring import CONFIG, LOADER, POLICIES

__all__ = [
    "CONFIG",
    "LOADER",
    "POLICIES",
    "Check",
    "Layout",
    "all_layouts",
    "detect_layout",
    "match_layout",
]


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
        load: ``rlinf/models/__init__.py`` with the model's loader branch or builder,
            from what every template is given.
        modules: the templates of the model's own modules, and the files they become.
        type_key: what a model's settings call its type.
        loader_takes_path: whether ``get_model`` is given the checkpoint's folder too,
            as its first argument.
        has_guide_keys: whether settings also go by the names of RLinf's guide, such as
            ``action_token_len``.
    """

    name: str
    title: str
    detect: Callable[[Tree], tuple[Check, ...]]
    model_types: Callable[[Tree], Mapping[str, str]]
    register: Callable[[str, ModelSpec], str]
    load: Callable[[str, ModelSpec, Mapping[str, object]], str]
    modules: Callable[[ModelSpec], Mapping[str, PurePosixPath]]
    type_key: str = "model_type"
    loader_takes_path: bool = False
    has_guide_keys: bool = False


def all_layouts() -> tuple[Layout, ...]:
    """Return every layout of this package."""
    return discover(sys.modules[__name__], Layout)


def detect_layout(tree: Tree) -> Layout:
    """Return the one layout of this package that matches, as `match_layout`."""
    return match_layout(tree, all_layouts())


def match_layout(tree: Tree, layouts: Sequence[Layout]) -> Layout:
    """Return the one layout that matches.

    Raises:
        UnknownLayoutError: none does, or several do; says what the nearest misses.
        SourceSyntaxError: a file to read does not parse.
    """
    return match("registration", {layout: layout.detect(tree) for layout in layouts})
