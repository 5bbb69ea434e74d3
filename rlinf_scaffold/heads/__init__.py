"""One module per action head; each ends in one Head."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rlinf_scaffold.discovery import discover
from rlinf_scaffold.errors import InvalidAnswerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How a policy turns hidden states into actions.

    Attributes:
        name: the value of ``ModelSpec.head``, and the folder of its templates.
        title: one line for people.
        settings: what the model's YAML holds for it alone, and its class is given.
        answers_in_logits: whether actions are tokens, which workers can score.
    """

    name: str
    title: str
    settings: tuple[str, ...]
    answers_in_logits: bool = True


def all_heads() -> tuple[Head, ...]:
    """Return every head of this package."""
    return discover(sys.modules[__name__], Head)


def find_head(name: str) -> Head:
    """Return the head of this name.

    Raises:
        InvalidAnswerError: there is none.
    """
    heads = {head.name: head for head in all_heads()}
    if name not in heads:
        raise InvalidAnswerError("--head", name, f"one of {', '.join(heads)}")
    return heads[name]
