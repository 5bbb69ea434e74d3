"""One module per trap that a checkout sets for a generated model; each ends in one Trap."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.sites import Line, Site
from rlinf_scaffold.surfaces import Job


@dataclass(frozen=True, slots=True)
class Ground:
    """What a trap is looked for in.

    Attributes:
        tree: the checkout.
        job: the model that is, or will be, scaffolded there.
        sites: where the checkout tells models apart.
        acting: the model types that act, as far as the checkout says.
    """

    tree: Tree
    job: Job
    sites: tuple[Site, ...] = ()
    acting: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snag:
    """One place that is set wrong for the model, and what to know about it."""

    line: Line
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """Something in a checkout that the generated model cannot make harmless.

    Attributes:
        name: what it is about.
        rank: how early it is to be said; what stops a run comes before what costs.
        find: where it is in a checkout; nowhere, where it does not apply.
    """

    name: str
    rank: int
    find: Callable[[Ground], Iterable[Snag]]


def all_traps() -> tuple[Trap, ...]:
    """Return every trap of this package, the most important first."""
    traps = discover(sys.modules[__name__], Trap)
    return tuple(sorted(traps, key=lambda trap: (trap.rank, trap.name)))


def find_snags(ground: Ground) -> tuple[Snag, ...]:
    """Return every snag, the most important first."""
    return tuple(snag for trap in all_traps() for snag in trap.find(ground))
