from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from archs.entries import Entry, read_entries
from archs.page import Covered, as_json, from_json, render, totals
from archs.running import (
    SPEC,
    STRATEGIES,
    Result,
    cover,
    judge,
    parse_result,
    plan_on,
    reason_of,
)
from warm.runs import Candidate, Ended

from rlinf_scaffold.smoke.junit import Proof
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

MODELS = """
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(
    [("llama", "LlamaForCausalLM"), ("two", ("OneForCausalLM", "TwoForCausalLM"))]
)
MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = OrderedDict([("see", "SeeForBoth")])
"""
PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
LLAMA = Entry("causal-lm", "llama", "LlamaForCausalLM")
HELD = Proof(name="a", outcome="passed")
MEASURED = Proof(
    name="shards", outcome="failed", measured="2", bound="1", message="Failed"
)
RAISED = Proof(name="rolls out", outcome="error", message="failed on setup with 'x'\ny")


def planted(tmp_path: Path, source: str) -> Path:
    folder = tmp_path / "transformers/models/auto"
    folder.mkdir(parents=True)
    for path in (folder, folder.parent, folder.parent.parent):
        (path / "__init__.py").touch()
    (folder / "modeling_auto.py").write_text(source)
    return tmp_path


def test_nothing_is_listed_where_nothing_is(tmp_path: Path) -> None:
    assert list(read_entries([tmp_path])) == []
    assert list(read_entries([planted(tmp_path, "")])) == []


def test_lists_every_class_of_both_tables(tmp_path: Path) -> None:
    entries = list(read_entries([planted(tmp_path, MODELS)]))
    assert entries == [
        LLAMA,
        Entry("causal-lm", "two", "OneForCausalLM"),
        Entry("causal-lm", "two", "TwoForCausalLM"),
        Entry("image-text-to-text", "see", "SeeForBoth"),
    ]
    assert len({it.name for it in entries}) == len(entries)


@pytest.mark.parametrize(
    ("proofs", "status", "reason"),
    [
        ((HELD,), 0, ""),
        ((), 0, "it ended with status 0"),
        ((HELD,), 3, "it ended with status 3"),
        ((HELD,), -14, "it was ended by signal 14"),
        ((HELD, MEASURED, RAISED), 1, "shards: 2, not 1"),
        ((RAISED,), 1, "rolls out: failed on setup with 'x' y"),
    ],
)
def test_says_why_a_base_does_not_pass(
    proofs: tuple[Proof, ...], status: int, reason: str
) -> None:
    assert reason_of(Ended(status, 1.0, 0, proofs, "")) == reason


def test_what_cannot_be_a_base_is_refused_with_its_reason() -> None:
    planned = plan_on("NoSuchForCausalLM", ())
    assert planned.base is None
    assert "NoSuchForCausalLM" in planned.reason
    assert "\n" not in planned.reason


def test_a_base_is_planned_in_memory_and_judged() -> None:
    planned = plan_on("LlamaForCausalLM", ())
    test = smoke_test_path(SPEC.name)
    assert planned.tree.read(test)
    candidate = Candidate("a", planned.tree, test, "", shares=("fsdp2",))
    result = judge(planned, candidate, Ended(0, 2.0, 5 << 20, (HELD, HELD), ""))
    assert (result.outcome, result.proofs, result.peak_mib) == ("pass", 2, 5)
    assert result.layer_classes == ("LlamaDecoderLayer",)
    assert parse_result(json.loads(json.dumps(asdict(result)))) == result


def test_every_base_meets_fsdp2_and_a_third_of_them_fsdp1() -> None:
    assert all("fsdp2" in it for it in STRATEGIES)
    assert sum("fsdp" in it for it in STRATEGIES) * 3 == len(STRATEGIES)


def covered(version: str, result: Result) -> Covered:
    return Covered({"transformers": version}, {LLAMA: result})


def test_the_page_counts_and_lists() -> None:
    passed = Result(
        outcome="pass", seconds=3.2, peak_mib=70, proofs=5, layer_classes=("A", "B")
    )
    runs = [
        covered("5.1", passed),
        covered("4.1", Result(outcome="refused", reason="it | cannot")),
    ]
    assert list(totals(runs))[1:3] == [
        ("causal-lm", "5.1", "1", "1", "0", "0", "100.0", "100.0"),
        ("causal-lm", "4.1", "1", "0", "1", "0", "0.0", "0.0"),
    ]
    row = "| llama | LlamaForCausalLM | pass | refused: it &#124; cannot | A, B |  | 3 | 70 |"
    assert row in render(runs).splitlines()
    assert json.loads(as_json(runs))[0]["entries"][0] == {
        **asdict(LLAMA),
        **asdict(passed),
        "layer_classes": ["A", "B"],
        "lora_targets": [],
        "strategies": [],
    }


def test_what_only_an_older_release_lists_is_counted_apart() -> None:
    passed, refused = Result(outcome="pass"), Result(outcome="refused", reason="gone")
    old = Entry("causal-lm", "mega", "MegaForCausalLM")
    older = Covered({"transformers": "4.1"}, {LLAMA: passed, old: refused})
    rows = list(totals([covered("5.1", passed), older]))
    assert rows[0][-1] == "of those that pass with 5.1, %"
    assert rows[2] == ("causal-lm", "4.1", "2", "1", "1", "0", "50.0", "100.0")
    rows = list(totals([covered("5.1", refused), older]))
    assert rows[2] == ("causal-lm", "4.1", "2", "1", "1", "0", "50.0", "0.0")


def test_the_page_is_what_its_json_says_and_keeps_its_promise() -> None:
    text = PAGE.with_suffix(".json").read_text("utf-8")
    runs = from_json(text)
    assert as_json(runs) == text
    assert render(runs) == PAGE.read_text("utf-8")
    newest, *olders = runs
    shares = {row[:2]: float(row[-2]) for row in list(totals(runs))[1:]}
    assert shares["causal-lm", newest.version] >= 95
    assert shares["image-text-to-text", newest.version] >= 85
    passing = {entry for entry, it in newest.results.items() if it.outcome == "pass"}
    assert olders
    for older in olders:
        had = [it.outcome for entry, it in older.results.items() if entry in passing]
        assert had.count("pass") >= 0.95 * len(had)
    assert all(
        r.outcome != "fail" or r.reason for it in runs for r in it.results.values()
    )


@pytest.mark.smoke
def test_a_class_is_proved_once_and_kept(tmp_path: Path) -> None:
    told: list[str] = []
    entries = [
        Entry("causal-lm", "gpt2", "GPT2LMHeadModel"),
        Entry("image-text-to-text", "gpt2", "GPT2LMHeadModel"),
        Entry("causal-lm", "bert", "BertForMaskedLM"),
    ]
    results = [
        cover(
            entries, Path(sys.executable), tmp_path, lambda name, _: told.append(name)
        )
        for _ in range(2)
    ]
    assert results[0] == results[1]
    assert told == ["GPT2LMHeadModel"]
    first, second, refused = results[0].values()
    assert first == second
    assert (first.outcome, first.reason) == ("pass", "")
    assert first.proofs > 100
    assert (refused.outcome, refused.proofs) == ("refused", 0)
