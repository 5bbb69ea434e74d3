"""All seeded defects."""

from __future__ import annotations

from mutants import actions, prompts, sampling, training, values, wiring
from mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *sampling.MUTANTS,
    *actions.MUTANTS,
    *prompts.MUTANTS,
    *training.MUTANTS,
    *values.MUTANTS,
    *wiring.MUTANTS,
)
