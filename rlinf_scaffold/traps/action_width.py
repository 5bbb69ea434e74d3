"""Environments that take fewer numbers than the model's actions have."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rlinf_scaffold.sites import Arm
from rlinf_scaffold.sites.features import nodes
from rlinf_scaffold.syntax import spelled
from rlinf_scaffold.traps import Ground, Snag, Trap

_PREFIX = "prepare_actions_for_"


def _find(ground: Ground) -> Iterator[Snag]:
    spec = ground.job.spec
    for site in ground.sites:
        arm = site.arm_for(spec.name)
        cut = [it for it in site.arms if spec.action_dim in _widths_cut(it)]
        if not site.function.startswith(_PREFIX) or not cut or arm in cut:
            continue
        environment = site.function.removeprefix(_PREFIX)
        yield Snag(
            site.where,
            f"{environment} takes fewer than {spec.action_dim} numbers, and {site.where} "
            f"cuts the actions of {', '.join(cut[0].named)} alone: scaffold for it "
            "with the --action-dim of the environment.",
        )


def _widths_cut(arm: Arm) -> Iterator[int]:
    """Yield the widths of actions that an arm makes narrower: ``x.shape[-1] == 7``."""
    for node in nodes(arm):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.Eq)
            and spelled(node.left).endswith(".shape[-1]")
            and isinstance(node.comparators[0], ast.Constant)
            and isinstance(node.comparators[0].value, int)
        ):
            yield node.comparators[0].value


trap = Trap(name="width of actions", rank=70, find=_find)
