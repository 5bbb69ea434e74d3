from __future__ import annotations

import sys
import time
from pathlib import Path, PurePosixPath
from textwrap import dedent

import pytest

from rlinf_scaffold.errors import (
    CrashedRankError,
    HungRankError,
    KilledRankError,
    LaunchError,
    PortInUseError,
    ScaffoldError,
)
from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.launchers import Launcher
from rlinf_scaffold.smoke.run import Event, SmokeReport, run_smoke

TEST = PurePosixPath("tests/test_smoke.py")
PASS = """
def test_good(record_property):
    record_property("measured", "1e-7")
    record_property("bound", "<= 1e-5")
    record_property("cause", "none")
"""


def prove(
    root: Path,
    source: str,
    *,
    timeout: float = 60,
    events: list[Event] | None = None,
    launch: Launch | None = None,
) -> SmokeReport:
    path = root / TEST
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(source))
    heard: list[Event] = [] if events is None else events
    return run_smoke(
        root,
        TEST,
        Path(sys.executable),
        launch or Launch(timeout=timeout),
        log=root / "smoke.log",
        on_event=heard.append,
    )


def outcomes(report: SmokeReport) -> dict[str, str]:
    return {proof.name: proof.outcome for proof in report.proofs}


def test_a_passing_proof(tmp_path: Path) -> None:
    events: list[Event] = []
    report = prove(tmp_path, PASS, events=events)
    (proof,) = report.proofs
    assert (report.ok, report.failed, report.trouble) == (True, (), ())
    assert (report.returncode, report.timed_out) == (0, False)
    assert (proof.name, proof.outcome, proof.message) == ("good", "passed", "")
    assert (proof.measured, proof.bound, proof.cause) == ("1e-7", "<= 1e-5", "none")
    assert report.seconds >= proof.seconds
    assert report.python == Path(sys.executable)
    assert report.log is not None
    assert "1 passed" in report.log.read_text()
    assert events == [Event("imports", "started"), Event("good", "passed")]


def test_a_proof_that_fails_says_why(tmp_path: Path) -> None:
    events: list[Event] = []
    report = prove(
        tmp_path,
        PASS
        + """
import pytest

@pytest.fixture
def broken():
    raise ValueError("no such layer")

def test_bad_news():
    pytest.fail("bad news: measured 1, expected 0", pytrace=False)

def test_unreached(broken):
    pass

@pytest.mark.skip(reason="no GPU")
def test_elsewhere():
    pass
""",
        events=events,
    )
    assert outcomes(report) == {
        "good": "passed",
        "bad news": "failed",
        "unreached": "error",
        "elsewhere": "skipped",
    }
    assert [proof.message for proof in report.proofs] == [
        "",
        "bad news: measured 1, expected 0",
        'failed on setup with "ValueError: no such layer"',
        "no GPU",
    ]
    assert [proof.name for proof in report.failed] == ["bad news", "unreached"]
    assert (report.ok, report.returncode, report.trouble) == (False, 1, ())
    assert {it.proof: it.outcome for it in events[1:]} == outcomes(report)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pytest\ndef test_a(): pytest.skip()", {"a": "skipped"}),
        (f"{PASS}\ndef test_a(): assert 0", {"good": "passed", "a": "failed"}),
    ],
)
def test_a_good_status_alone_proves_nothing(
    tmp_path: Path, source: str, expected: dict[str, str]
) -> None:
    (tmp_path / "conftest.py").write_text(
        "def pytest_sessionfinish(session): session.exitstatus = 0"
    )
    report = prove(tmp_path, source)
    assert (report.returncode, outcomes(report)) == (0, expected)
    assert not report.ok


def test_the_checkout_and_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkout is imported from; options and ranks of its surroundings are not."""
    (tmp_path / "rlinf.py").write_text("HERE = True")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -q --no-such-option\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    source = f"""
    import os, sys

    def test_surroundings():
        import rlinf
        assert rlinf.HERE
        assert os.getcwd() == {str(tmp_path)!r}
        assert {str(tmp_path / "elsewhere")!r} in sys.path
        assert "RANK" not in os.environ
        assert os.environ["HF_HUB_OFFLINE"] == "1"
        assert os.environ["TOKENIZERS_PARALLELISM"] == "false"
    """
    report = prove(tmp_path, source)
    assert outcomes(report) == {"surroundings": "passed"}, report
    assert not list(tmp_path.glob("**/.pytest_cache"))


@pytest.mark.parametrize(
    ("source", "returncode", "told"),
    [
        ("", 5, "no tests ran"),
        ("def test_(:", 2, "SyntaxError"),
        ("import no_such_package.part", 2, "pip install no_such_package"),
        (
            """
            import pytest

            @pytest.fixture(scope="module")
            def policy():
                import no_such_package

            def test_a(policy): pass
            def test_b(policy): pass
            """,
            1,
            "pip install no_such_package",
        ),
        ("import rlinf.models", 2, "No module named 'rlinf'"),
    ],
)
def test_trouble_when_nothing_could_be_proved(
    tmp_path: Path, source: str, returncode: int, told: str
) -> None:
    report = prove(tmp_path, source)
    assert (report.ok, report.returncode) == (False, returncode)
    assert any(told in line for line in report.trouble), report.trouble
    assert not any("install rlinf" in line for line in report.trouble)
    assert len(set(report.trouble)) == len(report.trouble) < 20


@pytest.mark.parametrize(
    ("crash", "ending"),
    [
        ("import os; os._exit(7)", "the interpreter ended with status 7"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "the interpreter was ended by SIGSEGV",
        ),
    ],
)
def test_a_crash_names_the_proof_it_happened_in(
    tmp_path: Path, crash: str, ending: str
) -> None:
    report = prove(tmp_path, PASS + f"\ndef test_deadly(): {crash}\n")
    assert outcomes(report) == {"good": "passed", "deadly": "error"}
    assert report.failed[0].message == f"{ending} during this proof"
    assert not report.ok


def test_a_crash_between_proofs_keeps_what_was_proved(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import os\ndef pytest_runtest_logfinish(): os._exit(0)"
    )
    report = prove(tmp_path, PASS)
    assert outcomes(report) == {"good": "passed"}
    assert (report.returncode, report.failed) == (0, ())


def test_a_hang_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    source = """
    import pathlib, subprocess, sys, time

    def test_endless():
        code = "import time; time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", code])
        pathlib.Path("child").write_text(str(child.pid))
        time.sleep(60)
    """
    began = time.monotonic()
    report = prove(tmp_path, source, timeout=4)
    assert time.monotonic() - began < 30
    assert (report.ok, report.timed_out) == (False, True)
    assert outcomes(report) == {"endless": "error"}
    assert report.failed[0].message == "time was over after 4 s during this proof"
    child = int((tmp_path / "child").read_text())
    status = Path(f"/proc/{child}/stat")
    assert (
        not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"
    )


SHARED = """
import os, pytest

def test_alone():
    pass

@pytest.mark.parametrize("way", ["a", "b"])
def test_shared(way, record_property):
    record_property("ranks", os.environ["SMOKE_RANKS"])
    record_property("measured", os.environ["SMOKE_RANKS"])
"""


def test_full_repeats_what_needs_all_ranks(tmp_path: Path) -> None:
    events: list[Event] = []
    report = prove(tmp_path, SHARED, events=events, launch=Launch(full=True))
    assert report.ok
    assert [(it.name, it.measured) for it in report.proofs] == [
        ("alone", None),
        ("shared [a] on 2 ranks", "2"),
        ("shared [b] on 2 ranks", "2"),
        ("shared [a] on 1 rank", "1"),
        ("shared [b] on 1 rank", "1"),
        ("shared [a] on 3 ranks", "3"),
        ("shared [b] on 3 ranks", "3"),
    ]
    started = [event.proof for event in events if event.outcome == "started"]
    assert started == [f"imports on {n}" for n in ("2 ranks", "1 rank", "3 ranks")]


def test_full_ends_at_the_first_fault(tmp_path: Path) -> None:
    source = SHARED + "\n    os._exit(9) if os.environ['SMOKE_RANKS'] == '1' else 0"
    report = prove(tmp_path, source, launch=Launch(full=True))
    assert isinstance(report.fault, CrashedRankError)
    assert report.log == tmp_path / "smoke.1.log"
    assert list(outcomes(report)) == [
        "alone",
        *("shared [a] on 2 ranks", "shared [b] on 2 ranks", "shared [a]"),
    ]


def test_full_of_what_needs_no_other_rank_is_one_run(tmp_path: Path) -> None:
    report = prove(tmp_path, PASS, launch=Launch(full=True))
    assert outcomes(report) == {"good": "passed"}


# Stands in for torchrun where there is no torch: one rank after the other.
TORCHRUN = """
import os, pathlib, subprocess, sys

words = sys.argv[1:]
logs = pathlib.Path(words[words.index("--log-dir") + 1], "none_1/attempt_0")
statuses = []
for rank in "01":
    (logs / rank).mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, *words[words.index("-m") :]],
        env={**os.environ, "RANK": rank},
        stdout=subprocess.PIPE,
        text=True,
    )
    (logs / rank / "stdout.log").write_text(done.stdout)
    statuses.append(done.returncode)
    if rank == "0":
        print("".join(f"[default0]:{it}" for it in done.stdout.splitlines(True)))
sys.exit(max(statuses))
"""


@pytest.fixture
def torchrun(tmp_path: Path) -> Launch:
    package = tmp_path / "torch/distributed"
    package.mkdir(parents=True)
    (package / "run.py").write_text(TORCHRUN)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    return Launch(launcher=Launcher.TORCHRUN)


def test_proofs_are_those_of_the_first_rank(tmp_path: Path, torchrun: Launch) -> None:
    events: list[Event] = []
    report = prove(tmp_path, PASS, events=events, launch=torchrun)
    assert outcomes(report) == {"good": "passed"}
    assert report.ok
    assert events[1:] == [Event("good", "passed")]


def test_what_another_rank_alone_misses_is_added(
    tmp_path: Path, torchrun: Launch
) -> None:
    source = f"{PASS}\n    import os\n    assert os.environ['RANK'] == '0'"
    report = prove(tmp_path, source, launch=torchrun)
    assert outcomes(report) == {"good": "passed", "good (rank 1)": "failed"}
    assert (report.ok, report.fault) == (False, None)


def test_where_another_rank_stood_is_told(tmp_path: Path, torchrun: Launch) -> None:
    source = f"""{PASS}
    import os
    if os.environ["RANK"] == "1":
        print("Current", "thread 1:\\n  in the second")
        raise SystemExit(3)
    assert 0, "rank 1 hung"
"""
    report = prove(tmp_path, source, launch=torchrun)
    assert isinstance(report.fault, HungRankError)
    assert "E       AssertionError: rank 1 hung" in report.trouble
    assert {"Current thread 1:", "  in the second"} <= {*report.trouble}


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    source = """
    import socket

    def test_meets():
        with socket.create_server(("127.0.0.1", 0)) as taken:
            socket.create_server(taken.getsockname())
    """
    report = prove(tmp_path, source)
    assert isinstance(report.fault, PortInUseError)
    assert any("Address already in use" in line for line in report.trouble)


@pytest.mark.parametrize(
    ("crash", "kind"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", KilledRankError),
        ("os.kill(os.getpid(), signal.SIGSEGV)", CrashedRankError),
        ("os._exit(9)", CrashedRankError),
        ("time.sleep(60)", HungRankError),
    ],
)
def test_what_ends_a_run_is_its_fault(
    tmp_path: Path, crash: str, kind: type[ScaffoldError]
) -> None:
    source = f"{PASS}\nimport os, signal, time\ndef test_deadly(): {crash}\n"
    report = prove(tmp_path, source, timeout=4 if kind is HungRankError else 60)
    assert isinstance(report.fault, kind)
    assert "during 'deadly'" in str(report.fault)


def test_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LaunchError):
        run_smoke(
            tmp_path,
            TEST,
            tmp_path / "python",
            Launch(),
            log=tmp_path / "log",
            on_event=lambda _: None,
        )


def test_nothing_is_left_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert prove(tmp_path, PASS).ok
    assert list(temporary.iterdir()) == []
