from __future__ import annotations

import sys
from pathlib import Path

import pytest
from terminal import NAME, on_terminal, rlinf_scaffold
from trees import interpreter, snapshot

from rlinf_scaffold.processes import run


@pytest.mark.parametrize(
    "command", [("new-model", *NAME), ("check",), ("undo", "foo"), ("smoke", "foo")]
)
def test_not_a_checkout(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = rlinf_scaffold(*command, "--checkout", tmp_path)
    assert (ended.code, ended.out) == (7, "")
    assert ended.err.startswith(f"error: {tmp_path} is not in an RLinf checkout")


def test_json_errors_go_both_ways(new_model: tuple[str, ...]) -> None:
    ended = rlinf_scaffold(*new_model, "--name", "openvla", "--format", "json")
    assert ended.code == 4
    error = ended.json["error"]
    assert (error["type"], error["exit_code"]) == ("NameTakenError", 4)
    assert ended.err == f"error: {error['message']}\n"


def test_nothing_is_folded_or_padded_in_a_pipe(
    new_model: tuple[str, ...], tmp_path: Path
) -> None:
    ended = rlinf_scaffold(*new_model, "--name", "a_policy_with_a_name_of_32_chars")
    lines = ended.out.splitlines()
    assert max(map(len, lines)) > 150
    assert [line for line in lines if line != line.rstrip()] == []


def test_interrupted_at_a_prompt(
    new_model: tuple[str, ...], root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(root)
    assert on_terminal("\x04", *new_model).code == 130
    assert "\ninterrupted; the checkout is as it was" in capfd.readouterr().err
    assert snapshot(root) == before


INTERRUPTING = """
import os, signal

def test_it():
    os.kill(int(os.environ["WHOM"]), signal.SIGINT)
    signal.pause()
"""


def test_interrupted_while_proving(root: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "env", proofs=INTERRUPTING)
    words = ("new-model", *NAME, "--checkout", root, "--python", python)
    finished = run(
        [
            "sh",
            "-c",
            'WHOM=$$ exec "$0" -m rlinf_scaffold "$@"',
            sys.executable,
            *words,
        ],
        cwd=tmp_path,
        timeout=60,
    )
    assert finished.returncode == 130, finished.output
    assert "\ninterrupted; the checkout is as it was, or complete" in finished.output
    assert rlinf_scaffold("check", "--checkout", root).code == 0
