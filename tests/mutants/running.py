"""Runs the smoke test of seeded checkouts, and keeps what it said."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from mutants.mutant import NAME, Mutant, Subject, seed
from mutants.scaffolding import scaffolded
from mutants.warm import Job, Order

from rlinf_scaffold.checkout import Overlay, Tree, walk_files
from rlinf_scaffold.processes import run
from rlinf_scaffold.smoke.interpreter import probe_interpreter
from rlinf_scaffold.smoke.junit import parse_junit
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

WARM = Path(__file__).with_name("warm.py")
AT_ONCE = 2
SECONDS_EACH = 900  # of which a smoke test takes 30 where nothing else runs
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the smoke test of a checkout ended.

    Attributes:
        proof: the first proof that failed; empty if none did.
        measured: what it measured, or what it raised.
        bound: what it expected of that; empty if it raised.
        cause: what it takes for the likely cause.
        status: pytest's exit status, or minus the signal that ended it.
    """

    proof: str = ""
    measured: str = ""
    bound: str = ""
    cause: str = ""
    status: int = 0

    @property
    def survived(self) -> bool:
        """Whether every proof held."""
        return self.status == 0 and not self.proof


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkout that is to be proved."""

    name: str
    tree: Tree
    base: str


def candidates(
    mutants: Iterable[Mutant], subjects: Iterable[Subject]
) -> tuple[Candidate, ...]:
    """Return what to prove: subjects as they are, which must pass, then mutants."""
    return (
        *(
            Candidate(subject.name, scaffolded(subject), subject.base)
            for subject in subjects
        ),
        *(
            Candidate(
                mutant.name,
                Overlay(tree := scaffolded(mutant.subject)).write(seed(tree, mutant)),
                mutant.subject.base,
            )
            for mutant in mutants
        ),
    )


def judge(
    wanted: Sequence[Candidate],
    cache: Path,
    python: Path,
    on_verdict: Callable[[str, Verdict], None],
) -> Mapping[str, Verdict]:
    """Return a verdict on each checkout: first without other ranks, then whole.

    Args:
        wanted: checkouts with names that differ.
        cache: folder of the verdicts of earlier runs, by what they were made from.
        python: an interpreter that has torch.
        on_verdict: told of each that was not in the cache, as it comes.
    """
    cache.mkdir(parents=True, exist_ok=True)
    versions = versions_of(python)
    kept = {it.name: cache / f"{digest(it.tree, versions)}.json" for it in wanted}
    missing = [it for it in wanted if not kept[it.name].is_file()]

    def keep(name: str, verdict: Verdict) -> None:
        kept[name].write_text(json.dumps(asdict(verdict)))
        on_verdict(name, verdict)

    def keep_or_ask_more(name: str, verdict: Verdict) -> None:
        if verdict.survived:
            kept[name].with_suffix(".alone").touch()
        else:
            keep(name, verdict)

    def held_alone(candidate: Candidate) -> bool:
        return kept[candidate.name].with_suffix(".alone").is_file()

    new = [it for it in missing if not held_alone(it)]
    _prove(new, True, python, keep_or_ask_more)
    _prove([it for it in missing if held_alone(it)], False, python, keep)
    return {
        name: Verdict(**json.loads(path.read_text()))
        for name, path in kept.items()
        if path.is_file()
    }


def versions_of(python: Path) -> str:
    """Return what an interpreter has, as text."""
    found = probe_interpreter(python)
    return str((found.version, sorted(found.packages.items())))


def digest(tree: Tree, versions: str) -> str:
    """Return what names a checkout, and what it is proved with."""
    whole = hashlib.sha256(versions.encode())
    for path in sorted(walk_files(tree, PurePosixPath())):
        whole.update(f"{path}\0{tree.read(path)}\0".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()[:32]


def _prove(
    wanted: Sequence[Candidate],
    alone: bool,
    python: Path,
    on_verdict: Callable[[str, Verdict], None],
) -> None:
    if not wanted:
        return
    with TemporaryDirectory(prefix="mutants-") as name:
        root = Path(name)
        jobs = {
            it.name: _plant(it, root / str(i), alone) for i, it in enumerate(wanted)
        }
        order: Order = {
            "jobs": list(jobs.values()),
            "bases": sorted({it.base for it in wanted}),
            "at_once": AT_ONCE,
            "seconds": SECONDS_EACH,
        }
        (root / "order.json").write_text(json.dumps(order))

        def hear(line: str) -> None:
            status, tab, ended = line.partition("\t")
            if tab and ended in jobs:
                on_verdict(ended, read_verdict(Path(jobs[ended]["junit"]), int(status)))

        finished = run(
            [python, WARM, root / "order.json"],
            cwd=root,
            env={**os.environ, **ENVIRONMENT},
            timeout=SECONDS_EACH * (len(wanted) + 1),
            on_line=hear,
        )
        if finished.returncode:
            sys.exit(finished.output)


def _plant(candidate: Candidate, folder: Path, alone: bool) -> Job:
    for path in walk_files(candidate.tree, PurePosixPath()):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(candidate.tree.read(path) or "", "utf-8", newline="")
    return {
        "name": candidate.name,
        "folder": str(folder),
        "test": str(smoke_test_path(NAME)),
        "junit": f"{folder}.xml",
        "alone": alone,
    }


def read_verdict(junit: Path, status: int) -> Verdict:
    """Return what a run that ended with this status says of its checkout."""
    proofs = parse_junit(junit.read_text("utf-8")) if junit.is_file() else ()
    failed = next((it for it in proofs if it.outcome in ("failed", "error")), None)
    if failed is None:
        return Verdict(status=status)
    if failed.message.startswith("failed on ") or failed.measured is None:
        measured, bound = failed.message, ""
    else:
        measured, bound = failed.measured, failed.bound or ""
    return Verdict(failed.name, measured, bound, failed.cause or "", status)
