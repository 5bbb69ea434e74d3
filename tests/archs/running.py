"""Scaffolds every entry, proves it quickly, and keeps what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

from archs.entries import Entry
from warm.runs import AT_ONCE, Candidate, Ended, digest, prove, versions_of

from rlinf_scaffold.bases import find_base
from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.checkout import MemoryTree, Overlay, Tree, walk_files
from rlinf_scaffold.commands.golden import practice_checkout
from rlinf_scaffold.errors import ScaffoldError
from rlinf_scaffold.layouts import all_layouts
from rlinf_scaffold.planner import plan, resolve
from rlinf_scaffold.smoke.interpreter import probe_interpreter
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.surfaces.recipe import choose_recipe
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

LAYOUT = "registry"
SPEC = ModelSpec(name="foo")
# Every entry goes through FSDP2, every third one through FSDP1 too.
STRATEGIES = (("fsdp2", "fsdp"), ("fsdp2",), ("fsdp2",))
SECONDS_EACH = 300  # of which a proof takes 10 where nothing else runs
MEMORY_EACH = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an entry.

    Attributes:
        outcome: ``pass``, ``refused`` before anything was written, or ``fail``.
        reason: why it does not pass, in one line.
        seconds: how long planning and proofs took.
        peak_mib: memory that a rank took at most, besides its libraries.
        proofs: the number of proofs that held.
        strategies: what it was sharded with on two ranks.
        layer_classes: what FSDP wraps.
        lora_targets: the linear layers that LoRA adapts.
    """

    outcome: str
    reason: str = ""
    seconds: float = 0.0
    peak_mib: int = 0
    proofs: int = 0
    strategies: tuple[str, ...] = ()
    layer_classes: tuple[str, ...] = ()
    lora_targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A checkout with a class as base, or the reason why there is none."""

    base: Base | None
    tree: Tree
    reason: str
    seconds: float


@cache
def practice() -> Tree:
    """Return the practice checkout that everything is scaffolded into."""
    tree = practice_checkout(next(it for it in all_layouts() if it.name == LAYOUT))
    paths = walk_files(tree, PurePosixPath())
    return MemoryTree({path: tree.read(path) or "" for path in paths})


def plan_on(class_name: str, search_path: Sequence[Path]) -> Planned:
    """Scaffold a model on a class, in memory."""
    began = time.monotonic()
    tree = practice()
    try:
        base = find_base(class_name, search_path)
        spec = replace(SPEC, recipe=str(choose_recipe(tree, SPEC)))
        changes: ChangeSet = plan(tree, resolve(tree, spec, base))
    except ScaffoldError as error:
        told = f"base {class_name!r} cannot be scaffolded: "
        reason = " ".join(str(error).split()).removeprefix(told)
        return Planned(None, tree, reason, time.monotonic() - began)
    planned = Overlay(tree).write(changes)
    return Planned(base, planned, "", time.monotonic() - began)


def cover(
    entries: Iterable[Entry],
    python: Path,
    cache_folder: Path,
    on_result: Callable[[str, Result], None],
) -> Mapping[Entry, Result]:
    """Return what came of each entry; a class that two of them name is proved once.

    Args:
        entries: what to scaffold on.
        python: an interpreter that has torch, and the transformers to read.
        cache_folder: results of earlier runs, by what they were made from.
        on_result: told of each class that was not there, as it ends.
    """
    cache_folder.mkdir(parents=True, exist_ok=True)
    entries = list(entries)
    search_path = probe_interpreter(python).search_path
    versions = versions_of(python)
    results: dict[str, Result] = {}
    wanted: list[Candidate] = []
    plans: dict[str, Planned] = {}
    kept: dict[str, Path] = {}
    class_names = list(dict.fromkeys(entry.class_name for entry in entries))
    with ProcessPoolExecutor(AT_ONCE) as pool:
        planning = pool.map(partial(plan_on, search_path=search_path), class_names)
        all_planned = dict(zip(class_names, planning, strict=True))
    for class_name, planned in all_planned.items():
        if planned.base is None:
            results[class_name] = Result(outcome="refused", reason=planned.reason)
            continue
        plans[class_name] = planned
        strategies = STRATEGIES[sum(class_name.encode()) % len(STRATEGIES)]
        kept[class_name] = cache_folder / (
            f"{digest(planned.tree, versions, *strategies)}.json"
        )
        if kept[class_name].is_file():
            results[class_name] = parse_result(json.loads(kept[class_name].read_text()))
        else:
            wanted.append(_candidate(class_name, planned, strategies))

    def keep(candidate: Candidate, ended: Ended) -> None:
        result = judge(plans[candidate.name], candidate, ended)
        kept[candidate.name].write_text(json.dumps(asdict(result)))
        results[candidate.name] = result
        on_result(candidate.name, result)

    prove(wanted, python, keep, seconds=SECONDS_EACH, memory=MEMORY_EACH)
    return {
        entry: results[entry.class_name]
        for entry in entries
        if entry.class_name in results
    }


def parse_result(fields: Mapping[str, Any]) -> Result:
    """Return a result that was kept as JSON."""
    return Result(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in fields.items()
        }
    )


def judge(planned: Planned, candidate: Candidate, ended: Ended) -> Result:
    """Return what a run says of a base."""
    assert planned.base is not None
    held = sum(proof.outcome == "passed" for proof in ended.proofs)
    reason = reason_of(ended)
    return Result(
        outcome="fail" if reason else "pass",
        reason=reason,
        seconds=round(planned.seconds + ended.seconds, 1),
        peak_mib=ended.peak_bytes >> 20,
        proofs=held,
        strategies=candidate.shares or (),
        layer_classes=planned.base.layer_classes,
        lora_targets=planned.base.lora_targets,
    )


def reason_of(ended: Ended) -> str:
    """Return why a run did not pass, in one line; empty if it did."""
    fates = ("failed", "error")
    failed = [it for it in ended.proofs if it.outcome in fates]
    if failed:
        first = failed[0]
        if first.measured is not None and not first.message.startswith("failed on"):
            said = f"{first.measured}, not {first.bound}"
        else:
            said = " ".join(first.message.split())
        return f"{first.name}: {said}"[:300]
    if ended.status < 0:
        return f"it was ended by signal {-ended.status}"
    if ended.status or not ended.proofs:
        return f"it ended with status {ended.status}"
    return ""


def _candidate(name: str, planned: Planned, strategies: tuple[str, ...]) -> Candidate:
    assert planned.base is not None
    own = planned.base.module != "transformers"
    return Candidate(
        name,
        planned.tree,
        smoke_test_path(SPEC.name),
        base="" if own else name,
        shares=strategies,
    )
