"""The command line as a user meets it: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from trees import settings_of
from typer.testing import CliRunner  # noqa: TID251

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.cli import app

NAME = ("--name", "foo", "--base", "LlamaForCausalLM")
FAILING = """
def test_good():
    pass

def test_bad(record_property):
    record_property("cause", "the machine")
    assert 0, "it broke"
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


def rlinf_scaffold(*arguments: str | Path) -> Ended:
    result = CliRunner().invoke(app, [*map(str, arguments)], prog_name="rlinf-scaffold")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def edit(root: Path) -> Path:
    path = root / settings_of(Checkout(root))
    path.write_text(path.read_text().replace("action_dim: 7", "action_dim: 8"))
    return path


def on_terminal(typed: str, *arguments: str | Path) -> Ended:
    """Run a command on a terminal of its own, where all of this is typed ahead."""
    controller, end = pty.openpty()
    os.write(controller, typed.encode())
    seen: list[bytes] = []

    def read() -> None:
        while not seen or not seen[-1].endswith(b"\0"):
            seen.append(os.read(controller, 1 << 16))

    reader = Thread(target=read, daemon=True)
    reader.start()
    with (
        os.fdopen(os.dup(end), "r") as stdin,
        os.fdopen(end, "w") as stdout,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", stdout)
        code = code_of(*arguments)
        stdout.write("\0")
        stdout.flush()
        reader.join()
    os.close(controller)
    text = b"".join(seen).decode().replace("\r\n", "\n").removesuffix("\0")
    return Ended(code, text, "")


def code_of(*arguments: str | Path) -> int:
    try:
        app([*map(str, arguments)], prog_name="rlinf-scaffold")
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0
