"""How a run of a smoke test ended that did not come to its end."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rlinf_scaffold.errors import (
    CrashedRankError,
    HungRankError,
    KilledRankError,
    NoBackendError,
    PortInUseError,
    ScaffoldError,
)
from rlinf_scaffold.processes import Finished

MOST_LINES: Final = 20
# What faults of a process's own raise; other signals come from outside.
_CRASHES: Final = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"})
# pytest's own: all well, failures, interrupted, internal, usage, nothing to run.
_STATUSES: Final = range(6)

# What a generated test says of another rank.
_RANK: Final = re.compile(
    r"(?P<who>rank \d+|all ranks) (?:(?P<hung>hung)|was ended by (?P<signal>SIG\w+)|"
    r"ended with status (?P<status>\d+)|(?P<died>died))"
)
# What torchrun says of the first rank that failed.
_TORCHRUN: Final = re.compile(
    r"Root Cause.*?rank\s+: (?P<rank>\d+).*?exitcode\s+: (?P<code>-?\d+)", re.DOTALL
)
_PORT: Final = re.compile(r"EADDRINUSE|[Aa]ddress already in use")
_PLACE: Final = re.compile(r"(?:bind to|port:?) \[?[\w.:]*?\]?:?(\d{2,5})\b")
_BACKEND: Final = re.compile(
    r"this torch has no (\w+)|package doesn't have (\w+) built in", re.IGNORECASE
)
_MISSED: Final = re.compile(r"Rendezvous(?:Timeout|Connection)Error")
# Where the telling part of an output begins, what tells most first.
_TELLING: Final = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^(?:E +)?rank \d+ (?:hung|was ended|ended|died)",
        r"Current thread|^Root Cause",
        r"EADDRINUSE|[Aa]ddress already in use|Rendezvous\w*Error",
    )
)
_PYTEST: Final = re.compile(r"/(?:_pytest|pluggy)/|^\s*$")
_END: Final = re.compile(r"^(?:-{8,} Captured|_{8,}|={8,} short)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that has ended.

    Attributes:
        finished: how its process ended.
        output: what it printed, and its first rank.
        others: what each of the other ranks printed, where a launcher keeps that apart.
        during: the proof that it ended in, if that is known.
        endpoint: where ranks were to find each other.
        python: what it ran in.
        log: where the output is kept.
    """

    finished: Finished
    output: str
    others: tuple[str, ...] = ()
    during: str
    endpoint: str
    python: Path
    log: Path


def find_fault(run: Run) -> ScaffoldError | None:
    """Return what ended a run before its time, or None if it came to its end."""
    status = run.finished.returncode
    if status == 0:
        return None
    if run.finished.timed_out:
        who = f"after {run.finished.seconds:.0f} s, the smoke test"
        return HungRankError(who, run.during, run.log)
    if _PORT.search(run.output):
        place = _PLACE.search(run.output)
        return PortInUseError(
            run.endpoint or (f"port {place[1]}" if place else "a port")
        )
    if backend := _BACKEND.search(run.output):
        return NoBackendError(run.python, (backend[1] or backend[2]).lower())
    if told := _RANK.search(run.output):
        return _told(told, run)
    if first := _TORCHRUN.search(run.output):
        return _ended(f"rank {first['rank']}", int(first["code"]), run)
    if _MISSED.search(run.output):
        return HungRankError("another node", "the rendezvous", run.log)
    return _ended("the interpreter", status, run)


def describe_end(status: int) -> str:
    """Return how a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def telling_lines(run: Run) -> tuple[str, ...]:
    """Return what ranks say of their trouble: where they stood, or how they end."""
    others = [line for text in run.others for line in _telling(text)]
    lines = _telling(run.output) or run.output.splitlines()[-MOST_LINES:]
    return (*(line.rstrip() for line in lines), *others)


def _telling(text: str) -> list[str]:
    starts = (pattern.search(text) for pattern in _TELLING)
    if (start := next(filter(None, starts), None)) is None:
        return []
    lines = text[text.rfind("\n", 0, start.start()) + 1 :].splitlines()
    end = next((n for n, line in enumerate(lines) if _END.match(line)), len(lines))
    return [line for line in lines[:end] if not _PYTEST.search(line)][:MOST_LINES]


def _told(told: re.Match[str], run: Run) -> ScaffoldError:
    if told["hung"]:
        return HungRankError(told["who"], run.during, run.log)
    if told["died"]:
        name = "SIGSEGV" if "Segmentation fault" in run.output else "SIGKILL"
    else:
        name = told["signal"] or ""
    return _by_signal(told["who"], name, run) or CrashedRankError(
        told["who"], f"ended with status {told['status']}", run.during, run.log
    )


def _ended(who: str, status: int, run: Run) -> ScaffoldError | None:
    if status in _STATUSES:
        return None
    name = signal.Signals(-status).name if status < 0 else ""
    return _by_signal(who, name, run) or CrashedRankError(
        who, describe_end(status), run.during, run.log
    )


def _by_signal(who: str, name: str, run: Run) -> ScaffoldError | None:
    if not name:
        return None
    if name in _CRASHES:
        how = f"was ended by {name}"
        return CrashedRankError(who, how, run.during, run.log)
    return KilledRankError(who, name, run.during, run.log)
