from __future__ import annotations

import ast

import pytest
from mutants.mutant import Mutant, StaleMutantError, mutant, policy, seed
from mutants.scaffolding import scaffolded
from mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda it: it.name)
def test_seeds_a_source_that_parses(mutant: Mutant) -> None:
    changes = list(seed(scaffolded(mutant.subject), mutant))
    assert {change.path for change in changes} == {edit.path for edit in mutant.edits}
    for change in changes:
        if change.path.suffix == ".py":
            ast.parse(change.after or "")


def test_names_are_unique_and_sentences_end() -> None:
    assert len({it.name for it in MUTANTS}) == len(MUTANTS)
    assert [it.name for it in MUTANTS if not it.wrong.endswith(".")] == []


@pytest.mark.parametrize("old", ["nowhere", "self"])
def test_refuses_what_does_not_fit_exactly_once(old: str) -> None:
    stale = mutant("stale", "Nothing.", policy(old, "new"))
    with pytest.raises(StaleMutantError, match="instead of once"):
        seed(scaffolded(stale.subject), stale)
