"""Run a generated smoke test in an interpreter of the user's."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final, Literal
from xml.etree import ElementTree

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.errors import ScaffoldError
from rlinf_scaffold.processes import Finished, run
from rlinf_scaffold.smoke.faults import Run, describe_end, find_fault, telling_lines
from rlinf_scaffold.smoke.junit import (
    Outcome,
    Proof,
    parse_junit,
    parse_line,
    proof_name,
)
from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.sections import in_sections

__all__ = ["Event", "Launch", "Proof", "SmokeReport", "run_smoke"]

_MOST_LINES: Final = 12
_MODULE: Final = re.compile(r"No module named '(\w+)")
# What torchrun and Ray put before what a rank prints.
_PREFIX: Final = re.compile(
    r"^(?:\[\w+\]:|(?:\x1b\[\d+m)?\(\w+ pid=\d+[^)]*\)(?:\x1b\[0m)? )", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Event:
    """A proof has ended, or the first of them is being prepared."""

    proof: str
    outcome: Literal["started"] | Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeReport:
    """How a smoke test went.

    Attributes:
        proofs: every proof that was begun.
        seconds: wall-clock time.
        returncode: pytest's, or its launcher's; minus the signal that ended it.
        timed_out: whether it was ended because its time was over.
        log: everything that was printed; None if it was not kept.
        python: what it ran in.
        trouble: the telling lines of the log, if proofs did not come to an end.
        fault: what ended it before its time.
    """

    proofs: tuple[Proof, ...]
    seconds: float
    returncode: int
    timed_out: bool
    log: Path | None
    python: Path
    trouble: tuple[str, ...] = ()
    fault: ScaffoldError | None = None

    @property
    def failed(self) -> tuple[Proof, ...]:
        """The proofs that did not hold, or could not be tried."""
        return tuple(it for it in self.proofs if it.outcome in ("failed", "error"))

    @property
    def ok(self) -> bool:
        """Whether all went well, and something was proved."""
        proved = any(proof.outcome == "passed" for proof in self.proofs)
        return self.returncode == 0 and proved and not self.failed


@dataclass(slots=True)
class _Listener:
    """Follows pytest's lines: what has ended, and what runs."""

    on_event: Callable[[Event], None]
    ended: dict[str, Outcome] = field(default_factory=dict)
    running: str | None = None

    def hear(self, text: str) -> None:
        line = parse_line(_PREFIX.sub("", text))
        if line is None or line.proof in self.ended:
            return
        if line.outcome is None:
            self.running = line.proof
            return
        self.running = None
        self.ended[line.proof] = line.outcome
        self.on_event(Event(line.proof, line.outcome))

    def proofs(self, finished: Finished) -> tuple[Proof, ...]:
        """Return what is known of a run that did not live to write its report."""
        proofs = [Proof(name=name, outcome=it) for name, it in self.ended.items()]
        if self.running is not None:
            message = f"{_ending(finished)} during this proof"
            proofs.append(Proof(name=self.running, outcome="error", message=message))
        return tuple(proofs)


def run_smoke(
    checkout_root: Path,
    test: PurePosixPath,
    python: Path,
    launch: Launch,
    *,
    log: Path,
    on_event: Callable[[Event], None],
) -> SmokeReport:
    """Run a smoke test, and leave none of its processes behind.

    Args:
        checkout_root: where it runs, and what ``rlinf`` is imported from.
        test: the test's file, relative to that.
        python: an interpreter with pytest and what the test imports.
        launch: on how many ranks, and what starts them.
        log: file that receives everything that is printed; logs of single ranks lie
            beside it.
        on_event: told of every proof as it ends.

    Raises:
        LaunchError: the interpreter cannot be started.
    """
    smoke = _Smoke(checkout_root, test, python, launch, log, on_event)
    worlds: list[_World] = []
    tests: Sequence[str] = (str(test),)
    for ranks in launch.worlds:
        worlds.append(smoke.prove(ranks, tests))
        tests = [f"{test}::{name}" for name in worlds[0].shared]
        if worlds[-1].report.fault is not None or not tests:
            break
    return _joined(worlds)


@dataclass(frozen=True, slots=True)
class _World:
    """How proofs went on one number of ranks, and which tests need them all."""

    ranks: int
    report: SmokeReport
    shared: tuple[str, ...]

    def labelled(self) -> tuple[Proof, ...]:
        """Return the proofs, those of all ranks with the number of these."""
        shared = {proof_name(name) for name in self.shared}
        return tuple(
            replace(it, name=f"{it.name} on {_count(self.ranks)}")
            if it.name in shared
            else it
            for it in self.report.proofs
        )


@dataclass(slots=True)
class _Smoke:
    """A smoke test, and when it began."""

    root: Path
    test: PurePosixPath
    python: Path
    launch: Launch
    log: Path
    on_event: Callable[[Event], None]
    began: float = field(default_factory=time.monotonic)

    def prove(self, ranks: int, tests: Sequence[str]) -> _World:
        """Run tests, given by node id, on this many ranks."""
        is_first = ranks == self.launch.ranks
        log = self.log if is_first else self.log.with_suffix(f".{ranks}.log")
        listener = _Listener(self.on_event)
        several = len(self.launch.worlds) > 1
        where = f"imports on {_count(ranks)}" if several else "imports"
        self.on_event(Event(where, "started"))
        with tempfile.TemporaryDirectory(prefix="rlinf-scaffold-") as folder:
            reports = Path(folder)
            logs = log.with_suffix(".ranks")
            finished = run(
                self.launch.command(self.python, self.root, tests, reports, logs),
                cwd=self.root,
                env=self.launch.environment(self.root, ranks),
                timeout=self.began + self.launch.timeout - time.monotonic(),
                on_line=listener.hear,
                log=log,
                tied=True,
            )
            found = _by_rank(reports)
        proofs = _merged(found) if found else listener.proofs(finished)
        ended = Run(
            finished=finished,
            output=_PREFIX.sub("", finished.output),
            others=tuple(_texts(logs)),
            during=next((it.name for it in proofs if it.outcome == "error"), ""),
            endpoint=self.launch.endpoint,
            python=self.python,
            log=log,
        )
        fault = find_fault(ended)
        report = SmokeReport(
            proofs=in_sections(proofs, Checkout(self.root).read(self.test) or ""),
            seconds=finished.seconds,
            returncode=finished.returncode,
            timed_out=finished.timed_out,
            log=log,
            python=self.python,
            trouble=_trouble(proofs, ended, fault),
            fault=fault,
        )
        return _World(ranks, report, _shared(*[*found.values()][:1]))


def _by_rank(folder: Path) -> Mapping[int, str]:
    """Return the JUnit XML of every rank that has written one, the lowest rank first."""
    paths = {int(it.stem.partition("_")[2]): it for it in folder.glob("rank_*.xml")}
    return {rank: paths[rank].read_text("utf-8") for rank in sorted(paths)}


def _texts(logs: Path) -> Iterator[str]:
    """Yield what ranks printed that a launcher kept apart; it shows the first one's."""
    for path in sorted(logs.glob("*/attempt_0/*/std*.log")):
        if path.parent.name != "0":
            yield path.read_text("utf-8", "replace")


def _shared(*reports: str) -> tuple[str, ...]:
    """Return the tests that need all ranks, which they record."""
    return tuple(
        case.get("name", "")
        for report in reports
        for case in ElementTree.fromstring(report).iter("testcase")
        if any(it.get("name") == "ranks" for it in case.iter("property"))
    )


def _merged(reports: Mapping[int, str]) -> tuple[Proof, ...]:
    """Return the lowest rank's proofs, and what did not hold on other ranks alone."""
    (_, first), *others = reports.items()
    proofs = [*parse_junit(first)]
    missed = {proof.name for proof in proofs if proof.outcome in ("failed", "error")}
    for rank, other in others:
        for proof in parse_junit(other):
            if proof.outcome in ("failed", "error") and proof.name not in missed:
                proofs.append(replace(proof, name=f"{proof.name} (rank {rank})"))
    return tuple(proofs)


def _joined(worlds: Sequence[_World]) -> SmokeReport:
    """Return one report of all worlds; what is the same in all stands there once."""
    if len(worlds) == 1:
        return worlds[0].report
    reports = [world.report for world in worlds]
    worst = next((it for it in reports if not it.ok), reports[0])
    return replace(
        worst,
        proofs=tuple(proof for world in worlds for proof in world.labelled()),
        seconds=sum(report.seconds for report in reports),
    )


def _count(ranks: int) -> str:
    return "1 rank" if ranks == 1 else f"{ranks} ranks"


def _ending(finished: Finished) -> str:
    if finished.timed_out:
        return f"time was over after {finished.seconds:.0f} s"
    return f"the interpreter {describe_end(finished.returncode)}"


def _trouble(
    proofs: Sequence[Proof], ended: Run, fault: ScaffoldError | None
) -> tuple[str, ...]:
    if fault is not None:
        return (_ending(ended.finished), *telling_lines(ended))
    if any(proof.outcome in ("passed", "failed") for proof in proofs):
        return ()
    lines = [line.rstrip() for line in ended.output.splitlines() if line.strip()]
    raised = [line[1:].strip() for line in lines if re.match(r"E\s", line)]
    telling = list(dict.fromkeys(raised))[:_MOST_LINES] or lines[-_MOST_LINES:]
    modules = dict.fromkeys(_MODULE.findall("\n".join(telling)))
    advice = [
        f"install it where the proof runs: {ended.python} -m pip install {module}"
        for module in modules
        if module != "rlinf"
    ]
    return (_ending(ended.finished), *telling, *advice)
