"""Which of several kinds a checkout is of: what each needs, and the nearest of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from rlinf_scaffold.errors import UnknownLayoutError
from rlinf_scaffold.syntax import headline


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a kind of checkout has.

    Attributes:
        what: the thing, in words.
        path: the file that it belongs in.
        node: the statement that is it, or that stands in its place, if any does.
        holds: whether it is there as it must be.
        remedy: what to do for it to hold, where that is not to write it there.
    """

    what: str
    path: PurePosixPath
    node: ast.stmt | None
    holds: bool
    remedy: str = ""

    def __str__(self) -> str:
        if self.node is None:
            return f"{self.what} in {self.path}"
        if self.holds:
            return f"{self.what} at {self.path}:{self.node.lineno}"
        there = f"{self.path}:{self.node.lineno} has `{headline(self.node)}`"
        return f"{self.what} ({there})"

    @property
    def hand_edit(self) -> str:
        """What to do for it to hold."""
        if self.remedy:
            return self.remedy
        if self.node is None:
            return f"write {self.what} in {self.path}"
        return f"write {self.what} in place of {self.path}:{self.node.lineno}"


class Kind(Protocol):
    """A kind of checkout."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def title(self) -> str:
        """One line for people."""


AnyKind = TypeVar("AnyKind", bound=Kind)


def match(axis: str, checks: Mapping[AnyKind, Sequence[Check]]) -> AnyKind:
    """Return the one kind of which all checks hold.

    Raises:
        UnknownLayoutError: there is none, or several; says what the nearest misses.
    """
    matching = [kind for kind, needs in checks.items() if all(c.holds for c in needs)]
    if len(matching) == 1:
        return matching[0]
    raise UnknownLayoutError(axis, [*_findings(checks, matching)])


def _findings(
    checks: Mapping[AnyKind, Sequence[Check]], matching: Sequence[AnyKind]
) -> Iterator[str]:
    """Yield what was found and what to do about it, the nearest kind first."""
    if matching:
        for kind in matching:
            yield f"{kind.name} ({kind.title}): all of it is there"
        yield "by hand: take all but one away, then run again"
        return
    nearest = max(checks, key=lambda kind: _share(checks[kind]))
    needs = checks[nearest]
    yield f"nearest to {nearest.name} ({nearest.title}): {_count(needs)} are there"
    missing = [check for check in needs if not check.holds]
    for check in missing:
        yield f"missing {check}"
    others = [kind for kind in checks if kind is not nearest]
    if others:
        counts = (f"{kind.name} {_count(checks[kind])}" for kind in others)
        yield f"further off: {', '.join(counts)}"
    edits = "; ".join(check.hand_edit for check in missing)
    yield f"by hand: {edits}; then run again"


def _share(checks: Sequence[Check]) -> float:
    return sum(check.holds for check in checks) / len(checks)


def _count(checks: Sequence[Check]) -> str:
    return f"{sum(check.holds for check in checks)} of {len(checks)}"
