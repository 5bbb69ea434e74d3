from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from rich.console import Console, RenderableType
from showing import AGREEING, FAILING, LEARNING, LOADING, SHARDING, SHIMS, report_on
from trees import audit_of

from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.commands.new_model import Outcome
from rlinf_scaffold.report.text import (
    audits_text,
    changes_text,
    diff_text,
    golden_text,
    outcome_text,
    plan_text,
    smoke_text,
)
from rlinf_scaffold.smoke.run import SmokeReport

ONE = PurePosixPath("rlinf/[one].py")
CHANGES = ChangeSet.of(
    [
        FileChange(ONE, before="old\n", after="new \udce9\n"),
        FileChange(PurePosixPath("a.py"), before=None, after="new"),
        FileChange(PurePosixPath("z.py"), before="old\n", after=None),
    ]
)


def shown(report: RenderableType, *, width: int = 200, color: bool = False) -> str:
    file = io.StringIO()
    system = "standard" if color else None
    Console(file=file, width=width, color_system=system, force_terminal=color).print(
        report
    )
    return file.getvalue()


def test_changes_are_a_line_a_file() -> None:
    assert shown(changes_text(CHANGES)) == ("  + a.py\n  ~ rlinf/[one].py\n  - z.py\n")


def test_a_plan_says_what_on_which_layout(outcome: Outcome) -> None:
    head, *files = shown(plan_text(outcome)).splitlines()
    assert head == (
        "FooForRLActionPrediction on LlamaForCausalLM, layout registry (registered "
        "builders, RLinf v0.3 and main)"
    )
    assert "  ~ rlinf/config.py" in files
    assert len(files) == len(outcome.changes)


def test_an_empty_plan_says_so(outcome: Outcome) -> None:
    text = shown(plan_text(replace(outcome, changes=ChangeSet())))
    assert text.splitlines()[1:] == ["Everything is in place; nothing to change."]


def test_a_diff_has_no_padding_and_shows_bytes_that_are_no_text() -> None:
    expected = CHANGES.diff().replace("\udce9", "\ufffd")
    assert shown(diff_text(CHANGES), width=500) == expected
    assert "\x1b[32m+new" in shown(diff_text(CHANGES), color=True)
    assert "\x1b[31m-old" in shown(diff_text(CHANGES), color=True)


def test_what_was_declined_says_so(outcome: Outcome) -> None:
    assert shown(outcome_text(outcome)) == "Nothing was written.\n"


def test_what_was_written_says_what_is_left(outcome: Outcome) -> None:
    assert shown(outcome_text(replace(outcome, applied=True))) == (
        "What is yours to know:\n • Mind the gap.\n • Mind [the] step.\n"
    )


def test_notes_are_indented_where_they_are_folded(outcome: Outcome) -> None:
    lines = shown(outcome_text(replace(outcome, applied=True)), width=10).splitlines()
    assert [line.rstrip() for line in lines[-3:]] == [" • Mind", "   [the]", "   step."]


def test_what_was_there_already_says_nothing_twice(
    outcome: Outcome, proved: SmokeReport
) -> None:
    again = replace(outcome, changes=ChangeSet(), applied=True, smoke=proved)
    assert shown(outcome_text(again)) == shown(smoke_text(proved))


def test_a_proof_is_a_line(proved: SmokeReport) -> None:
    head, row, verdict = shown(smoke_text(proved)).splitlines()
    assert head.split() == ["proof", "measured", "bound", "s"]
    assert row.startswith("✓  loss is that of one process [fsdp]  1e-7  ")
    assert row.endswith("  <= 1e-5  1.25")
    assert head.index("bound") == row.index("<= 1e-5")
    assert verdict == "Proved: 1 of 1 proofs passed in 12.3 s."


def test_a_failure_is_told_in_full(failed: SmokeReport) -> None:
    lines = [line.rstrip() for line in shown(smoke_text(failed)).splitlines()]
    start = lines.index("✗ padding does not matter")
    assert lines.pop(start - 1).startswith("slowest: loss is that of one process [fsd")
    start -= 1
    assert lines[start:] == [
        "✗ padding does not matter",
        "  measured a value that is far too wide for the column, bound <= 1e-5",
        "  likely cause: positions count padding",
        "  padding does not matter: [bold]0.3[/bold]",
        "✗ step",
        "Not proved: 1 of 3 proofs passed, 1 does not apply; see above. "
        "Log: /logs/foo.log",
    ]
    *rows, skipped = lines[1:start]
    assert [row[0] for row in rows] == ["✗", "✗", "✓", "-"]
    assert skipped.startswith("- does not apply: ")
    assert "a value that is…  <= 1e-5" in rows[0]


def test_figures_are_a_line_each() -> None:
    lines = shown(smoke_text(report_on(*FAILING))).splitlines()
    table = lines[: lines.index(f"adapted to this machine: {SHIMS[0]}")]
    sections = [line.strip() for line in table if line[0] == " "][1:]
    assert sections == [LOADING, AGREEING, SHARDING, LEARNING]
    assert [line[0] for line in table[1:4]] == ["✗", "✗", " "]
    assert lines[len(table) + 1 : len(table) + 7] == [
        "ran on 2 ranks, gloo on cpu; torch 2.13.0, transformers 4.57.6, peft 0.21.2",
        "of 224 log-probabilities, the two that are farthest apart differ by 0.9 "
        "(-3.29 in training, -4.19 in rollout)",
        "under ppo the mean reward is 0.815 after 13 updates; 0.75 is to be reached, "
        "random actions get 0.375",
        "under grpo the mean reward is 0.794 after 13 updates; 0.75 is to be reached, "
        "random actions get 0.375",
        "peak memory on cpu: rank 0 412 MiB, rank 1 398 MiB",
        "slowest: learns to do as it is told [ppo] (7.90 s), learns to do as it is told "
        "[grpo] (7.90 s), rlinf is this checkout (6.40 s)",
    ]


def test_a_run_that_came_to_nothing_says_what_the_log_says(
    crashed: SmokeReport,
) -> None:
    assert shown(smoke_text(crashed)).splitlines() == [
        "the interpreter ended with status 4",
        "No module named 'x'",
        "Not proved: 0 of 0 proofs passed; it ran out of time. Log: /logs/foo.log",
    ]


def test_nothing_to_check_says_so() -> None:
    assert shown(audits_text((), {})) == (
        "No model was scaffolded in this checkout; nothing to check.\n"
    )


def test_audits_say_what_stands_and_what_does_not(proved: SmokeReport) -> None:
    audits = (audit_of("foo"), audit_of("bar", "a [b] is gone", "so is c"))
    text = shown(audits_text(audits, {"bar": proved}))
    assert text == (
        "✓ foo: every wiring is in place and agrees\n"
        + shown(smoke_text(proved))
        + "✗ bar: config missing: a [b] is gone\n"
        "✗ bar: config missing: so is c\n"
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (ChangeSet(), "Golden trees are what is rendered.\n"),
        (CHANGES, "  missing: a.py\n  changed: rlinf/[one].py\n  extra: z.py\n"),
    ],
)
def test_golden_trees(changes: ChangeSet, text: str) -> None:
    assert shown(golden_text(changes)) == text


@pytest.mark.parametrize("make", [plan_text, outcome_text])
def test_nothing_is_folded_where_it_is_wide_enough(
    make: Callable[[Outcome], RenderableType], outcome: Outcome
) -> None:
    spec = replace(outcome.job.spec, name="a_policy_with_a_name_of_32_chars")
    wide = replace(outcome, job=replace(outcome.job, spec=spec), applied=True)
    lines = shown(make(wide), width=10_000).splitlines()
    assert all(line == line.rstrip() for line in lines)
