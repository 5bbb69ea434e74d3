"""One module per action head; each ends in one Head."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rlinf_scaffold.discovery import discover


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How a policy turns hidden states into actions.

    Attributes:
        name: the value of ``ModelSpec.head``, and the folder of its templates.
        title: one line for people.
    """

    name: str
    title: str


def all_heads() -> tuple[Head, ...]:
    """Return every head of this package."""
    return discover(sys.modules[__name__], Head)


def find_head(name: str) -> Head:
    """Return the head of this name; the command line offers no other."""
    return next(head for head in all_heads() if head.name == name)
