"""Outcomes as plain data, for ``--format json``; the keys are a contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from rlinf_scaffold.commands.check import Audit
    from rlinf_scaffold.commands.inspect import Axis, Inspection, Judged
    from rlinf_scaffold.commands.new_model import Outcome
    from rlinf_scaffold.sites.verdicts import Verdict
    from rlinf_scaffold.smoke.run import SmokeReport

Document = Mapping[str, object]


def outcome_document(outcome: Outcome, *, diff: bool) -> Document:
    """Return a `new-model` outcome."""
    job = outcome.job
    document: dict[str, object] = {
        "checkout": str(outcome.checkout.root),
        "layout": job.layout.name,
        "contract": job.contract.name,
        "spec": asdict(job.spec),
        "base": asdict(job.base),
        "changes": changes_document(outcome.changes),
        "applied": outcome.applied,
        "notes": list(outcome.notes),
        "smoke": smoke_document(outcome.smoke) if outcome.smoke else None,
    }
    if diff:
        document["diff"] = outcome.changes.diff()
    return document


def changes_document(changes: ChangeSet) -> list[Document]:
    """Return a change set without its texts."""
    return [{"path": str(change.path), "kind": change.kind.value} for change in changes]


def smoke_document(report: SmokeReport) -> Document:
    """Return a smoke test's report; `docs/smoke-report.schema.json` says what it is."""
    return {
        "ok": report.ok,
        "seconds": round(report.seconds, 3),
        "returncode": report.returncode,
        "timed_out": report.timed_out,
        "python": str(report.python),
        "log": str(report.log) if report.log else None,
        "proofs": [asdict(proof) for proof in report.proofs],
        "trouble": report.trouble,
        "fault": error_document(report.fault)["error"] if report.fault else None,
    }


def audits_document(
    audits: Sequence[Audit], reports: Mapping[str, SmokeReport]
) -> Document:
    """Return what `check` found."""
    return {
        "ok": all(not audit.findings for audit in audits)
        and all(report.ok for report in reports.values()),
        "models": [
            {
                "name": audit.manifest.spec.name,
                "findings": [
                    {**asdict(finding), "path": str(finding.path)}
                    for finding in audit.findings
                ],
                "smoke": (
                    smoke_document(reports[audit.manifest.spec.name])
                    if audit.manifest.spec.name in reports
                    else None
                ),
            }
            for audit in audits
        ],
    }


def inspection_document(inspection: Inspection) -> Document:
    """Return what `inspect` found; places are ``path:line``."""
    revision, roster = inspection.revision, inspection.roster
    return {
        "checkout": str(inspection.checkout.root),
        "revision": asdict(revision) if revision else None,
        "axes": [_axis_document(axis) for axis in inspection.axes],
        "models": [
            {
                "name": model.name,
                "places": {
                    role: [str(line) for line in lines]
                    for role, lines in sorted(model.places.items())
                },
            }
            for model in roster.models
        ],
        "others": {name: str(line) for name, line in sorted(roster.others.items())},
        "gaps": [{"models": list(it.models), "message": it.said} for it in roster.gaps],
        "judged": _judged_document(inspection.judged) if inspection.judged else None,
        "unread": [str(error) for error in inspection.unread],
    }


def _axis_document(axis: Axis) -> Document:
    return {
        "axis": axis.axis,
        "name": axis.name or None,
        "title": axis.title,
        "reasons": list(axis.reasons),
        "error": error_document(axis.error)["error"] if axis.error else None,
    }


def _judged_document(judged: Judged) -> Document:
    return {
        "model": judged.name,
        "known": judged.known,
        "generated": judged.generated,
        "sites": [_verdict_document(verdict) for verdict in judged.verdicts],
    }


def _verdict_document(verdict: Verdict) -> Document:
    site = verdict.site
    return {
        "path": str(site.path),
        "line": site.line,
        "function": site.function,
        "about": verdict.about,
        "named": verdict.is_named,
        "outcome": verdict.outcome,
        "message": verdict.sentence,
        "arms": [
            {
                "line": arm.line,
                "models": list(arm.named),
                "but": arm.types.others,
                "only": arm.exact,
                "does": arm.does,
                "taken": arm is verdict.arm,
            }
            for arm in site.arms
        ],
        "default": {
            "does": site.default.does,
            "taken": site.default is verdict.arm,
        },
    }


def error_document(error: ScaffoldError) -> Document:
    """Return an error."""
    return {
        "error": {
            "type": type(error).__name__,
            "message": str(error),
            "exit_code": error.exit_code,
        }
    }
