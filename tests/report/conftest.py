from __future__ import annotations

from pathlib import Path

import pytest
from trees import TREES, job_for

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.new_model import Outcome
from rlinf_scaffold.planner import plan
from rlinf_scaffold.smoke.junit import Proof
from rlinf_scaffold.smoke.run import SmokeReport
from rlinf_scaffold.spec import ModelSpec


@pytest.fixture(scope="session")
def outcome() -> Outcome:
    """Return what a dry run ends in."""
    tree = TREES["registry"]
    job = job_for(tree, ModelSpec(name="foo"))
    return Outcome(
        checkout=Checkout(Path("/rl")),
        job=job,
        changes=plan(tree, job),
        applied=False,
        notes=("Mind the gap.", "Mind [the] step."),
    )


GOOD = Proof(
    name="loss is that of one process [fsdp]",
    outcome="passed",
    seconds=1.25,
    measured="1e-7",
    bound="<= 1e-5",
)
BAD = Proof(
    name="padding does not matter",
    outcome="failed",
    seconds=0.5,
    measured="a value that is far too wide for the column",
    bound="<= 1e-5",
    cause="positions count padding",
    message="padding does not matter: [bold]0.3[/bold]",
)
CRASH = Proof(name="step", outcome="error", message="")
SKIPPED = Proof(name="needs a GPU", outcome="skipped")


def report_of(
    *proofs: Proof, timed_out: bool = False, trouble: tuple[str, ...] = ()
) -> SmokeReport:
    return SmokeReport(
        proofs=proofs,
        seconds=12.3456,
        returncode=0 if all(it.outcome == "passed" for it in proofs) else 1,
        timed_out=timed_out,
        log=Path("/logs/foo.log"),
        python=Path("/bin/python"),
        trouble=trouble,
    )


@pytest.fixture
def proved() -> SmokeReport:
    return report_of(GOOD)


@pytest.fixture
def failed() -> SmokeReport:
    return report_of(GOOD, BAD, CRASH, SKIPPED)


@pytest.fixture
def crashed() -> SmokeReport:
    trouble = ("the interpreter ended with status 4", "No module named 'x'")
    return report_of(timed_out=True, trouble=trouble)
