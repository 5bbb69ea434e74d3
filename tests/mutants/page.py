"""The page that lists seeded defects, and the proofs that kill them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mutants.mutant import TEXT, Mutant
from mutants.running import Verdict

HEAD = """# What the smoke test catches

Each of these {count} defects was seeded, alone, in a model that was scaffolded into a practice
checkout. The default smoke test fails on every one of them, at the proof that is named here, or
before it is measured, where something is raised. `make mutants` seeds them again, and writes
this page.
"""
COLUMNS = ("Defect", "What is wrong", "Proof that fails", "Measured", "Expected")
_ERROR = re.compile(r"\b\w+(?:Error|Exception)\b")
_MOST = 60


def render(
    themes: Mapping[str, Sequence[Mutant]], verdicts: Mapping[str, Verdict]
) -> str:
    """Return the page: one table for each theme."""
    parts = [HEAD.format(count=sum(len(mutants) for mutants in themes.values()))]
    for title, mutants in themes.items():
        rows = [row(mutant, verdicts[mutant.name]) for mutant in mutants]
        table = map(line, [COLUMNS, ["---"] * len(COLUMNS), *rows])
        parts.append("\n".join([f"## {title}\n", *table]) + "\n")
    return "\n".join(parts)


def row(mutant: Mutant, verdict: Verdict) -> tuple[str, ...]:
    """Return what the page says of a mutant."""
    where = "" if mutant.subject == TEXT else f" ({mutant.subject.name})"
    error = _ERROR.search(verdict.measured)
    measured = verdict.measured
    if not verdict.bound:
        measured = f"raises {error[0]}" if error else "raises"
    return (
        f"{mutant.name}{where}",
        mutant.wrong,
        verdict.proof,
        shorten(measured),
        shorten(verdict.bound),
    )


def shorten(text: str) -> str:
    """Return a text that a cell has room for."""
    return text if len(text) < _MOST else f"{text[:_MOST]}..."


def line(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
