"""Plants checkouts in a folder, and has a warm server prove them one after another."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rlinf_scaffold.checkout import Tree, walk_files
from rlinf_scaffold.processes import run
from rlinf_scaffold.smoke.interpreter import probe_interpreter
from rlinf_scaffold.smoke.junit import Proof, parse_junit

if TYPE_CHECKING:
    from warm.server import Job, Order

SERVER = Path(__file__).with_name("server.py")
AT_ONCE = 2
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkout that is to be proved.

    Attributes:
        name: what tells it from the others.
        tree: its files.
        test: its smoke test.
        base: the class of transformers to import beforehand; empty if it is of none.
        maxfail: the number of proofs that may fail until it ends; 0 is without end.
        shares: the ways to train that it tries, besides proofs of one rank; None is all.
    """

    name: str
    tree: Tree
    test: PurePosixPath
    base: str
    maxfail: int = 0
    shares: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How the smoke test of a checkout ended.

    Attributes:
        status: pytest's exit status, or minus the signal that ended it.
        seconds: wall-clock time.
        peak_bytes: memory that it took at most, besides what all of them import.
        proofs: what it tried; empty if it did not live to say so.
        output: the end of what it printed.
    """

    status: int
    seconds: float
    peak_bytes: int
    proofs: tuple[Proof, ...]
    output: str


def versions_of(python: Path) -> str:
    """Return what an interpreter has, as text."""
    found = probe_interpreter(python)
    return str((found.version, sorted(found.packages.items())))


def digest(tree: Tree, *more: str) -> str:
    """Return what names a checkout, and what else decides how it is proved."""
    whole = hashlib.sha256("\0".join(more).encode())
    for path in sorted(walk_files(tree, PurePosixPath())):
        whole.update(f"{path}\0{tree.read(path)}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()[:32]


def prove(
    wanted: Sequence[Candidate],
    python: Path,
    on_ended: Callable[[Candidate, Ended], None],
    *,
    seconds: int,
    memory: int = 0,
) -> None:
    """Run the smoke test of each checkout.

    Args:
        wanted: checkouts with names that differ.
        python: an interpreter that has torch.
        on_ended: told of each as it ends.
        seconds: how long each may take.
        memory: bytes that each process may take; 0 is without limit.
    """
    if not wanted:
        return
    with TemporaryDirectory(prefix="proofs-") as name:
        root = Path(name)
        jobs = {it.name: _plant(it, root / str(i)) for i, it in enumerate(wanted)}
        by_name = {it.name: it for it in wanted}
        order: Order = {
            "jobs": list(jobs.values()),
            "bases": sorted({it.base for it in wanted if it.base}),
            "at_once": AT_ONCE,
            "seconds": seconds,
            "memory": memory,
        }
        (root / "order.json").write_text(json.dumps(order))

        def hear(line: str) -> None:
            status, taken, peak, ended = (*line.split("\t"), "", "", "", "")[:4]
            if ended in jobs:
                proofs, output = _read(Path(jobs[ended]["junit"]))
                end = Ended(int(status), float(taken), int(peak), proofs, output)
                on_ended(by_name[ended], end)

        finished = run(
            [python, SERVER, root / "order.json"],
            cwd=root,
            env={**os.environ, **ENVIRONMENT},
            timeout=seconds * (len(wanted) + 1),
            on_line=hear,
        )
        if finished.returncode:
            sys.exit(finished.output)


def _plant(candidate: Candidate, folder: Path) -> Job:
    for path in walk_files(candidate.tree, PurePosixPath()):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(candidate.tree.read(path) or "", "utf-8", newline="")
    return {
        "name": candidate.name,
        "folder": str(folder),
        "test": str(candidate.test),
        "junit": f"{folder}.xml",
        "maxfail": candidate.maxfail,
        "shares": None if candidate.shares is None else list(candidate.shares),
    }


def _read(junit: Path) -> tuple[tuple[Proof, ...], str]:
    log = Path(f"{junit}.log")
    output = log.read_text("utf-8", "replace")[-4000:] if log.is_file() else ""
    proofs = parse_junit(junit.read_text("utf-8")) if junit.is_file() else ()
    return proofs, output
