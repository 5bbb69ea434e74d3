"""The one launcher of subprocesses: streamed, timed, and never left behind."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess  # noqa: TID251
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rlinf_scaffold.errors import LaunchError
from rlinf_scaffold.signals import unwinding

_TICK = 0.05
_DYING = 5.0
_MORE_THAN_A_PIPE_HOLDS = 1 << 20
_MARK = "RLINF_SCAFFOLD_RUN"
# Has Linux kill this process when the one that started it is gone, then becomes another.
_TIE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a subprocess ended.

    Attributes:
        returncode: its exit status; minus the signal's number if one ended it.
        output: stdout and stderr in one, undecodable bytes replaced.
        seconds: wall-clock time.
        timed_out: whether it was ended because its time was over.
    """

    returncode: int
    output: str
    seconds: float
    timed_out: bool


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float | None,
    on_line: Callable[[str], None] | None = None,
    log: Path | None = None,
    grace: float = 5.0,
    tied: bool = False,
) -> Finished:
    """Run a command to its end, and everything that it started with it.

    It gets no stdin and a process group of its own. When it ends, when its time is
    over, and on any exception, what is left of the group is asked to end, and killed
    ``grace`` seconds later. On Linux that is true of what has left the group, too: a
    mark in its environment tells whose it is.

    Args:
        command: the program and its arguments; no shell is involved.
        cwd: folder to run in.
        env: the whole environment; None passes on this process's own.
        timeout: seconds until it is ended; None waits for ever.
        on_line: called with each line of output, without its ending, as it comes.
        log: file that receives the raw output as it comes.
        grace: seconds between asking and killing.
        tied: whether Linux is to kill it even if this process is killed.

    Raises:
        LaunchError: the program cannot be started.
    """
    if tied and sys.platform == "linux":
        command = _tied(command)
    began = time.monotonic()
    deadline = None if timeout is None else began + timeout
    output = bytearray()
    told = 0
    with ExitStack() as stack:
        stack.enter_context(unwinding())
        copy = stack.enter_context(log.open("wb", buffering=0)) if log else None
        family = stack.enter_context(_started(command, cwd, env, grace))
        for chunk in _all_chunks(family, deadline, grace):
            output += chunk
            if copy is not None:
                copy.write(chunk)
            if on_line is not None:
                told = _tell(output, told, on_line)
    if on_line is not None and told < len(output):
        on_line(_text(output[told:]))
    seconds = time.monotonic() - began
    status = family.process.returncode
    return Finished(status, _text(output), seconds, family.timed_out)


def _tied(command: Sequence[str | Path]) -> Sequence[str | Path]:
    program = shutil.which(command[0])
    if program is None:
        raise LaunchError(str(command[0]), "no such program")
    return (sys.executable, "-I", "-S", "-c", _TIE, program, *command[1:])


def _text(raw: bytes | bytearray) -> str:
    return raw.decode("utf-8", "replace")


def _tell(output: bytearray, told: int, on_line: Callable[[str], None]) -> int:
    """Pass on each line that is complete; return where the next one begins."""
    while (end := output.find(b"\n", told)) >= 0:
        on_line(_text(output[told:end]).rstrip("\r"))
        told = end + 1
    return told


def _all_chunks(
    family: _Family, deadline: float | None, grace: float
) -> Iterator[bytes]:
    """Yield output until a process has ended, or is ended; it may say where it stood."""
    process = family.process
    yield from _chunks(process, deadline)
    family.timed_out = process.poll() is None
    if family.timed_out:
        _end(family, grace)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        yield process.stdout.read() or b""


def _chunks(
    process: subprocess.Popen[bytes], deadline: float | None
) -> Iterator[bytes]:
    """Yield output until the process has ended or its time is over.

    The end of the pipe says nothing about that: a grandchild may hold it open for
    longer than the process lives, and the process may close it and work on.
    """
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while (left := _left(deadline)) is None or left > 0:
            ended = process.poll() is not None
            if selector.select(0 if ended else _TICK):
                if chunk := os.read(pipe, _MORE_THAN_A_PIPE_HOLDS):
                    yield chunk
                else:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_left(deadline))
                    return
            if ended:
                return


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


@contextmanager
def _started(
    command: Sequence[str | Path],
    cwd: Path,
    env: Mapping[str, str] | None,
    grace: float,
) -> Iterator[_Family]:
    environment = dict(os.environ if env is None else env)
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    environment[_MARK] = f"{environment.get(_MARK, '')} {mark}".strip()
    try:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise LaunchError(str(command[0]), error.strerror or str(error)) from error
    since = _read_stat(Path(f"/proc/{process.pid}")).started
    family = _Family(process, mark.encode(), since)
    with process:
        try:
            yield family
        finally:
            _end(family, grace)


@dataclass(slots=True)
class _Family:
    """A process, its group, and what else has its mark.

    An orphan stays a zombie for long where the first process does not care for it, as
    in many containers. It takes signals, but does not run.
    """

    process: subprocess.Popen[bytes]
    mark: bytes
    since: int
    timed_out: bool = False

    def is_left(self) -> bool:
        """Whether anything of it runs."""
        if self._signal_group(0) and not Path("/proc").is_dir():
            return True
        return any(True for _ in self._running())

    def signal(self, number: int) -> None:
        """Signal all of it that runs."""
        self._signal_group(number)
        for pid, group in self._running():
            if group != self.process.pid:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)

    def _running(self) -> Iterator[tuple[int, int]]:
        """Yield the number and the group of everything in it that runs."""
        for folder in _folders():
            stat = _read_stat(folder)
            if stat.state in "ZX" or stat.started < self.since:
                continue
            if stat.group == self.process.pid or self.mark in _environment(folder):
                yield int(folder.name), stat.group

    def _signal_group(self, number: int) -> bool:
        self.process.poll()  # reaps the leader: a zombie would count as somebody left
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _end(family: _Family, grace: float) -> None:
    """Ask a family to end; kill what is left, and reap the process."""
    is_over = False
    try:
        is_over = not family.is_left()
        if not is_over:
            family.signal(signal.SIGTERM)
            _wait_for(family, grace)
    finally:
        if not is_over and family.is_left():
            family.signal(signal.SIGKILL)
            _wait_for(family, _DYING)
        family.process.wait()


def _wait_for(family: _Family, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while family.is_left() and time.monotonic() < deadline:
        time.sleep(_TICK / 5)


def _folders() -> Iterator[Path]:
    """Yield the folder of every process; none where the system has no /proc."""
    with suppress(FileNotFoundError):
        yield from (it for it in Path("/proc").iterdir() if it.name.isdecimal())


class _Stat(NamedTuple):
    """What the system says of a process: since when it is there in ticks of its clock."""

    state: str
    group: int
    started: int


def _read_stat(folder: Path) -> _Stat:
    try:
        fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return _Stat("X", 0, 0)
    return _Stat(fields[0].decode(), int(fields[2]), int(fields[19]))


def _environment(process: Path) -> bytes:
    """Return a process's environment; nothing of one that is somebody else's, or gone."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
