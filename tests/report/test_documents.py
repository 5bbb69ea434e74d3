"""The keys are a contract: what is pinned here may be added to, never renamed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from inspections import inspection_of
from jsonschema import Draft202012Validator
from showing import FAILING, PROVED, proof, report_on
from trees import audit_of

from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.commands.new_model import Outcome
from rlinf_scaffold.errors import NotScaffoldedError
from rlinf_scaffold.report.documents import (
    audits_document,
    changes_document,
    error_document,
    inspection_document,
    outcome_document,
    smoke_document,
)
from rlinf_scaffold.smoke.junit import Evidence
from rlinf_scaffold.smoke.run import SmokeReport

OUTCOME = [
    *("checkout", "layout", "contract", "spec", "base", "changes", "applied"),
    *("notes", "smoke"),
]
SMOKE = [
    *("ok", "seconds", "returncode", "timed_out", "python", "log", "proofs"),
    *("trouble", "fault"),
]
PROOF = [
    *("name", "section", "outcome", "seconds", "measured", "bound", "cause"),
    *("message", "evidence"),
]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    root = Path(__file__).parents[2]
    text = (root / "docs" / "smoke-report.schema.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


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
        "python": "/bin/python",
        "log": "/logs/foo.log",
        "trouble": [],
        "fault": None,
    }


SMOKE_REPORTS = {
    "empty": report_on(),
    "proved": report_on(*PROVED),
    "failed": report_on(*FAILING),
    "ended": replace(
        report_on(trouble=("time was over", "no gloo")),
        log=None,
        fault=NotScaffoldedError("foo", []),
    ),
    "of another kind": report_on(proof("a", "b", Evidence("new", {"x": [None, {}]}))),
}


@pytest.mark.parametrize("report", SMOKE_REPORTS.values(), ids=SMOKE_REPORTS)
def test_a_smoke_report_is_what_its_schema_says(
    report: SmokeReport, schema: dict[str, Any]
) -> None:
    Draft202012Validator.check_schema(schema)
    document = through_json(smoke_document(report))
    assert [*Draft202012Validator(schema).iter_errors(document)] == []


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence("units", {"strategy": "fsdp", "tree": {"name": "a"}}),
        Evidence("parity", {"sampling": "a", "rollout": ["1"], "training": [1]}),
        Evidence("curve", {"algorithm": "ppo", "rewards": []}),
        Evidence("memory", {"ranks": [{"rank": -1, "device": "a", "peak_bytes": 1}]}),
        Evidence("shims", {"shims": "one"}),
        Evidence("world", {"backend": "gloo", "size": 0, "device": "", "versions": {}}),
    ],
    ids=lambda it: it.kind,
)
def test_the_schema_refuses_evidence_that_is_not_as_agreed(
    evidence: Evidence, schema: dict[str, Any]
) -> None:
    document = through_json(smoke_document(report_on(proof("a", "b", evidence))))
    assert not Draft202012Validator(schema).is_valid(document)


def test_the_schema_describes_every_key(schema: dict[str, Any]) -> None:
    proof = schema["$defs"]["proof"]
    for keys, described in ((SMOKE, schema), (PROOF, proof)):
        assert [*described["properties"]] == keys == described["required"]
        assert all(it["description"] for it in described["properties"].values())


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


INSPECTION = [
    *("checkout", "revision", "axes", "models", "others", "gaps", "judged", "unread"),
]
AXIS = ["axis", "name", "title", "reasons", "error"]
SITE = [
    *("path", "line", "function", "about", "named", "outcome", "message"),
    *("arms", "default"),
]
ARM = ["line", "models", "but", "only", "does", "taken"]


def test_an_inspection() -> None:
    document = inspection_document(inspection_of())
    assert list(document) == INSPECTION
    assert document["checkout"] == "/rl"
    assert document["revision"] == {"commit": "0123456789abcdef", "uncommitted": 2}
    known, unknown = document["axes"]  # type: ignore[misc]
    assert list(known) == list(unknown) == AXIS
    assert known["name"] == "registry"
    assert (unknown["name"], unknown["error"]["exit_code"]) == (None, 8)
    assert document["others"] == {"qwen": "rlinf/config.py:5"}
    assert document["judged"] is None
    (gap,) = document["gaps"]  # type: ignore[misc]
    assert gap == {
        "models": ["gamma"],
        "message": "registered at rlinf/config.py:8, but rlinf/models/__init__.py loads "
        "no such model",
    }
    model = document["models"][0]  # type: ignore[index]
    assert model["name"] == "alpha"
    assert model["places"]["loader"] == ["rlinf/models/__init__.py:3"]
    assert list(model["places"]) == sorted(model["places"])
    assert len(document["unread"]) == 1  # type: ignore[arg-type]
    assert through_json(document) == document


def test_an_inspection_of_a_model() -> None:
    judged = inspection_document(inspection_of("foo"))["judged"]
    assert list(judged) == ["model", "known", "generated", "sites"]  # type: ignore[call-overload]
    site = judged["sites"][0]  # type: ignore[index]
    assert list(site) == SITE
    assert [list(arm) for arm in site["arms"]] == [ARM, ARM]
    assert (site["path"], site["line"]) == ("rlinf/envs/action_utils.py", 3)
    assert (site["outcome"], site["named"]) == ("silent", False)
    assert [arm["taken"] for arm in site["arms"]] == [False, False]
    assert site["default"] == {"does": "nothing", "taken": True}


def test_nothing_to_inspect() -> None:
    document = inspection_document(inspection_of(files={}, revision=None, config=""))
    assert (document["models"], document["gaps"]) == ([], [])
    assert document["revision"] is None
