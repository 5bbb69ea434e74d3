from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from rlinf_scaffold import __main__, __version__
from rlinf_scaffold.processes import run


def test_runs_as_a_module(tmp_path: Path) -> None:
    finished = run(
        [sys.executable, "-m", "rlinf_scaffold", "--version"], cwd=tmp_path, timeout=60
    )
    assert (finished.returncode, finished.output) == (0, f"{__version__}\n")


def test_is_the_command_that_is_installed() -> None:
    (script,) = entry_points(group="console_scripts", name="rlinf-scaffold")
    assert script.load() is __main__.main


def test_calls_itself_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/python", "--help"])
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    assert not caught.value.code
    assert capsys.readouterr().out.startswith("Usage: rlinf-scaffold ")
