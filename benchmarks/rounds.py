"""Two commands measured against each other: alternating runs, medians, one ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rlinf_scaffold.processes import run

SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two.

    Attributes:
        label: what the result calls it.
        command: what is timed.
        prepare: returns the folder to run in, before the clock starts.
    """

    label: str
    command: Sequence[str | Path]
    prepare: Callable[[], Path] = Path.cwd


def compare(ours: Side, theirs: Side, rounds: int) -> str:
    """Return the line that says how long each takes, and the ratio.

    Raises:
        SystemExit: a run fails; says what it printed.
    """
    times = [(_measure(ours), _measure(theirs)) for _ in range(rounds)]
    mine, other = (median(side) for side in zip(*times, strict=True))
    return (
        f"{ours.label}: {mine:.3f} s; {theirs.label}: {other:.3f} s; "
        f"ratio {mine / other:.2f} (medians of {rounds}, alternating)"
    )


def _measure(side: Side) -> float:
    finished = run(side.command, cwd=side.prepare(), timeout=SECONDS)
    if finished.returncode != 0:
        msg = f"{side.label} failed:\n{finished.output}"
        raise SystemExit(msg)
    return finished.seconds
