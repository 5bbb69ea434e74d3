"""One module per generation of the contract between RLinf's workers and a model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.errors import UnknownLayoutError


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the workers of one generation call, and what they expect back.

    Attributes:
        name: what ``inspect`` calls it, and the folder of its templates.
        title: one line for people.
        missing: what the contract looks for in a checkout and does not find; empty
            means that it matches.
    """

    name: str
    title: str
    missing: Callable[[Tree], tuple[str, ...]]


def all_contracts() -> tuple[Contract, ...]:
    """Return every contract of this package."""
    return discover(sys.modules[__name__], Contract)


def detect_contract(tree: Tree) -> Contract:
    """Return the one contract of this package that matches, as `match_contract`."""
    return match_contract(tree, all_contracts())


def match_contract(tree: Tree, contracts: Sequence[Contract]) -> Contract:
    """Return the one contract that matches.

    Raises:
        UnknownLayoutError: none does, or several do; says what each one missed.
        SourceSyntaxError: a file to read does not parse.
    """
    missing = {contract: contract.missing(tree) for contract in contracts}
    matching = [contract for contract, gaps in missing.items() if not gaps]
    if len(matching) == 1:
        return matching[0]
    raise UnknownLayoutError(
        "runtime contract",
        [
            f"{contract.name} ({contract.title}): "
            + (f"missing {'; '.join(gaps)}" if gaps else "matches")
            for contract, gaps in missing.items()
        ],
    )
