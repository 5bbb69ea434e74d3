"""What each site does for one model, and what that means."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from rlinf_scaffold.sites import Arm, Site
from rlinf_scaffold.sites.features import refuses
from rlinf_scaffold.sites.meanings import (
    CRASH,
    ELSEWHERE,
    MEANINGS,
    OK,
    UNKNOWN,
    Meaning,
)
from rlinf_scaffold.sites.vocabulary import Vocabulary
from rlinf_scaffold.sites.wording import NOTHING
from rlinf_scaffold.wiring import LOADER, POLICIES


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one model fares at one site.

    Attributes:
        site: the place.
        arm: the way that the model takes.
        is_named: whether the model is spelled out there.
        about: what the site is about, where it is of a known kind.
        outcome: ``ok``, ``silent`` for other numbers without an error, ``crash``,
            ``unknown``, or ``elsewhere`` where the model does not come; empty for a
            model that was not generated.
        sentence: what happens there.
    """

    site: Site
    arm: Arm
    is_named: bool
    about: str
    outcome: str
    sentence: str


def judge(
    sites: Iterable[Site], name: str, vocabulary: Vocabulary, *, generated: bool
) -> tuple[Verdict, ...]:
    """Return what each site does for a model.

    Args:
        sites: what was found in the checkout.
        name: the model's type, known to the checkout or not.
        vocabulary: the checkout's model types.
        generated: whether the model is, or will be, one that was scaffolded.
    """
    sites = tuple(sites)
    near = embodied_types(sites, vocabulary) | {name}
    return tuple(_judge(site, name, sites, near, generated) for site in sites)


def embodied_types(sites: Iterable[Site], vocabulary: Vocabulary) -> frozenset[str]:
    """Return the model types that act: those said to, or loaded; all, if none are."""
    loaded = {name for it in sites if it.path == LOADER for name in it.named}
    return frozenset({*vocabulary.embodied, *loaded} or vocabulary.types)


def _judge(
    site: Site,
    name: str,
    sites: tuple[Site, ...],
    near: frozenset[str],
    generated: bool,
) -> Verdict:
    arm, named = site.arm_for(name), name in site.named
    meaning = meaning_of(site)
    away = _elsewhere(site, name, sites, near)
    if away:
        outcome, sentence = ELSEWHERE, away
    elif not generated:
        outcome, sentence = "", said(arm)
    elif meaning is None:
        outcome, sentence = _described(site, arm)
    elif named and not meaning.always:
        outcome, sentence = OK, meaning.named or said(arm)
    else:
        outcome = meaning.outcome
        sentence = meaning.unnamed or _described(site, arm)[1]
    return Verdict(site, arm, named, meaning.name if meaning else "", outcome, sentence)


def _elsewhere(
    site: Site, name: str, sites: tuple[Site, ...], near: frozenset[str]
) -> str:
    """Return why a model does not come to a site, if it is certain that it does not."""
    if near.isdisjoint(site.named):
        return "tells apart models that do not act"
    if name not in site.named and _is_others_code(site):
        return "code of another model"
    for other in sites:
        if other.path == site.path and other is not site:
            taken = other.arm_for(name)
            if any(arm is not taken and _holds(arm, site.line) for arm in other.arms):
                return f"within what others take at line {other.line}"
    return ""


def _holds(arm: Arm, line: int) -> bool:
    return any(
        isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)
        for node in arm.body
    )


def meaning_of(site: Site) -> Meaning | None:
    """Return the kind that a site is of, if it is a known one."""
    return next((it for it in MEANINGS if it.knows(site)), None)


def _is_others_code(site: Site) -> bool:
    return site.path.is_relative_to(POLICIES) and len(site.path.parts) > 4


def _described(site: Site, arm: Arm) -> tuple[str, str]:
    """Return the outcome at a site of no known kind, from its code alone."""
    if refuses(arm):
        return CRASH, f"{arm.does} where this is called"
    if arm is site.default and all(refuses(it) for it in site.arms):
        return OK, "not refused, as others are"
    if arm is site.default and arm.does == NOTHING:
        named = "; ".join(dict.fromkeys(it.does for it in site.arms))
        return UNKNOWN, f"left out of: {named}"
    return UNKNOWN, said(arm)


def said(arm: Arm) -> str:
    """Return what an arm does, and that it asks for more where it does."""
    return arm.does if arm.exact else f"{arm.does}, if the rest of the test holds"
