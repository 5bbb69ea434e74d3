from __future__ import annotations

import os
import re
import signal
import subprocess  # noqa: TID251
import sys
import threading
import time
from pathlib import Path

import pytest

from rlinf_scaffold.errors import LaunchError
from rlinf_scaffold.processes import Finished, _read_stat, run

FOR_EVER = 60.0
SLEEP = f"import time; time.sleep({FOR_EVER})"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
# Says who it is once it can no longer be asked to end.
GRANDCHILD = (
    "import os, subprocess, sys; "
    "p = subprocess.Popen([sys.executable, '-c', {code!r}], stdout=subprocess.PIPE{more}); "
    "print(p.stdout.readline().decode(), end='', flush=True); "
)
ANNOUNCE = "import os; print(os.getpid(), flush=True); "


def python(code: str, folder: Path, **options: object) -> Finished:
    arguments = {"timeout": FOR_EVER, **options}
    return run([sys.executable, "-c", code], cwd=folder, **arguments)  # type: ignore[arg-type]


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended may stay a zombie of somebody else's."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in "ZX"


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="asks /proc who is still running"
)


def test_silence(tmp_path: Path) -> None:
    lines: list[str] = []
    finished = python("", tmp_path, on_line=lines.append, log=tmp_path / "log")
    assert (finished.returncode, finished.output, finished.timed_out) == (0, "", False)
    assert 0 < finished.seconds < FOR_EVER
    assert lines == []
    assert (tmp_path / "log").read_bytes() == b""


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"10%\r20%\n", ["10%\r20%"]),
        (b"caf\xe9 \x00\xff\n", ["caf\ufffd \x00\ufffd"]),
        ("é\u2028ö\n".encode(), ["é\u2028ö"]),
        (b"x" * 300_000 + b"\n" + b"y" * 300_000, ["x" * 300_000, "y" * 300_000]),
    ],
)
def test_output_comes_by_line_and_whole(
    tmp_path: Path, written: bytes, lines: list[str]
) -> None:
    (tmp_path / "data").write_bytes(written)
    told: list[str] = []
    code = "import sys; sys.stdout.buffer.write(open('data', 'rb').read())"
    finished = python(code, tmp_path, on_line=told.append, log=tmp_path / "log")
    assert told == lines
    assert finished.output == written.decode("utf-8", "replace")
    assert (tmp_path / "log").read_bytes() == written


def test_both_streams_come_in_order(tmp_path: Path) -> None:
    code = "import os; [os.write(n % 2 + 1, b'%d' % n) for n in range(6)]"
    assert python(code, tmp_path).output == "012345"


def test_lines_come_while_the_process_runs(tmp_path: Path) -> None:
    code = "import os; print('ready', flush=True); open('fifo').read(); print('done')"
    os.mkfifo(tmp_path / "fifo")
    told: list[str] = []

    def answer(line: str) -> None:
        told.append(line)
        if line == "ready":
            (tmp_path / "fifo").write_text("")

    assert python(code, tmp_path, on_line=answer).returncode == 0
    assert told == ["ready", "done"]


def test_exit_status_folder_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['WORD']); sys.exit(7)"
    finished = python(code, tmp_path, env={"WORD": "wörd", "PYTHONUTF8": "1"})
    assert finished.returncode == 7
    assert finished.output == f"{tmp_path.resolve()} wörd\n"


def test_there_is_nothing_to_read_and_no_terminal(tmp_path: Path) -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())"
    assert python(code, tmp_path).output == "'' True\n"


def test_death_by_signal(tmp_path: Path) -> None:
    finished = python("import os; os.kill(os.getpid(), 9)", tmp_path)
    assert finished.returncode == -signal.SIGKILL
    assert not finished.timed_out


@pytest.mark.parametrize("command", [["no-such-program"], ["./data", "x"], [Path()]])
def test_what_cannot_start(tmp_path: Path, command: list[str | Path]) -> None:
    (tmp_path / "data").write_text("no program")
    with pytest.raises(LaunchError, match="cannot be started: "):
        run(command, cwd=tmp_path, timeout=1)


def test_no_folder_to_start_in(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="No such file"):
        run([sys.executable], cwd=tmp_path / "none", timeout=1)


@pytest.mark.parametrize(
    ("code", "ended_by"),
    [
        (SLEEP, signal.SIGTERM),
        (f"import os; os.close(1); os.close(2); {SLEEP}", signal.SIGTERM),
        (f"{STUBBORN} print('up', flush=True); {SLEEP}", signal.SIGKILL),
        ("while True: print('more', flush=True)", signal.SIGTERM),
    ],
    ids=["silent", "closed its output", "stubborn", "chatty"],
)
def test_time_is_over(tmp_path: Path, code: str, ended_by: signal.Signals) -> None:
    finished = python(code, tmp_path, timeout=0.5, grace=0.2)
    assert finished.timed_out
    assert finished.returncode == -ended_by
    assert 0.5 <= finished.seconds < FOR_EVER / 2


def test_what_it_says_when_it_is_asked_to_end_is_kept(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; "
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('I was here')); time.sleep(60)"
    )
    finished = python(code, tmp_path, timeout=2, log=tmp_path / "log")
    assert finished.timed_out
    assert finished.output == "I was here\n"
    assert (tmp_path / "log").read_text() == "I was here\n"


@needs_proc
def test_what_is_tied_ends_even_if_nothing_can_end_it(tmp_path: Path) -> None:
    inner = f"{ANNOUNCE}{SLEEP}"
    code = (
        "import os, sys; from pathlib import Path; from rlinf_scaffold.processes import run;"
        "kill = lambda line: (print(line, flush=True), os.kill(os.getpid(), 9));"
        f"run([sys.executable, '-c', {inner!r}], cwd=Path(), timeout=None, "
        "on_line=kill, tied=True)"
    )
    # Started bare: what ends a run's relatives would end this one, too.
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + FOR_EVER / 2
    while is_running(int(killed.stdout)) and time.monotonic() < deadline:
        pass
    assert not is_running(int(killed.stdout))


def test_what_is_tied_and_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="no such program"):
        run(["no-such-program"], cwd=tmp_path, timeout=1, tied=True)


def test_a_closed_output_is_not_the_end(tmp_path: Path) -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.1); os._exit(3)"
    assert python(code, tmp_path, timeout=None).returncode == 3


@needs_proc
@pytest.mark.parametrize(
    "keeping", ["", ", stderr=subprocess.DEVNULL", ", start_new_session=True"]
)
@pytest.mark.parametrize("stubborn", ["", STUBBORN])
def test_grandchildren_do_not_outlive_it(
    tmp_path: Path, keeping: str, stubborn: str
) -> None:
    code = GRANDCHILD.format(code=f"{stubborn}{ANNOUNCE}{SLEEP}", more=keeping)
    finished = python(code, tmp_path, timeout=None, grace=0.2)
    assert finished.returncode == 0
    assert finished.seconds < FOR_EVER / 2
    assert not is_running(int(finished.output))


@needs_proc
def test_a_chatty_grandchild_does_not_keep_it_alive(tmp_path: Path) -> None:
    chat = f"{ANNOUNCE}import sys\nwhile True: print('more', file=sys.stderr)"
    code = GRANDCHILD.format(code=chat, more="")
    finished = python(code, tmp_path, timeout=None, grace=0.2)
    (pid,) = re.findall(r"\d+", finished.output)
    assert not is_running(int(pid))


@needs_proc
def test_what_a_run_within_it_started_ends_with_it(tmp_path: Path) -> None:
    inner = f"{ANNOUNCE}{SLEEP}"
    code = (
        "import sys; from pathlib import Path; from rlinf_scaffold.processes import run;"
        f"run([sys.executable, '-c', {inner!r}], cwd=Path(), timeout=None, "
        "on_line=lambda line: print(line, flush=True))"
    )
    pids: list[int] = []

    def kill(line: str) -> None:
        pids.append(int(line))
        raise GivenUpError

    with pytest.raises(GivenUpError):
        python(f"{STUBBORN}{code}", tmp_path, on_line=kill, grace=0.2)
    assert not is_running(pids[0])


class GivenUpError(Exception):
    pass


@needs_proc
@pytest.mark.parametrize("error", [KeyboardInterrupt, GivenUpError])
@pytest.mark.parametrize("stubborn", ["", STUBBORN])
def test_an_exception_ends_everything(
    tmp_path: Path, error: type[BaseException], stubborn: str
) -> None:
    pids: list[int] = []

    def give_up(line: str) -> None:
        pids.append(int(line))
        if len(pids) == 2:
            raise error

    more = f"{ANNOUNCE}{SLEEP}"
    code = GRANDCHILD.format(code=f"{stubborn}{more}", more="") + stubborn + more
    with pytest.raises(error):
        python(code, tmp_path, on_line=give_up, log=tmp_path / "log", grace=0.2)
    assert [is_running(pid) for pid in pids] == [False, False]
    assert (tmp_path / "log").read_text().split() == [str(pid) for pid in pids]


@needs_proc
# The signal may come between a file's opening and the block that closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_while_ending_kills_at_once(tmp_path: Path) -> None:
    pids: list[int] = []

    def hurry(line: str) -> None:
        pids.append(int(line))
        timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM])
        timer.start()
        raise GivenUpError

    with pytest.raises(SystemExit):
        python(f"{STUBBORN}{ANNOUNCE}{SLEEP}", tmp_path, on_line=hurry, grace=FOR_EVER)
    assert not is_running(pids[0])


@needs_proc
def test_sigterm_leaves_no_orphan(tmp_path: Path) -> None:
    pids: list[int] = []

    def terminate(line: str) -> None:
        pids.append(int(line))
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        python(f"{ANNOUNCE}{SLEEP}", tmp_path, on_line=terminate)
    assert not is_running(pids[0])


def test_a_process_may_vanish_while_it_is_looked_at(tmp_path: Path) -> None:
    assert _read_stat(tmp_path) == ("X", 0, 0)
