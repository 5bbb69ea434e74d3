"""Environments whose gripper is converted for the models that are named, and no other."""

from __future__ import annotations

from collections.abc import Iterator

from rlinf_scaffold.sites import Site
from rlinf_scaffold.sites.features import rescales_last_number
from rlinf_scaffold.traps import Ground, Snag, Trap

_PREFIX = "prepare_actions_for_"


def _find(ground: Ground) -> Iterator[Snag]:
    name = ground.job.spec.name
    sites = [
        site
        for site in ground.sites
        if site.function.startswith(_PREFIX)
        and any(rescales_last_number(arm) for arm in site.arms)
        and not rescales_last_number(site.arm_for(name))
    ]
    if sites:
        where = ", ".join(f"{_environment(site)} ({site.where})" for site in sites)
        models = sorted({name for site in sites for name in _converted(site)})
        yield Snag(
            sites[0].where,
            f"RLinf turns a gripper in [0, 1] to -1 or 1 for {', '.join(models)} alone: "
            f"{where}. There the dataset statistics of {name} must scale it as the "
            "environment wants it, or its name be added.",
        )


def _environment(site: Site) -> str:
    return site.function.removeprefix(_PREFIX)


def _converted(site: Site) -> Iterator[str]:
    for arm in site.arms:
        if rescales_last_number(arm):
            yield from arm.named


trap = Trap(name="gripper", rank=60, find=_find)
