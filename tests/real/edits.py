"""Where two people edited one text, and how their edits differ."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum


class Difference(Enum):
    """How what we write for a model differs from what was written by hand."""

    ELSEWHERE = "the same lines stand at another place"
    BODY = "the same first line, at the same place, begins another body"
    OURS = "lines of ours were not written"
    THEIRS = "lines were written that we do not write"


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines that took the place of others.

    Attributes:
        at: index of the first line that they follow or replace.
        removed: how many lines they replace.
        lines: the new lines.
    """

    at: int
    removed: int
    lines: tuple[str, ...]

    @property
    def places(self) -> frozenset[int]:
        """Where the new lines begin, if what they replace had stayed too."""
        return frozenset({self.at, self.at + self.removed})

    def holds(self, lines: Sequence[str]) -> bool:
        """Whether these lines, one after the other, are among the new ones."""
        starts = range(len(self.lines) - len(lines) + 1)
        return any(
            self.lines[start : start + len(lines)] == tuple(lines) for start in starts
        )


def edits(before: str, after: str) -> tuple[Edit, ...]:
    """Return the edits that make one text of another, blank lines aside."""
    old, new = (list(filter(str.strip, it.splitlines())) for it in (before, after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return tuple(
        _settled(old, Edit(first, last - first, tuple(new[start:end])))
        for tag, first, last, start, end in matcher.get_opcodes()
        if tag != "equal"
    )


def differences(ours: Sequence[Edit], theirs: Sequence[Edit]) -> Iterator[Difference]:
    """Yield how our edits differ from theirs, which may hold more than ours."""
    met: set[Edit] = set()
    for edit in ours:
        same = [it for it in theirs if it.holds(edit.lines)]
        begun = same or [it for it in theirs if it.holds(edit.lines[:1])]
        met.update(begun)
        if not begun:
            yield Difference.OURS
        elif not same:
            yield Difference.BODY
        if begun and not any(edit.places & it.places for it in begun):
            yield Difference.ELSEWHERE
    if not met.issuperset(theirs):
        yield Difference.THEIRS


def _settled(old: Sequence[str], edit: Edit) -> Edit:
    """Return the reading of an insertion that begins where a statement does.

    Lines that end as what stands above them, or begin as what follows, can be said to
    have been inserted at several places.
    """
    if edit.removed:
        return edit
    readings = [edit]
    at, lines = edit.at, edit.lines
    while at and old[at - 1] == lines[-1]:
        at, lines = at - 1, (lines[-1], *lines[:-1])
        readings.append(Edit(at, 0, lines))
    at, lines = edit.at, edit.lines
    while at < len(old) and old[at] == lines[0]:
        at, lines = at + 1, (*lines[1:], lines[0])
        readings.append(Edit(at, 0, lines))
    return min(readings, key=lambda it: (_depth(it.lines[0]), -it.at))


def _depth(line: str) -> float:
    """Return how deep a line is indented; deepest of all is one that begins nothing."""
    text = line.lstrip()
    return math.inf if text[0] in ")]}" else len(line) - len(text)
