from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from mutants.mutant import NAME
from mutants.running import Verdict, candidate, judge, verdict_of
from warm.runs import Ended, digest, versions_of

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.smoke.junit import parse_junit
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

BASE = "LlamaForCausalLM"
PYTHON = Path(sys.executable)
TEST = smoke_test_path(NAME)

KILLED = """<testsuites><testsuite name="pytest">
<testcase name="test_good"><properties>
  <property name="measured" value="0"/><property name="bound" value="0"/>
  <property name="cause" value="none"/>
</properties></testcase>
<testcase name="test_shards[fsdp]"><properties>
  <property name="measured" value="4.2"/><property name="bound" value="&lt;= 1e-05"/>
  <property name="cause" value="rows are mixed"/>
</properties><failure message="Failed: shards">shards</failure></testcase>
</testsuite></testsuites>"""
RAISED = """<testsuites><testsuite name="pytest">
<testcase name="test_good"><error message="failed on setup with &quot;ValueError: no&quot;"/>
</testcase></testsuite></testsuites>"""
PASSED = """<testsuites><testsuite name="pytest"><testcase name="test_good"/>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("junit", "status", "verdict"),
    [
        pytest.param(PASSED, 0, Verdict(), id="survived"),
        pytest.param(None, -14, Verdict(status=-14), id="time is over"),
        pytest.param(
            KILLED,
            1,
            Verdict("shards [fsdp]", "4.2", "<= 1e-05", "rows are mixed", 1),
            id="a proof failed",
        ),
        pytest.param(
            RAISED,
            1,
            Verdict("good", 'failed on setup with "ValueError: no"', status=1),
            id="something was raised",
        ),
    ],
)
def test_reads_the_first_proof_that_failed(
    junit: str | None, status: int, verdict: Verdict
) -> None:
    proofs = parse_junit(junit) if junit is not None else ()
    assert verdict_of(Ended(status, 1.0, 0, proofs, "")) == verdict
    assert verdict.survived == (status == 0)


def test_a_digest_is_that_of_every_file_and_version() -> None:
    tree = MemoryTree.of({"a.py": "A = 1\n", "b/c.py": ""})
    others = [
        MemoryTree.of({"a.py": "A = 2\n", "b/c.py": ""}),
        MemoryTree.of({"a.py": "A = 1\n", "b/d.py": ""}),
    ]
    assert digest(tree, "1") == digest(MemoryTree(tree.contents), "1")
    digests = {
        digest(tree, "1"),
        digest(tree, "2"),
        *(digest(it, "1") for it in others),
    }
    assert len(digests) == 4


def test_what_is_kept_is_not_run_again(tmp_path: Path) -> None:
    tree = MemoryTree.of({"a.py": "A = 1\n"})
    verdict = Verdict("good", "2", "1", "none", 1)
    kept = tmp_path / f"{digest(tree, versions_of(PYTHON))}.json"
    kept.write_text(json.dumps(asdict(verdict)))
    told: list[str] = []
    verdicts = judge(
        [candidate("a", tree, BASE)],
        tmp_path,
        PYTHON,
        lambda name, _: told.append(name),
    )
    assert (verdicts, told) == ({"a": verdict}, [])


SHARED = """
import os
import pytest

@pytest.fixture
def world():
    assert "RANK" not in os.environ

def test_alone():
    assert {alone}

def test_together(world):
    assert {together}
"""


@pytest.mark.smoke
def test_first_without_other_ranks_then_whole(tmp_path: Path) -> None:
    fates = {"good": (True, True), "bad": (False, True), "bad together": (True, False)}
    wanted = [
        candidate(
            name,
            MemoryTree({TEST: SHARED.format(alone=alone, together=together)}),
            BASE,
        )
        for name, (alone, together) in fates.items()
    ]
    told: dict[str, Verdict] = {}
    verdicts = judge(wanted, tmp_path, PYTHON, told.__setitem__)
    assert verdicts == told
    assert {name: it.proof for name, it in verdicts.items()} == {
        "good": "",
        "bad": "alone",
        "bad together": "together",
    }
