"""Models that the rollout worker tells a mode lose their sampling parameters."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.sites.features import keys_replaced
from rlinf_scaffold.traps import Ground, Snag, Trap


def _find(ground: Ground) -> Iterator[Snag]:
    name = ground.job.spec.name
    for site in ground.sites:
        told = [arm for arm in site.arms if keys_replaced(arm) == {"mode"}]
        if not told:
            continue
        if site.arm_for(name) in told:
            sentence = (
                f"{site.where} gives {name} a mode instead of temperature and top-k: "
                "take it off that list to sample by them."
            )
        else:
            sentence = (
                f"{name} is not put on the list at {site.where}: models there are told "
                "a mode and lose temperature and top-k."
            )
        yield Snag(site.where, sentence)


trap = Trap(name="mode list", rank=80, find=_find)
