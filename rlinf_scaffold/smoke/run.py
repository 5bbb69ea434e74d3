"""Run a generated smoke test in an interpreter of the user's."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.processes import Finished, run
from rlinf_scaffold.smoke.junit import Outcome, Proof, parse_junit, parse_line
from rlinf_scaffold.smoke.sections import in_sections

__all__ = ["Event", "Proof", "SmokeReport", "run_smoke"]

_MOST_LINES: Final = 12
_FOREIGN: Final = ("PYTEST_ADDOPTS", "RANK", "LOCAL_RANK", "WORLD_SIZE")
_MODULE: Final = re.compile(r"No module named '(\w+)")


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
        returncode: pytest's, or minus the number of the signal that ended it.
        timed_out: whether it was ended because its time was over.
        log: everything that was printed.
        python: what it ran in.
        trouble: the telling lines of the log, if no proof came to an end of its own.
    """

    proofs: tuple[Proof, ...]
    seconds: float
    returncode: int
    timed_out: bool
    log: Path
    python: Path
    trouble: tuple[str, ...] = ()

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
        line = parse_line(text)
        if line is None:
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
    *,
    timeout: float,
    log: Path,
    on_event: Callable[[Event], None],
) -> SmokeReport:
    """Run a smoke test, and leave none of its processes behind.

    Args:
        checkout_root: where it runs, and what ``rlinf`` is imported from.
        test: the test's file, relative to that.
        python: an interpreter with pytest and what the test imports.
        timeout: seconds until the run is ended.
        log: file that receives everything that is printed.
        on_event: told of every proof as it ends.

    Raises:
        LaunchError: the interpreter cannot be started.
    """
    listener = _Listener(on_event)
    on_event(Event("imports", "started"))
    with tempfile.TemporaryDirectory(prefix="rlinf-scaffold-") as folder:
        junit = Path(folder, "junit.xml")
        finished = run(
            _command(python, test, junit),
            cwd=checkout_root,
            env=_environment(checkout_root),
            timeout=timeout,
            on_line=listener.hear,
            log=log,
        )
        if junit.is_file():
            proofs = parse_junit(junit.read_text("utf-8"))
        else:
            proofs = listener.proofs(finished)
    return SmokeReport(
        proofs=in_sections(proofs, Checkout(checkout_root).read(test) or ""),
        seconds=finished.seconds,
        returncode=finished.returncode,
        timed_out=finished.timed_out,
        log=log,
        python=python,
        trouble=_trouble(proofs, finished, python),
    )


def _command(python: Path, test: PurePosixPath, junit: Path) -> Sequence[str | Path]:
    options = ("-v", "-p", "no:cacheprovider", "-o", "addopts=", "--color=no")
    return (python, "-m", "pytest", *options, f"--junitxml={junit}", str(test))


def _environment(checkout_root: Path) -> Mapping[str, str]:
    """Return this process's environment, without what would steer pytest or ranks."""
    inherited = {key: it for key, it in os.environ.items() if key not in _FOREIGN}
    paths = [str(checkout_root), *filter(None, [inherited.get("PYTHONPATH")])]
    return {
        **inherited,
        "HF_HUB_OFFLINE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _ending(finished: Finished) -> str:
    if finished.timed_out:
        return f"time was over after {finished.seconds:.0f} s"
    if finished.returncode < 0:
        return (
            f"the interpreter was ended by {signal.Signals(-finished.returncode).name}"
        )
    return f"the interpreter ended with status {finished.returncode}"


def _trouble(
    proofs: Sequence[Proof], finished: Finished, python: Path
) -> tuple[str, ...]:
    if any(proof.outcome in ("passed", "failed") for proof in proofs):
        return ()
    lines = [line.rstrip() for line in finished.output.splitlines() if line.strip()]
    raised = [line[1:].strip() for line in lines if re.match(r"E\s", line)]
    telling = list(dict.fromkeys(raised))[:_MOST_LINES] or lines[-_MOST_LINES:]
    modules = dict.fromkeys(_MODULE.findall("\n".join(telling)))
    advice = [
        f"install it where the proof runs: {python} -m pip install {module}"
        for module in modules
        if module != "rlinf"
    ]
    return (_ending(finished), *telling, *advice)
