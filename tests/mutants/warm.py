"""Proves seeded checkouts: imports what is slow to import once, and forks for each.

Run as a file, by an interpreter that has torch, with a JSON file that `Order` describes.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn, TypedDict

import pytest

SLOW_IMPORTS = ("numpy", "omegaconf", "peft", "torch", "transformers")


class Job(TypedDict):
    """A checkout to prove; `alone` without what needs another rank."""

    name: str
    folder: str
    test: str
    junit: str
    alone: bool


class Order(TypedDict):
    """What to prove, and how."""

    jobs: list[Job]
    bases: list[str]
    at_once: int
    seconds: int


class NoOtherRank:
    """Leaves out the proofs that need another rank."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [
            item for item in items if "world" not in getattr(item, "fixturenames", ())
        ]


def main() -> None:
    """Print the name of each job once it has ended, with its exit status."""
    order: Order = json.loads(Path(sys.argv[1]).read_text())
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    for base in order["bases"]:
        getattr(sys.modules["transformers"], base)
    running: dict[int, Job] = {}
    for job in order["jobs"]:
        if len(running) == order["at_once"]:
            reap(running)
        running[start(job, order["seconds"])] = job
    while running:
        reap(running)


def reap(running: dict[int, Job]) -> None:
    """Wait until one of these processes ends, and say so."""
    process, status = os.wait()
    print(
        f"{os.waitstatus_to_exitcode(status)}\t{running.pop(process)['name']}",
        flush=True,
    )


def start(job: Job, seconds: int) -> int:
    """Return the process that proves a checkout, which ends when its time is over."""
    process = os.fork()
    if process == 0:
        signal.alarm(seconds)
        prove(job)
    return process


def prove(job: Job) -> NoReturn:
    """Run the smoke test of a checkout up to the first proof that fails."""
    log = os.open(f"{job['junit']}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.chdir(job["folder"])
    sys.path[0] = job["folder"]
    if job["alone"]:
        os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1")
    options = ("-v", "-p", "no:cacheprovider", "-o", "addopts=", "--color=no")
    status = pytest.main(
        [*options, "--maxfail=1", f"--junitxml={job['junit']}", job["test"]],
        plugins=[NoOtherRank()] if job["alone"] else [],
    )
    os._exit(status)


if __name__ == "__main__":
    main()
