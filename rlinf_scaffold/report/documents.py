"""Outcomes as plain data, for ``--format json``; the keys are a contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from rlinf_scaffold.commands.check import Audit
    from rlinf_scaffold.commands.new_model import Outcome
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
    """Return a smoke test's report."""
    return {
        "ok": report.ok,
        "seconds": round(report.seconds, 3),
        "returncode": report.returncode,
        "timed_out": report.timed_out,
        "log": str(report.log),
        "proofs": [asdict(proof) for proof in report.proofs],
        "trouble": report.trouble,
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


def error_document(error: ScaffoldError) -> Document:
    """Return an error."""
    return {
        "error": {
            "type": type(error).__name__,
            "message": str(error),
            "exit_code": error.exit_code,
        }
    }
