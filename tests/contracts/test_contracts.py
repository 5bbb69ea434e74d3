from __future__ import annotations

import re

import pytest

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.contracts import (
    Contract,
    all_contracts,
    detect_contract,
    match_contract,
)
from rlinf_scaffold.errors import UnknownLayoutError

OLD = Contract(
    name="old", title="before", missing=lambda tree: ("a call in a.py", "b in b.py")
)
NEW = Contract(name="new", title="after", missing=lambda tree: ())
NEWER = Contract(name="newer", title="later", missing=lambda tree: ())
REFUSED = {
    "none": (
        [OLD],
        "the checkout's runtime contract is not recognised:\n"
        "  - old (before): missing a call in a.py; b in b.py",
    ),
    "several": (
        [OLD, NEW, NEWER],
        "the checkout's runtime contract is not recognised:\n"
        "  - old (before): missing a call in a.py; b in b.py\n"
        "  - new (after): matches\n"
        "  - newer (later): matches",
    ),
}


def test_takes_the_one_that_matches() -> None:
    assert match_contract(MemoryTree(), [OLD, NEW]) is NEW


@pytest.mark.parametrize(("contracts", "text"), REFUSED.values(), ids=REFUSED)
def test_refuses_where_not_exactly_one_matches(
    contracts: list[Contract], text: str
) -> None:
    with pytest.raises(UnknownLayoutError, match=f"^{re.escape(text)}$"):
        match_contract(MemoryTree(), contracts)


def test_looks_at_every_contract_of_the_package() -> None:
    with pytest.raises(UnknownLayoutError) as caught:
        detect_contract(MemoryTree())
    assert len(caught.value.findings) == len(all_contracts()) > 0
