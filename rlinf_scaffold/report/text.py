"""Outcomes as text for people, on a terminal or in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rlinf_scaffold.changes import ChangeSet, Kind
from rlinf_scaffold.report.evidence import shown
from rlinf_scaffold.report.summary import (
    by_section,
    curve_words,
    memory_words,
    own_words,
    parity_words,
    reasons,
    slowest_words,
    tally,
    version_words,
    world_words,
)

if TYPE_CHECKING:
    from rlinf_scaffold.commands.check import Audit
    from rlinf_scaffold.commands.new_model import Outcome
    from rlinf_scaffold.smoke.run import Proof, SmokeReport

_SIGNS = {
    Kind.CREATE: "[green]+[/]",
    Kind.MODIFY: "[yellow]~[/]",
    Kind.DELETE: "[red]-[/]",
}
_CELL = 16
_MARKS = {
    "passed": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "error": "[red]✗[/]",
    "skipped": "[yellow]-[/]",
}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}
_STATES = {Kind.CREATE: "missing", Kind.MODIFY: "changed", Kind.DELETE: "extra"}


def plan_text(outcome: Outcome) -> RenderableType:
    """Return what will be written, and why there."""
    job = outcome.job
    head = Text.from_markup(
        f"[bold]{escape(job.spec.class_name)}[/] on {escape(job.base.class_name)}, "
        f"layout [bold]{job.layout.name}[/] ({escape(job.layout.title)})"
    )
    if not outcome.changes:
        return Group(head, Text("Everything is in place; nothing to change."))
    return Group(head, changes_text(outcome.changes))


def diff_text(changes: ChangeSet) -> RenderableType:
    """Return the diff in colours; bytes that are no UTF-8 show as such."""
    text = Text()
    for line in changes.diff().split("\n")[:-1]:
        shown = line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        text.append(f"{shown}\n", style=_DIFF_STYLES.get(line[:1], ""))
    text.rstrip()
    return text


def changes_text(changes: ChangeSet) -> RenderableType:
    """Return one line a file."""
    lines = [f"  {_SIGNS[c.kind]} {escape(str(c.path))}" for c in changes]
    return Text.from_markup("\n".join(lines))


def outcome_text(outcome: Outcome) -> RenderableType:
    """Return how it ended: the proofs, then what is left to the user."""
    if not outcome.applied:
        return Text("Nothing was written.")
    parts: list[RenderableType] = []
    if outcome.smoke is not None:
        parts.append(smoke_text(outcome.smoke))
    if outcome.changes:
        parts.append(Text("What is yours to know:", style="bold"))
        parts.extend(_bullets(outcome.notes))
    return Group(*parts)


def smoke_text(report: SmokeReport) -> RenderableType:
    """Return the proofs as a table, the failures in full, and a verdict."""
    parts: list[RenderableType] = []
    if report.proofs:
        parts.append(_proof_table(report))
    parts.extend(
        Text(f"- does not apply: {it}", style="yellow") for it in reasons(report)
    )
    parts.extend(Text(it, style="dim") for it in _figures(report))
    for proof in report.failed:
        parts.append(Text(f"✗ {proof.name}", style="bold red"))
        parts.extend(_indented(line) for line in _failure(proof))
    if report.trouble:
        parts.append(Text("\n".join(report.trouble), style="red"))
    parts.append(_verdict(report))
    return Group(*parts)


def _figures(report: SmokeReport) -> Iterator[str]:
    """Yield what was measured besides the proofs, a line each."""
    evidence = shown(report.proofs)
    yield from (f"adapted to this machine: {it}" for it in evidence.shims)
    for world in evidence.worlds[-1:]:
        yield f"ran on {world_words(world)}; {version_words(world)}"
    if words := parity_words(evidence.parities):
        yield words
    yield from map(curve_words, evidence.curves)
    if evidence.memory:
        yield memory_words(evidence.memory)
    if words := slowest_words(report):
        yield words


def _failure(proof: Proof) -> Iterator[str]:
    if proof.measured and proof.bound:
        yield f"measured {proof.measured}, bound {proof.bound}"
    if proof.cause:
        yield f"likely cause: {proof.cause}"
    if words := own_words(proof):
        yield words


def _indented(text: str) -> RenderableType:
    return Padding(Text(text), (0, 0, 0, 2), expand=False)


def _proof_table(report: SmokeReport) -> Table:
    """Return a line a proof: those that do not hold, then all others by section."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("proof", overflow="fold")
    for heading in ("measured", "bound"):
        table.add_column(heading, no_wrap=True, max_width=_CELL)
    table.add_column("s", justify="right")
    others = (it for it in report.proofs if it.outcome in ("passed", "skipped"))
    for section, proofs in [("", report.failed), *by_section(others).items()]:
        if section:
            table.add_row("", Text(section, style="dim"))
        for proof in proofs:
            table.add_row(*_cells(proof))
    return table


def _cells(proof: Proof) -> Iterator[RenderableType]:
    yield _MARKS[proof.outcome]
    yield escape(proof.name)
    yield _cell(proof.measured)
    yield _cell(proof.bound)
    yield f"{proof.seconds:.2f}"


def _cell(value: str | None) -> Text:
    """Return a value that fits its column; the failures show it in full."""
    text = Text(value or "")
    text.truncate(_CELL, overflow="ellipsis")
    return text


def _verdict(report: SmokeReport) -> Text:
    if report.ok:
        return Text(
            f"Proved: {tally(report)} in {report.seconds:.1f} s.", style="bold green"
        )
    why = "it ran out of time" if report.timed_out else "see above"
    return Text(
        f"Not proved: {tally(report)}; {why}. Log: {report.log}", style="bold red"
    )


def audits_text(
    audits: Sequence[Audit], reports: Mapping[str, SmokeReport]
) -> RenderableType:
    """Return what `check` found, a model at a time."""
    if not audits:
        return Text("No model was scaffolded in this checkout; nothing to check.")
    parts: list[RenderableType] = []
    for audit in audits:
        name = audit.manifest.spec.name
        report = reports.get(name)
        if report is not None:
            parts.append(smoke_text(report))
        if not audit.findings:
            line = f"[green]✓[/] {escape(name)}: every wiring is in place and agrees"
            parts.append(Text.from_markup(line))
        for finding in audit.findings:
            line = f"[red]✗[/] {escape(name)}: {finding.surface} {finding.problem}: "
            parts.append(Text.from_markup(line).append(finding.message))
    return Group(*parts)


def golden_text(changes: ChangeSet) -> RenderableType:
    """Return which golden files differ from what is rendered."""
    if not changes:
        return Text("Golden trees are what is rendered.")
    return Text("\n".join(f"  {_STATES[c.kind]}: {c.path}" for c in changes))


def _bullets(sentences: Sequence[str]) -> Iterator[RenderableType]:
    for sentence in sentences:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_row(" •", Text(sentence))
        yield grid
