from __future__ import annotations

import signal
from pathlib import Path

import pytest

from rlinf_scaffold.errors import (
    CrashedRankError,
    HungRankError,
    KilledRankError,
    NoBackendError,
    PortInUseError,
    ScaffoldError,
)
from rlinf_scaffold.processes import Finished
from rlinf_scaffold.smoke.faults import Run, describe_end, find_fault, telling_lines

PYTHON, LOG = Path("/bin/python"), Path("/foo.log")
TORCHRUN = """
Root Cause (first observed failure):
[0]:
  time      : 2026-01-01_00:00:00
  rank      : 1 (local_rank: 1)
  exitcode  : {code} (pid: 7)
"""


def ended(
    output: str = "",
    status: int = 1,
    *,
    timed_out: bool = False,
    endpoint: str = "",
    others: tuple[str, ...] = (),
) -> Run:
    return Run(
        finished=Finished(status, output, 12.0, timed_out),
        output=output,
        others=others,
        during="a b",
        endpoint=endpoint,
        python=PYTHON,
        log=LOG,
    )


@pytest.mark.parametrize("status", range(6))
def test_noop_where_pytest_came_to_its_end(status: int) -> None:
    assert find_fault(ended("1 failed", status)) is None


def test_noop_where_all_is_well_whatever_was_said() -> None:
    assert find_fault(ended("rank 1 hung; Address already in use", 0)) is None


def test_noop_where_torchrun_says_that_proofs_failed() -> None:
    assert find_fault(ended(TORCHRUN.format(code=1))) is None


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            ended(status=-signal.SIGTERM, timed_out=True),
            HungRankError("after 12 s, the smoke test", "a b", LOG),
        ),
        (
            ended("E  Failed: rank 2 hung: it did not"),
            HungRankError("rank 2", "a b", LOG),
        ),
        (ended("all ranks hung: they"), HungRankError("all ranks", "a b", LOG)),
        (
            ended("torch.distributed.elastic.RendezvousTimeoutError"),
            HungRankError("another node", "the rendezvous", LOG),
        ),
        (
            ended("rank 1 was ended by SIGKILL"),
            KilledRankError("rank 1", "SIGKILL", "a b", LOG),
        ),
        (
            ended(TORCHRUN.format(code=-15)),
            KilledRankError("rank 1", "SIGTERM", "a b", LOG),
        ),
        (ended("rank 1 died: of"), KilledRankError("rank 1", "SIGKILL", "a b", LOG)),
        (
            ended(status=-signal.SIGKILL),
            KilledRankError("the interpreter", "SIGKILL", "a b", LOG),
        ),
        (
            ended("rank 1 was ended by SIGBUS"),
            CrashedRankError("rank 1", "was ended by SIGBUS", "a b", LOG),
        ),
        (
            ended("Fatal Python error: Segmentation fault\nrank 0 died: of"),
            CrashedRankError("rank 0", "was ended by SIGSEGV", "a b", LOG),
        ),
        (
            ended("rank 1 ended with status 7"),
            CrashedRankError("rank 1", "ended with status 7", "a b", LOG),
        ),
        (
            ended(TORCHRUN.format(code=-11)),
            CrashedRankError("rank 1", "was ended by SIGSEGV", "a b", LOG),
        ),
        (
            ended(status=9),
            CrashedRankError("the interpreter", "ended with status 9", "a b", LOG),
        ),
        (ended("x EADDRINUSE", endpoint="h:1"), PortInUseError("h:1")),
        (
            ended("failed to bind to [::]:29500 (errno: 98 - Address already in use)"),
            PortInUseError("port 29500"),
        ),
        (ended("OSError: Address already in use"), PortInUseError("a port")),
        (ended("Failed: this torch has no gloo"), NoBackendError(PYTHON, "gloo")),
        (
            ended("Distributed package doesn't have NCCL built in"),
            NoBackendError(PYTHON, "nccl"),
        ),
    ],
)
def test_every_way_to_end_is_an_error(run: Run, expected: ScaffoldError) -> None:
    fault = find_fault(run)
    assert (type(fault), str(fault)) == (type(expected), str(expected))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with status 0"),
        (7, "ended with status 7"),
        (-9, "was ended by SIGKILL"),
    ],
)
def test_describe_end(status: int, words: str) -> None:
    assert describe_end(status) == words


@pytest.mark.parametrize(
    ("output", "others", "expected"),
    [
        ("", (), []),
        ("one\ntwo  \n", (), ["one", "two"]),
        ("\n".join(map(str, range(50))), (), [str(n) for n in range(30, 50)]),
        (
            "before\nE   rank 1 hung\nstack\n---------- Captured log ---\nafter",
            ("1\nCurrent thread 7:\n  here\n  /site/_pytest/x.py\n  there",),
            ["E   rank 1 hung", "stack", "Current thread 7:", "  here", "  there"],
        ),
        ("a\nb: Address already in use\nc", (), ["b: Address already in use", "c"]),
    ],
)
def test_telling_lines(
    output: str, others: tuple[str, ...], expected: list[str]
) -> None:
    assert list(telling_lines(ended(output, others=others))) == expected
