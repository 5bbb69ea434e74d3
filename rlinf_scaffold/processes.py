"""The one launcher of subprocesses: streamed, timed, and never left behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess  # noqa: TID251
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rlinf_scaffold.errors import LaunchError
from rlinf_scaffold.signals import unwinding

_TICK = 0.05


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
) -> Finished:
    """Run a command to its end, and everything that it started with it.

    It gets no stdin and a process group of its own. When it ends, when its time is
    over, and on any exception, what is left of the group is asked to end, and killed
    ``grace`` seconds later.

    Args:
        command: the program and its arguments; no shell is involved.
        cwd: folder to run in.
        env: the whole environment; None passes on this process's own.
        timeout: seconds until it is ended; None waits for ever.
        on_line: called with each line of output, without its ending, as it comes.
        log: file that receives the raw output as it comes.
        grace: seconds between asking and killing.

    Raises:
        LaunchError: the program cannot be started.
    """
    started = time.monotonic()
    deadline = None if timeout is None else started + timeout
    chunks: list[bytes] = []
    with (
        unwinding(),
        nullcontext() if log is None else log.open("wb", buffering=0) as copy,
        _started(command, cwd, env, grace) as process,
    ):
        for line in _lines(_chunks(process, deadline), chunks, copy):
            if on_line is not None:
                on_line(line)
        timed_out = process.poll() is None
    output = b"".join(chunks).decode("utf-8", "replace")
    return Finished(process.returncode, output, time.monotonic() - started, timed_out)


def _chunks(
    process: subprocess.Popen[bytes], deadline: float | None
) -> Iterator[bytes]:
    """Yield output until the process ended and fell silent, or its time is over.

    The end of the pipe alone says nothing: a grandchild may hold it open for longer
    than the process lives, and the process may close it and work on.
    """
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while deadline is None or time.monotonic() < deadline:
            ended = process.poll() is not None
            if not selector.get_map():
                if ended:
                    return
                time.sleep(_TICK)
            elif selector.select(_TICK):
                ...
