"""A smoke test whose ranks are those of a generated one, and whose proofs are small."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

from trees import planned

from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.run import SmokeReport, run_smoke
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

TEST = PurePosixPath("tests/test_smoke.py")
PATIENCE = 6.0
# What stands in for all that a policy is measured by.
PROOFS = """
@pytest.fixture(scope="module")
def load():
    return None


@pytest.fixture(scope="module")
def engine():
    return None


@pytest.fixture(scope="module", params=["one", "two", "three"])
def total(request, world):
    import ctypes
    import torch

    place = request.param
    if place == "two" and world.rank == VICTIM:
        SABOTAGE
    number = torch.ones(1)
    torch.distributed.all_reduce(number)
    return number.item()


def test_alone(proof):
    proof.equal(1, 1, "never")


def test_total(proof, total, world):
    proof.equal(total, float(world.size), "a rank is missing")


def test_again(proof, total, world):
    proof.equal(total, float(world.size), "a rank is missing")
"""
ALL = [
    f"{test} [{place}]"
    for place in ("one", "two", "three")
    for test in ("total", "again")
]


def write(root: Path, sabotage: str = "pass", victim: int = 1) -> None:
    """Write a test whose ranks are those of a generated one."""
    changes = {it.path: it for it in planned("registry", ModelSpec(name="foo"))}
    generated = changes[smoke_test_path("foo")].after or ""
    ranks, *_ = generated.partition("\n# The model\n")
    proofs = PROOFS.replace("VICTIM", str(victim)).replace("SABOTAGE", sabotage)
    path = root / TEST
    path.parent.mkdir(exist_ok=True)
    path.write_text(ranks.replace("parents[2]", "parent") + proofs)


def prove(
    root: Path, launch: Launch | None = None, python: str = sys.executable
) -> SmokeReport:
    return run_smoke(
        root,
        TEST,
        Path(python),
        launch or Launch(timeout=300),
        log=root / "foo.log",
        on_event=lambda _: None,
    )


def outcomes(report: SmokeReport) -> dict[str, str]:
    return {proof.name: proof.outcome for proof in report.proofs}
