"""Runs the smoke test of seeded checkouts, and keeps what it said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mutants.mutant import NAME, Mutant, Subject, seed
from mutants.scaffolding import scaffolded
from warm.runs import Candidate, Ended, digest, prove, versions_of

from rlinf_scaffold.checkout import Overlay, Tree
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

SECONDS_EACH = 900  # of which a smoke test takes 30 where nothing else runs


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


def candidate(name: str, tree: Tree, base: str) -> Candidate:
    """Return a checkout to prove up to the first proof that fails."""
    return Candidate(name, tree, smoke_test_path(NAME), base, maxfail=1)


def candidates(
    mutants: Iterable[Mutant], subjects: Iterable[Subject]
) -> tuple[Candidate, ...]:
    """Return what to prove: subjects as they are, which must pass, then mutants."""
    return (
        *(
            candidate(subject.name, scaffolded(subject), subject.base)
            for subject in subjects
        ),
        *(
            candidate(
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

    def keep(candidate: Candidate, ended: Ended) -> None:
        verdict = verdict_of(ended)
        kept[candidate.name].write_text(json.dumps(asdict(verdict)))
        on_verdict(candidate.name, verdict)

    def keep_or_ask_more(candidate: Candidate, ended: Ended) -> None:
        if verdict_of(ended).survived:
            kept[candidate.name].with_suffix(".alone").touch()
        else:
            keep(candidate, ended)

    def held_alone(candidate: Candidate) -> bool:
        return kept[candidate.name].with_suffix(".alone").is_file()

    new = [replace(it, shares=()) for it in missing if not held_alone(it)]
    prove(new, python, keep_or_ask_more, seconds=SECONDS_EACH)
    old = [it for it in missing if held_alone(it)]
    prove(old, python, keep, seconds=SECONDS_EACH)
    return {
        name: Verdict(**json.loads(path.read_text()))
        for name, path in kept.items()
        if path.is_file()
    }


def verdict_of(ended: Ended) -> Verdict:
    """Return what a run says of its checkout."""
    fates = ("failed", "error")
    failed = next((it for it in ended.proofs if it.outcome in fates), None)
    if failed is None:
        return Verdict(status=ended.status)
    if failed.message.startswith("failed on ") or failed.measured is None:
        measured, bound = failed.message, ""
    else:
        measured, bound = failed.measured, failed.bound or ""
    return Verdict(failed.name, measured, bound, failed.cause or "", ended.status)
