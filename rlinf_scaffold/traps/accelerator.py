"""The loader asks for the platform of an accelerator that a machine may not have."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rlinf_scaffold.sites import Line
from rlinf_scaffold.syntax import parse, spelled, walk
from rlinf_scaffold.traps import Ground, Snag, Trap
from rlinf_scaffold.wiring import LOADER

_PLATFORM = "torch_platform"


def _find(ground: Ground) -> Iterator[Snag]:
    loader = parse(ground.tree.read(LOADER) or "", LOADER)
    for node in walk(loader):
        if isinstance(node, ast.If) and _asks(node.test) and not _checks(node.test):
            line = Line(LOADER, node.lineno)
            yield Snag(
                line,
                f"get_model fails on a machine without an accelerator: {line} asks "
                f"{_PLATFORM}, which is None there.",
            )


def _asks(test: ast.expr) -> bool:
    return f".{_PLATFORM}.is_available()" in spelled(test)


def _checks(test: ast.expr) -> bool:
    """Whether a test holds only where there is a platform."""
    return any(
        isinstance(part, (ast.Attribute, ast.Compare))
        and spelled(part).endswith((_PLATFORM, f"{_PLATFORM} is not None"))
        for part in (test.values if isinstance(test, ast.BoolOp) else [test])
    )


trap = Trap(name="no accelerator", rank=10, find=_find)
