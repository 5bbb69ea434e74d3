"""Proves checkouts: imports what is slow to import once, and forks for each.

Run as a file, by an interpreter that has torch, with a JSON file that `Order` describes.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn, TypedDict

import pytest

SLOW_IMPORTS = (
    *("datasets", "numpy", "omegaconf", "peft", "tokenizers", "torch", "transformers"),
    *("torch.distributed.fsdp", "transformers.generation", "transformers.models.auto"),
)
# What starts processes of its own is left out where few proofs are wanted, and what
# reads demonstrations without a policy, which no base makes a difference to.
SLOW_FIXTURES = frozenset({"started"})
DATA_FIXTURE = "recorded"


class Job(TypedDict):
    """A checkout to prove.

    `maxfail` ends it early. Without `shares`, it starts its other ranks itself and tries
    all proofs. With `shares`, it tries the proofs that need no other rank, and of those
    that do the ones of these ways to train, on two ranks; on one, if there are none.
    """

    name: str
    folder: str
    test: str
    junit: str
    maxfail: int
    shares: list[str] | None


class Order(TypedDict):
    """What to prove, and how: `memory` is what each process may add, in bytes."""

    jobs: list[Job]
    bases: list[str]
    at_once: int
    seconds: int
    memory: int


class SomeProofs:
    """Leaves out proofs: a rank other than the first tries only what all of them share."""

    def __init__(self, shares: list[str], rank: int):
        self.shares = shares
        self.rank = rank

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self.wants(item)]

    def wants(self, item: pytest.Item) -> bool:
        names = getattr(item, "fixturenames", ())
        if DATA_FIXTURE in names and "policy" not in names:
            return False
        if "world" not in names:
            return self.rank == 0 and SLOW_FIXTURES.isdisjoint(names)
        spec = getattr(item, "callspec", None)
        return spec is not None and str(spec.params.get("training")) in self.shares


def main() -> None:
    """Print how each job ended: its exit status, seconds, peak of memory and name."""
    order: Order = json.loads(Path(sys.argv[1]).read_text())
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    transformers = sys.modules["transformers"]
    for base in order["bases"]:
        getattr(transformers, base)
    gc.freeze()
    running: dict[int, tuple[Job, float]] = {}
    for job in order["jobs"]:
        if len(running) == order["at_once"]:
            reap(running)
        running[start(job, order)] = (job, time.monotonic())
    while running:
        reap(running)


def reap(running: dict[int, tuple[Job, float]]) -> None:
    """Wait until one of these processes ends, and say so."""
    process, status, usage = os.wait4(-1, 0)
    job, began = running.pop(process)
    ended = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    peak = usage.ru_maxrss * 1024 - own_peak()
    print(ended, f"{seconds:.2f}", max(0, peak), job["name"], sep="\t", flush=True)


def own_peak() -> int:
    """Return what this process takes, which those that it forks start from."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def start(job: Job, order: Order) -> int:
    """Return the process that proves a checkout, which ends when its time is over."""
    process = os.fork()
    if process == 0:
        signal.alarm(order["seconds"])
        if order["memory"]:
            most = data_size() + order["memory"]
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        prove(job)
    return process


def data_size() -> int:
    """Return the private memory of this process, which its limit counts."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize()


def prove(job: Job) -> NoReturn:
    """Run the smoke test of a checkout, in this process and, if asked to, another."""
    os.chdir(job["folder"])
    sys.path[0] = job["folder"]
    shares = job["shares"]
    if shares is None:
        try_proofs(job, [])
    ranks = 2 if shares else 1
    rendezvous = f"{job['junit']}.store"
    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE=f"{ranks}")
    if shares:
        os.environ["RENDEZVOUS"] = rendezvous
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
            os.environ.update(RANK="1", LOCAL_RANK="1")
            try_proofs(job, [SomeProofs(shares, 1)], ".rank_1")
    try_proofs(job, [SomeProofs(shares, 0)])


def try_proofs(job: Job, plugins: list[SomeProofs], suffix: str = "") -> NoReturn:
    """Run pytest, and end with its exit status."""
    log = os.open(f"{job['junit']}{suffix}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    options = ["-v", "-p", "no:cacheprovider", "-o", "addopts=", "--color=no"]
    options.append(f"--junitxml={job['junit']}{suffix}")
    if job["maxfail"]:
        options.append(f"--maxfail={job['maxfail']}")
    status = pytest.main([*options, job["test"]], plugins=plugins)
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
