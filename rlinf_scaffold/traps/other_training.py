"""Ways to train, or to run, that a policy does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import python_files
from rlinf_scaffold.sft import BUILDER
from rlinf_scaffold.sites import Line, Site
from rlinf_scaffold.sites.features import other_passes, refuses
from rlinf_scaffold.syntax import parse
from rlinf_scaffold.traps import Ground, Snag, Trap

_WORKERS = PurePosixPath("rlinf/workers")
_ACTORS = _WORKERS / "actor"


def _find(ground: Ground) -> Iterator[Snag]:
    name = ground.job.spec.name
    passes = dict(_passes(ground))
    if ground.job.sft.forward:
        passes.pop("sft", None)
    if passes:
        asked = ", ".join(
            f"{kind} ({line.path.relative_to(_ACTORS)}:{line.number})"
            for kind, line in passes.items()
        )
        yield Snag(
            next(iter(passes.values())),
            f"PPO and GRPO train {name}; other forward passes that {_ACTORS} asks for "
            f"end in an error: {asked}.",
        )
    refusals = [
        site
        for site in ground.sites
        if site.path.is_relative_to(_WORKERS)
        and refuses(site.arm_for(name))
        and not ground.acting.isdisjoint(site.named)
        and not _is_wired(site, ground)
    ]
    if refusals:
        where = ", ".join(
            f"{site.function.rpartition('.')[2]} ({site.where})" for site in refusals
        )
        yield Snag(refusals[0].where, f"These refuse {name} by its type: {where}.")


def _is_wired(site: Site, ground: Ground) -> bool:
    """Whether a site is where scaffolding has the model's demonstrations loaded."""
    builds = site.function.rpartition(".")[2] == BUILDER
    return builds and site.path == ground.job.sft.worker


def _passes(ground: Ground) -> Mapping[str, Line]:
    """Return the kinds of forward passes that actors ask for, and where first."""
    found: dict[str, Line] = {}
    for path in python_files(ground.tree, _ACTORS):
        source = ground.tree.read(path) or ""
        if "ForwardType" in source or "_forward" in source:
            for kind, line in other_passes(parse(source, path)):
                found.setdefault(kind, Line(path, line))
    return dict(sorted(found.items()))


trap = Trap(name="other training", rank=90, find=_find)
