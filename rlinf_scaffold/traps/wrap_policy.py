"""FSDP's strategy does not hand its settings to the function that makes the policy."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.engine import WRAP_POLICY
from rlinf_scaffold.traps import Ground, Snag, Trap


def _find(ground: Ground) -> Iterator[Snag]:
    line = ground.job.engine.ignores_config
    if line is not None:
        yield Snag(
            line,
            f"fsdp_config.wrap_policy is ignored: {line} calls {WRAP_POLICY} without "
            "it, so the base's own _no_split_modules decide.",
        )


trap = Trap(name="wrap policy", rank=30, find=_find)
