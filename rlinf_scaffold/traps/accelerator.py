"""The loader asks for the platform of an accelerator that a machine may not have."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.engine import PLATFORM
from rlinf_scaffold.traps import Ground, Snag, Trap


def _find(ground: Ground) -> Iterator[Snag]:
    line = ground.job.engine.asks_platform
    if line is not None:
        yield Snag(
            line,
            f"get_model fails on a machine without an accelerator: {line} asks "
            f"{PLATFORM}, which is None there.",
        )


trap = Trap(name="no accelerator", rank=10, find=_find)
