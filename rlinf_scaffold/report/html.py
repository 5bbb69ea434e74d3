"""How smoke tests went, as one page that needs nothing but itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlinf_scaffold import __version__
from rlinf_scaffold.rendering import render
from rlinf_scaffold.report.evidence import Curve, Parity, Shown, Unit, shown
from rlinf_scaffold.report.pictures import (
    COLOURS,
    Bar,
    bars,
    learning_curve,
    parity_scatter,
    unit_colours,
    unit_tree,
)
from rlinf_scaffold.report.quantities import (
    byte_words,
    count_words,
    number_words,
    second_words,
)
from rlinf_scaffold.report.summary import (
    by_section,
    curve_words,
    memory_words,
    own_words,
    parity_words,
    reasons,
    tally,
    unit_words,
    version_words,
    world_words,
)

if TYPE_CHECKING:
    from rlinf_scaffold.smoke.run import Proof, SmokeReport

_MARKS = {"passed": "✓", "failed": "✗", "error": "✗", "skipped": "-"}
_PARITY = (
    "Each point is an action token: where it stands on the line, training computes the "
    "log-probability that the rollout had."
)
_UNITS = (
    "A rank gathers one unit at a time. Each is as wide as it is large, with the units "
    "inside of it below."
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table; a colour is the one that the picture beside it has for it."""

    cells: tuple[str, ...]
    colour: str = ""


@dataclass(frozen=True, slots=True)
class _Figure:
    """A picture, what it says in words, and its numbers, below or beside it."""

    title: str
    words: tuple[str, ...]
    picture: str
    headings: tuple[str, ...] = ()
    rows: tuple[_Row, ...] = ()
    note: str = ""
    warning: bool = False
    beside: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    """A proof, split into what it claims and for which case."""

    proof: Proof
    mark: str
    claim: str
    case: str
    seconds: str
    message: str


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of a smoke test."""

    title: str
    claims: tuple[_Claim, ...]
    tally: str
    failed: bool


@dataclass(frozen=True, slots=True)
class _Model:
    """A model and its proof."""

    name: str
    report: SmokeReport
    tally: str
    seconds: str
    facts: Mapping[str, str]
    failures: tuple[_Claim, ...]
    reasons: Sequence[str]
    shims: tuple[str, ...]
    figures: tuple[_Figure, ...]
    sections: tuple[_Section, ...]


def smoke_page(reports: Mapping[str, SmokeReport], checkout: Path) -> str:
    """Return a page about the smoke tests of these models of a checkout."""
    models = [_model(name, report, checkout) for name, report in reports.items()]
    ok = all(report.ok for report in reports.values())
    values = {"models": models, "ok": ok, "version": __version__}
    return render("report.html.j2", values)


def _model(name: str, report: SmokeReport, checkout: Path) -> _Model:
    evidence = shown(report.proofs)
    return _Model(
        name=name,
        report=report,
        tally=tally(report),
        seconds=second_words(report.seconds),
        facts=dict(_facts(report, checkout, evidence)),
        failures=tuple(map(_claim, report.failed)),
        reasons=reasons(report),
        shims=evidence.shims,
        figures=tuple(_figures(report, evidence)),
        sections=tuple(_sections(report)),
    )


def _facts(
    report: SmokeReport, checkout: Path, evidence: Shown
) -> Iterator[tuple[str, str]]:
    for world in evidence.worlds[-1:]:
        yield "Ran on", world_words(world)
        yield "Versions", version_words(world)
    yield "Interpreter", str(report.python)
    yield "Checkout", str(checkout)
    if report.log is not None:
        yield "Log", str(report.log)


def _sections(report: SmokeReport) -> Iterator[_Section]:
    for title, proofs in by_section(report.proofs).items():
        outcomes = Counter(proof.outcome for proof in proofs)
        seconds = second_words(sum(proof.seconds for proof in proofs))
        told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        yield _Section(
            title=title or "Proofs",
            claims=tuple(map(_claim, proofs)),
            tally=f"{told}, {seconds}",
            failed=bool(outcomes["failed"] or outcomes["error"]),
        )


def _claim(proof: Proof) -> _Claim:
    claim, _, case = proof.name.partition(" [")
    return _Claim(
        proof=proof,
        mark=_MARKS[proof.outcome],
        claim=claim,
        case=", ".join(it.strip() for it in case.rsplit("]", 1) if it),
        seconds=second_words(proof.seconds),
        message=own_words(proof),
    )


def _figures(report: SmokeReport, evidence: Shown) -> Iterator[_Figure]:
    if any(it.pairs or it.lost for it in evidence.parities):
        yield _parity_figure(evidence.parities)
    if evidence.curves:
        yield _curve_figure(evidence.curves)
    strategies: dict[Unit, list[str]] = {}
    for units in evidence.units:
        strategies.setdefault(units.root, []).append(units.strategy)
    note = _UNITS
    for root, named in strategies.items():
        yield _unit_figure(root, ", ".join(dict.fromkeys(named)), note)
        note = ""
    if evidence.memory:
        yield _memory_figure(evidence)
    if len({proof.section for proof in report.proofs}) > 1:
        yield _time_figure(report)


def _parity_figure(parities: Sequence[Parity]) -> _Figure:
    said = parity_words(parities)
    drawn = any(it.pairs for it in parities)
    return _Figure(
        title="Rollout and training agree",
        words=(said,),
        note=_PARITY,
        picture=parity_scatter(parities, said) if drawn else "",
        headings=("sampling", "tokens", "mean distance", "greatest"),
        rows=tuple(
            _Row(
                (
                    it.sampling,
                    str(len(it.pairs)),
                    number_words(sum(it.distances) / len(it.pairs)),
                    number_words(max(it.distances)),
                ),
                f"c{number % COLOURS}",
            )
            for number, it in enumerate(parities)
            if it.pairs
        ),
        warning=any(it.lost for it in parities),
        beside=True,
    )


def _curve_figure(curves: Sequence[Curve]) -> _Figure:
    words = tuple(map(curve_words, curves))
    return _Figure(
        title="It learns",
        words=words,
        picture=learning_curve(curves, "; ".join(words)),
        headings=("algorithm", "updates", "first reward", "last reward"),
        rows=tuple(
            _Row(
                (
                    it.algorithm,
                    str(max(0, len(it.rewards) - 1)),
                    *(_reward_words(reward) for reward in _ends(it.rewards)),
                ),
                f"c{number % COLOURS}",
            )
            for number, it in enumerate(curves)
        ),
    )


def _ends(rewards: Sequence[float | None]) -> tuple[float | None, float | None]:
    return (rewards[0], rewards[-1]) if rewards else (None, None)


def _reward_words(reward: float | None) -> str:
    return "none" if reward is None else number_words(reward)


def _unit_figure(root: Unit, named: str, note: str) -> _Figure:
    said = unit_words(root)
    units = list(root.walk())
    return _Figure(
        title=f"FSDP units: {named}",
        words=(said,),
        note=note,
        picture=unit_tree(root, said),
        headings=("class", "units", "parameters of their own", "largest"),
        rows=tuple(
            _Row(
                (
                    kind,
                    str(len(sizes)),
                    count_words(sum(sizes)),
                    count_words(max(sizes)),
                ),
                colour,
            )
            for kind, colour in unit_colours(root).items()
            for sizes in [[unit.own for unit in units if unit.kind == kind]]
        ),
        warning=len(units) == 1,
    )


def _memory_figure(evidence: Shown) -> _Figure:
    rows = [
        Bar(f"rank {it.rank}, {it.device}", it.peak_bytes, byte_words(it.peak_bytes))
        for it in evidence.memory
    ]
    return _Figure(
        title="Memory per rank",
        words=(memory_words(evidence.memory),),
        picture=bars("Peak memory of each rank", rows),
    )


def _time_figure(report: SmokeReport) -> _Figure:
    rows = [
        Bar(title or "Proofs", seconds, second_words(seconds))
        for title, proofs in by_section(report.proofs).items()
        for seconds in [sum(proof.seconds for proof in proofs)]
    ]
    return _Figure(
        title="Where the time goes",
        words=(f"{second_words(report.seconds)} in all, the start included.",),
        picture=bars("Seconds of each section", rows),
    )
