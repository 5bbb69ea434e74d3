from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from rlinf_scaffold.smoke import probe


@pytest.mark.parametrize(
    ("package", "version"), [("no_such_package", None), ("pytest", pytest.__version__)]
)
def test_installed_version(package: str, version: str | None) -> None:
    assert probe.installed_version(package) == version


def test_a_package_without_metadata_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bare_package.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert probe.installed_version("bare_package") == "unknown"


def test_run_as_a_script_it_prints_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe.__file__ is not None
    monkeypatch.setattr(sys, "argv", ["-c", "pytest"])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    runpy.run_path(probe.__file__, run_name="__main__")
    answer = json.loads(capsys.readouterr().out)
    assert answer["packages"] == {"pytest": pytest.__version__}
    assert "" not in answer["search_path"]
