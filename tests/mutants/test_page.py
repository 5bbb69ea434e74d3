from __future__ import annotations

from pathlib import Path

import pytest
from mutants.mutant import IMAGES, mutant
from mutants.page import render
from mutants.running import Verdict
from mutants.table import MUTANTS

PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
ONE = mutant("bins | reversed", "They are.")
OTHER = mutant("image ignored", "It is.", of=IMAGES)


def test_lists_each_theme_in_a_table() -> None:
    page = render(
        {"Actions": [ONE], "Sight": [OTHER]},
        {
            ONE.name: Verdict("a holds", "0.5", "<= 1e-05", "none", 1),
            OTHER.name: Verdict("b holds", "torch.TorchError: /tmp/x", status=1),
        },
    )
    assert "these 2 defects" in page
    assert page.endswith(
        """
## Actions

| Defect | What is wrong | Proof that fails | Measured | Expected |
| --- | --- | --- | --- | --- |
| bins &#124; reversed | They are. | a holds | 0.5 | <= 1e-05 |

## Sight

| Defect | What is wrong | Proof that fails | Measured | Expected |
| --- | --- | --- | --- | --- |
| image ignored (images) | It is. | b holds | raises TorchError |  |
"""
    )


@pytest.mark.skipif(not PAGE.is_file(), reason="it is not in a source distribution")
def test_the_page_is_of_this_table() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line[:2] == "| "]
    named = [row[2:].partition(" |")[0].partition(" (")[0] for row in rows]
    assert [it for it in named if it not in ("Defect", "---")] == [
        it.name for it in MUTANTS
    ]
