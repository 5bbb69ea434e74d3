"""All seeded defects, by theme."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from mutants import (
    actions,
    demonstrations,
    flow,
    gaussian,
    logits,
    prompts,
    sampling,
    sight,
    states,
    training,
    values,
    wiring,
)
from mutants.mutant import Mutant

_MODULES: tuple[ModuleType, ...] = (
    sampling,
    actions,
    prompts,
    sight,
    states,
    values,
    training,
    demonstrations,
    wiring,
    gaussian,
    flow,
    logits,
)
THEMES: Mapping[str, tuple[Mutant, ...]] = {
    (module.__doc__ or "").rstrip("."): module.MUTANTS for module in _MODULES
}
MUTANTS: tuple[Mutant, ...] = tuple(
    mutant for mutants in THEMES.values() for mutant in mutants
)
