from __future__ import annotations

from pathlib import Path

import pytest
from terminal import Ended, rlinf_scaffold

from rlinf_scaffold.commands.golden import update


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CI", raising=False)
    update(tmp_path / "golden")
    return tmp_path / "golden"


def test_golden_trees_that_are_right(golden: Path) -> None:
    right = Ended(0, "Golden trees are what is rendered.\n", "")
    assert rlinf_scaffold("golden", golden) == right
    assert rlinf_scaffold("check", "--golden", golden) == right
    assert rlinf_scaffold("golden", golden, "--format", "github") == Ended(0, "", "")


def test_golden_trees_that_are_not(golden: Path) -> None:
    (golden / "extra.txt").write_text("old\n")
    (golden / "registry/text/rlinf/config.py.diff").write_text("")
    (golden / "documented/text/rlinf/config.py.diff").unlink()
    ended = rlinf_scaffold("check", "--golden", golden)
    assert ended.code == 1
    assert ended.out.splitlines()[:4] == [
        "  missing: documented/text/rlinf/config.py.diff",
        "  extra: extra.txt",
        "  changed: registry/text/rlinf/config.py.diff",
        "diff --git a/documented/text/rlinf/config.py.diff "
        "b/documented/text/rlinf/config.py.diff",
    ]
    ended = rlinf_scaffold("golden", golden, "--format", "github")
    assert ended.code == 1
    assert len(ended.out.splitlines()) == 3
    assert f"file={golden}/extra.txt,line=1" in ended.out
    ended = rlinf_scaffold("golden", golden, "--format", "json")
    assert ended.code == 1
    assert ended.json["ok"] is False
    changes = ended.json["changes"]
    assert [change["kind"] for change in changes] == ["create", "delete", "modify"]


def test_golden_trees_are_updated(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (golden / "extra.txt").write_text("old\n")
    monkeypatch.setenv("CI", "1")
    ended = rlinf_scaffold("golden", golden, "--update")
    assert ended.code == 21
    assert "does not write where CI is set" in ended.err
    monkeypatch.delenv("CI")
    assert rlinf_scaffold("golden", golden, "--update") == Ended(
        0, "  - extra.txt\n", ""
    )
    words = ("golden", golden, "--update", "--format", "json")
    assert rlinf_scaffold(*words).json == {"changes": []}
