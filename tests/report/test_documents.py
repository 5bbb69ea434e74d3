"""The keys are a contract: what is pinned here may be added to, never renamed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from trees import audit_of

from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.commands.new_model import Outcome
from rlinf_scaffold.errors import NotScaffoldedError
from rlinf_scaffold.report.documents import (
    audits_document,
    changes_document,
    error_document,
    outcome_document,
    smoke_document,
)
from rlinf_scaffold.smoke.run import SmokeReport

OUTCOME = [
    *("checkout", "layout", "contract", "spec", "base", "changes", "applied"),
    *("notes", "smoke"),
]
SMOKE = ["ok", "seconds", "returncode", "timed_out", "log", "proofs", "trouble"]
PROOF = ["name", "outcome", "seconds", "measured", "bound", "cause", "message"]


def through_json(document: object) -> object:
    return json.loads(json.dumps(document))


def test_nothing_changes() -> None:
    assert changes_document(ChangeSet()) == []


def test_an_outcome(outcome: Outcome) -> None:
    document = outcome_document(outcome, diff=False)
    assert list(document) == OUTCOME
    assert document["checkout"] == "/rl"
    assert (document["layout"], document["contract"]) == ("registry", "forward_inputs")
    assert document["spec"] == asdict(outcome.job.spec)
    assert document["base"] == asdict(outcome.job.base)
    assert document["notes"] == list(outcome.notes)
    assert (document["applied"], document["smoke"]) == (False, None)
    assert {"path": "rlinf/config.py", "kind": "modify"} in document["changes"]  # type: ignore[operator]
    json.dumps(document)


def test_an_outcome_with_its_diff(outcome: Outcome) -> None:
    document = outcome_document(outcome, diff=True)
    assert list(document) == [*OUTCOME, "diff"]
    assert document["diff"] == outcome.changes.diff()


def test_an_outcome_that_was_proved(outcome: Outcome, proved: SmokeReport) -> None:
    document = outcome_document(replace(outcome, smoke=proved), diff=False)
    assert document["smoke"] == smoke_document(proved)


def test_a_smoke_report(failed: SmokeReport) -> None:
    document = through_json(smoke_document(failed))
    assert isinstance(document, dict)
    assert list(document) == SMOKE
    assert [list(proof) for proof in document.pop("proofs")] == [PROOF] * 4
    assert document == {
        "ok": False,
        "seconds": 12.346,
        "returncode": 1,
        "timed_out": False,
        "log": "/logs/foo.log",
        "trouble": [],
    }


def test_audits(proved: SmokeReport) -> None:
    audits = (audit_of("foo"), audit_of("bar", "it is gone"))
    document = through_json(audits_document(audits, {"foo": proved}))
    assert document == {
        "ok": False,
        "models": [
            {
                "name": "foo",
                "findings": [],
                "smoke": through_json(smoke_document(proved)),
            },
            {
                "name": "bar",
                "findings": [
                    {
                        "model": "bar",
                        "surface": "config",
                        "path": "rlinf/[one].py",
                        "line": 7,
                        "problem": "missing",
                        "message": "it is gone",
                    }
                ],
                "smoke": None,
            },
        ],
    }


def test_audits_are_well_where_nothing_is_wrong(
    proved: SmokeReport, failed: SmokeReport
) -> None:
    audits = (audit_of("foo"),)
    assert audits_document((), {})["ok"] is True
    assert audits_document(audits, {})["ok"] is True
    assert audits_document(audits, {"foo": proved})["ok"] is True
    assert audits_document(audits, {"foo": failed})["ok"] is False


def test_an_error() -> None:
    error = NotScaffoldedError("foo", ["bar"])
    assert error_document(error) == {
        "error": {
            "type": "NotScaffoldedError",
            "message": str(error),
            "exit_code": 24,
        }
    }
