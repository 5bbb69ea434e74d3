"""One module per generation of RLinf's registration; each ends in one Layout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.errors import UnknownLayoutError
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.wiring import CONFIG, LOADER, POLICIES, Check

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
    raise UnknownLayoutError("registration", [*_findings(checks, matching)])


def _findings(
    checks: Mapping[Layout, Sequence[Check]], matching: Sequence[Layout]
) -> Iterator[str]:
    """Yield what was found and what to do about it, the nearest layout first."""
    if matching:
        for layout in matching:
            yield f"{layout.name} ({layout.title}): all of it is there"
        yield "by hand: take all but one away, then run again"
        return
    nearest = max(checks, key=lambda layout: _share(checks[layout]))
    needs = checks[nearest]
    yield f"nearest to {nearest.name} ({nearest.title}): {_count(needs)} are there"
    missing = [check for check in needs if not check.holds]
    for check in missing:
        yield f"missing {check}"
    others = [layout for layout in checks if layout is not nearest]
    if others:
        counts = (f"{layout.name} {_count(checks[layout])}" for layout in others)
        yield f"further off: {', '.join(counts)}"
    edits = "; ".join(check.hand_edit for check in missing)
    yield f"by hand: {edits}; then run again"


def _share(checks: Sequence[Check]) -> float:
    return sum(check.holds for check in checks) / len(checks)


def _count(checks: Sequence[Check]) -> str:
    return f"{sum(check.holds for check in checks)} of {len(checks)}"
