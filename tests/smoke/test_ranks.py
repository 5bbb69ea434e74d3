"""The ranks of generated smoke tests, with fixtures that hang, die and crash."""

from __future__ import annotations

import shutil
import socket
import subprocess  # noqa: TID251
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from ranks import ALL, PATIENCE, TEST, outcomes, prove, write

from rlinf_scaffold.errors import (
    CrashedRankError,
    HungRankError,
    KilledRankError,
    NoBackendError,
    PortInUseError,
)
from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.launchers import Launcher
from rlinf_scaffold.smoke.run import SmokeReport

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(find_spec("torch") is None, reason="no torch here"),
]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOKE_TIMEOUT", str(PATIENCE))


@pytest.mark.parametrize("launcher", [Launcher.PYTEST, Launcher.TORCHRUN])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_noop_on_any_number_of_ranks(
    tmp_path: Path, launcher: Launcher, ranks: int
) -> None:
    write(tmp_path)
    report = prove(tmp_path, Launch(launcher=launcher, ranks=ranks))
    assert report.ok, report
    assert outcomes(report) == dict.fromkeys(["alone", *ALL], "passed")
    assert {it.measured for it in report.proofs[1:]} == {f"{ranks}.0"}
    assert report.fault is None


def test_noop_where_signals_reach_all_threads(tmp_path: Path) -> None:
    signals = (
        "signal.signal(signal.SIGUSR1, lambda number, frame: None)\n"
        "        for thread in __import__('threading').enumerate():\n"
        "            signal.pthread_kill(thread.ident, signal.SIGUSR1)\n"
        "        time.sleep(0.1)"
    )
    write(tmp_path, signals)
    report = prove(tmp_path)
    assert report.ok, report


def test_full_is_one_report_of_one_two_and_three_ranks(tmp_path: Path) -> None:
    write(tmp_path)
    report = prove(tmp_path, Launch(full=True))
    assert report.ok, report
    assert list(outcomes(report)) == [
        "alone",
        *(
            f"{name} on {ranks}"
            for ranks in ("2 ranks", "1 rank", "3 ranks")
            for name in ALL
        ),
    ]


KILLED, CRASHED, HUNG = KilledRankError, CrashedRankError, HungRankError
SABOTAGES = {
    "killed": (
        "os.kill(os.getpid(), signal.SIGKILL)",
        KILLED,
        "rank 1 was ended by SIGKILL",
    ),
    "crashed": ("ctypes.string_at(0)", CRASHED, "it was ended by SIGSEGV"),
    "aborted": ("os.abort()", CRASHED, "it was ended by SIGABRT"),
    "left": ("os._exit(7)", CRASHED, "it ended with status 7"),
    "hung": ("time.sleep(600)", HUNG, "rank 1 hung during 'total [two]'"),
    "stopped": ("os.kill(os.getpid(), signal.SIGSTOP)", HUNG, "rank 1 hung"),
}


@pytest.mark.parametrize("launcher", [Launcher.PYTEST, Launcher.TORCHRUN])
@pytest.mark.parametrize("way", SABOTAGES)
def test_a_rank_that_is_lost_ends_all(
    tmp_path: Path, launcher: Launcher, way: str
) -> None:
    sabotage, kind, words = SABOTAGES[way]
    write(tmp_path, sabotage)
    report = prove(tmp_path, Launch(launcher=launcher, timeout=300))
    assert type(report.fault) is kind, report
    assert words in str(report.fault)
    assert str(report.log) in str(report.fault)
    ended = outcomes(report)
    assert not report.ok
    assert ended["alone"] == "passed"
    assert {ended.get(name, "error") for name in ALL[2:]} == {"error"}
    waited = [proof.name for proof in report.proofs if proof.seconds > PATIENCE - 1]
    assert waited in (
        [],
        ["total [two]"],
        ["total [one]"],
        ["total [one]", "total [two]"],
    )
    assert sum(proof.seconds for proof in report.proofs[3:]) < 3 * PATIENCE
    if way == "hung":
        assert any("in total" in line for line in report.trouble), report.trouble


def test_a_rank_that_fails_alone_does_not_leave_the_others_waiting(
    tmp_path: Path,
) -> None:
    write(tmp_path, "raise ValueError('odd')", victim=0)
    report = prove(tmp_path)
    messages = {it.name: it.message for it in report.failed}
    assert "ValueError: odd" in messages["total [two]"]
    assert "rank 0 failed alone in test_total[two]" in messages["total [three]"]
    assert report.seconds < 60


def test_what_fails_on_all_ranks_alike_leaves_them_in_step(tmp_path: Path) -> None:
    write(tmp_path, "pass\n    if place == 'two':\n        raise ValueError('odd')")
    report = prove(tmp_path)
    assert [it.name for it in report.failed] == ["total [two]", "again [two]"]
    assert outcomes(report)["again [three]"] == "passed"
    assert report.fault is None


def test_rank_0_that_dies_is_named(tmp_path: Path) -> None:
    write(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)", victim=0)
    report = prove(tmp_path)
    assert str(report.fault).startswith(
        "the interpreter was ended by SIGKILL during 'total [two]'. Most likely memory"
    )


def test_time_that_is_over_shows_where_ranks_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "time.sleep(600)", victim=0)
    monkeypatch.setenv("SMOKE_TIMEOUT", "600")
    report = prove(tmp_path, Launch(timeout=25))
    assert isinstance(report.fault, HungRankError)
    assert "the smoke test hung during 'total [two]'" in str(report.fault)
    assert any("in total" in line for line in report.trouble), report.trouble


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who is still running")
@pytest.mark.parametrize("stuck", ["time.sleep(600)", "os.kill(os.getpid(), 19)"])
@pytest.mark.parametrize("launcher", [Launcher.PYTEST, Launcher.TORCHRUN])
def test_no_rank_outlives_what_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stuck: str, launcher: Launcher
) -> None:
    announce = f"open({str(tmp_path)!r} + '/pid', 'w').write(str(os.getpid()));"
    write(tmp_path, f"{announce} {stuck}")
    monkeypatch.setenv("SMOKE_TIMEOUT", "600")
    (tmp_path / "reports").mkdir()
    launch = Launch(launcher=launcher)
    words = launch.command(
        Path(sys.executable),
        tmp_path,
        [str(TEST)],
        tmp_path / "reports",
        tmp_path / "logs",
    )
    process = subprocess.Popen(
        list(map(str, words)),
        cwd=tmp_path,
        env=dict(launch.environment(tmp_path, 2)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    written = wait_for(tmp_path / "pid")
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while is_running(written) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert not is_running(written)


def wait_for(path: Path) -> int:
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    return int(path.read_text())


def test_a_torch_without_gloo_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "tests" / "conftest.py").write_text(
        "import torch.distributed\ntorch.distributed.is_gloo_available = lambda: False\n"
    )
    report = prove(tmp_path)
    assert isinstance(report.fault, NoBackendError)
    assert "built without gloo" in str(report.fault)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def prove_as_nodes(
    root: Path, endpoint: str, node_ranks: list[int | None]
) -> list[SmokeReport]:
    reports: dict[int, SmokeReport] = {}

    def node(number: int) -> None:
        folder = root / f"node_{number}"
        shutil.copytree(root / "tests", folder / "tests")
        launch = Launch(
            launcher=Launcher.TORCHRUN,
            ranks=1,
            nodes=2,
            node_rank=node_ranks[number],
            endpoint=endpoint,
            timeout=120,
        )
        reports[number] = prove(folder, launch)

    threads = [threading.Thread(target=node, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [reports[0], reports[1]]


@pytest.mark.parametrize("node_ranks", [[None, None], [0, 1]])
def test_torchrun_joins_two_nodes(tmp_path: Path, node_ranks: list[int | None]) -> None:
    write(tmp_path)
    endpoint = f"127.0.0.1:{free_port()}"
    for report in prove_as_nodes(tmp_path, endpoint, node_ranks):
        assert report.ok, report
        assert outcomes(report) == dict.fromkeys(["alone", *ALL], "passed")
        assert {it.measured for it in report.proofs[1:]} == {"2.0"}


def test_a_port_that_is_taken_meanwhile_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
        launch = Launch(
            launcher=Launcher.TORCHRUN,
            nodes=2,
            node_rank=0,
            endpoint=endpoint,
            timeout=45,
        )
        fault = prove(tmp_path, launch).fault
    assert isinstance(fault, PortInUseError), fault
    assert fault.endpoint == endpoint
