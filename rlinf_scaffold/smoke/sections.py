"""The sections of a smoke test's source, and which proofs stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from rlinf_scaffold.smoke.junit import Proof, proof_name

# A title is a comment that stands alone, where code would have two blank lines.
_MILESTONE: Final = re.compile(
    r"(?<=\n\n\n)# (?P<title>.+)(?=\n\n)|^def (?P<test>test_\w+)", re.MULTILINE
)


def in_sections(proofs: Iterable[Proof], source: str) -> tuple[Proof, ...]:
    """Return proofs with the sections that the source of their test puts them in."""
    titles, title = dict[str, str](), ""
    for milestone in _MILESTONE.finditer(source.replace("\r\n", "\n")):
        if milestone["title"]:
            title = milestone["title"]
        else:
            titles[proof_name(milestone["test"])] = title
    return tuple(
        replace(proof, section=titles.get(proof.name.partition(" [")[0], ""))
        for proof in proofs
    )
