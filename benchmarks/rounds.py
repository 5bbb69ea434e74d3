"""Two commands measured against each other, in time (medians) and in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from rlinf_scaffold.processes import Finished, run

SECONDS = 900.0
PEAK = Path(__file__).with_name("peak.py")


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


def compare_peaks(ours: Side, theirs: Side) -> str:
    """Return the line that says how much memory the largest process of each holds.

    Raises:
        SystemExit: a run fails; says what it printed.
    """
    mine, other = (_run(_watched(side)).output.split()[-1] for side in (ours, theirs))
    return (
        f"{ours.label}: {int(mine) / 2**20:.0f} MiB at most in one process; "
        f"{theirs.label}: {int(other) / 2**20:.0f} MiB; "
        f"ratio {int(mine) / int(other):.2f}"
    )


def _watched(side: Side) -> Side:
    command = [sys.executable, str(PEAK), *side.command]
    return replace(side, command=command)


def _measure(side: Side) -> float:
    return _run(side).seconds


def _run(side: Side) -> Finished:
    finished = run(side.command, cwd=side.prepare(), timeout=SECONDS)
    if finished.returncode != 0:
        msg = f"{side.label} failed:\n{finished.output}"
        raise SystemExit(msg)
    return finished
