"""The page that says which bases are covered, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from archs.entries import LISTS, Entry
from archs.running import Result, parse_result

HEAD = """# Which bases are covered

Every class that transformers lists as a causal language model, or as a model from images and
text to text, was given as `--base`: scaffolded into a practice checkout with the head `tokens`,
and proved by the generated smoke test, on a tiny model of its own structure. The proofs of one
rank ran for each, but for those of reading demonstrations, which no base makes a difference to;
training ran under FSDP2 on two ranks for each, and under FSDP1 for a third. Whatever does not
pass says why; what is refused is refused before anything is written.

Seconds and memory are those of the first transformers named that runs it, where two such runs
share two cores; memory is what a rank takes besides its libraries. `make coverage-archs` writes
this page, and `coverage.json` beside it.
"""
OUTCOMES = ("pass", "refused", "fail")


@dataclass(frozen=True, slots=True)
class Covered:
    """What came of every entry with one transformers.

    Attributes:
        packages: versions of what the interpreter has.
        results: by entry.
    """

    packages: Mapping[str, str | None]
    results: Mapping[Entry, Result]

    @property
    def version(self) -> str:
        """The version of transformers."""
        return self.packages["transformers"] or "none"


def totals(covered: Sequence[Covered]) -> Iterator[Sequence[str]]:
    """Yield a row for each list and each transformers."""
    shares = ("pass, %", f"of those that pass with {covered[0].version}, %")
    yield ("List", "transformers", "Entries", *OUTCOMES, *shares)
    for kind in LISTS:
        for it in covered:
            listed = {e: r.outcome for e, r in it.results.items() if e.list == kind}
            common = [
                listed[entry]
                for entry, result in covered[0].results.items()
                if result.outcome == OUTCOMES[0] and entry in listed
            ]
            outcomes = [*listed.values()]
            counts = (str(outcomes.count(each)) for each in OUTCOMES)
            numbers = (str(len(outcomes)), *counts, _share(outcomes), _share(common))
            yield (kind, it.version, *numbers)


def _share(outcomes: Sequence[str]) -> str:
    return f"{100 * outcomes.count(OUTCOMES[0]) / max(1, len(outcomes)):.1f}"


def render(covered: Sequence[Covered]) -> str:
    """Return the page."""
    first, *rest = totals(covered)
    parts = [HEAD, _table(first, rest), *map(_versions, covered)]
    for kind in LISTS:
        entries = sorted(
            {entry for it in covered for entry in it.results if entry.list == kind},
            key=lambda entry: (entry.model_type, entry.class_name),
        )
        columns = (
            *("Model type", "Class", *(it.version for it in covered)),
            *("FSDP wraps", "LoRA adapts", "s", "MiB"),
        )
        rows = [_row(entry, covered) for entry in entries]
        parts.append(f"## {kind}\n\n{_table(columns, rows)}")
    return "\n".join(parts)


def _versions(covered: Covered) -> str:
    others = sorted(covered.packages.items())
    named = (f"{name} {it}" for name, it in others if it and name != "transformers")
    return f"transformers {covered.version} with {', '.join(named)}\n"


def _row(entry: Entry, covered: Sequence[Covered]) -> tuple[str, ...]:
    results = [it.results.get(entry) for it in covered]
    told = next(filter(None, sorted(filter(None, results), key=_rank)))
    outcomes = [
        "-"
        if result is None
        else f"{result.outcome}: {result.reason}"
        if result.reason
        else result.outcome
        for result in results
    ]
    return (
        *(entry.model_type, entry.class_name, *outcomes),
        ", ".join(told.layer_classes),
        ", ".join(told.lora_targets),
        f"{told.seconds:.0f}" if told.seconds else "",
        str(told.peak_mib or ""),
    )


def _rank(result: Result) -> int:
    return OUTCOMES.index(result.outcome)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(map(line, lines)) + "\n"


def line(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def from_json(text: str) -> list[Covered]:
    """Return what such a page was written from."""
    return [
        Covered(
            it["packages"],
            {
                Entry(row.pop("list"), row.pop("model_type"), row.pop("class_name")): (
                    parse_result(row)
                )
                for row in it["entries"]
            },
        )
        for it in json.loads(text)
    ]


def as_json(covered: Sequence[Covered]) -> str:
    """Return the same as JSON."""
    whole = [
        {
            "transformers": it.version,
            "packages": dict(it.packages),
            "entries": [
                {**asdict(entry), **asdict(result)}
                for entry, result in it.results.items()
            ],
        }
        for it in covered
    ]
    return json.dumps(whole, indent=1) + "\n"
