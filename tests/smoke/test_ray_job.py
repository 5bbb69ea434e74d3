from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from ranks import ALL, PATIENCE, outcomes, prove, write

from rlinf_scaffold.errors import HungRankError, KilledRankError, ScaffoldError
from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.launchers import Launcher
from rlinf_scaffold.smoke.ray_job import Mailbox


def test_a_mailbox_keeps_what_it_was_given() -> None:
    mailbox = Mailbox()
    assert mailbox.read() == {}
    mailbox.put(1, 0, "<one/>")
    mailbox.put(0, 1, "")
    assert mailbox.read() == {1: (0, "<one/>"), 0: (1, "")}


@pytest.fixture
def ray_python() -> str:
    """An interpreter with Ray: this one, or the one that RAY_PYTHON names."""
    python = os.environ.get("RAY_PYTHON", sys.executable)
    if python == sys.executable and find_spec("ray") is None:
        pytest.skip("no ray here, and RAY_PYTHON names no interpreter that has it")
    return python


RAY_FAULTS: dict[str, tuple[str, type[ScaffoldError] | None]] = {
    "well": ("pass", None),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", KilledRankError),
    "hung": ("time.sleep(600)", HungRankError),
}


@pytest.mark.smoke
@pytest.mark.parametrize("way", RAY_FAULTS)
def test_ray_train_runs_two_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray_python: str, way: str
) -> None:
    sabotage, kind = RAY_FAULTS[way]
    monkeypatch.setenv("SMOKE_TIMEOUT", str(PATIENCE))
    write(tmp_path, sabotage)
    report = prove(tmp_path, Launch(launcher=Launcher.RAY, timeout=300), ray_python)
    if kind is None:
        assert report.ok, report
        assert {it.measured for it in report.proofs[1:]} == {"2.0"}
        assert outcomes(report) == dict.fromkeys(["alone", *ALL], "passed")
    else:
        assert isinstance(report.fault, kind), report
        assert not report.ok
