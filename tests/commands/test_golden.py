from __future__ import annotations

from pathlib import Path

import pytest
from trees import TREES, snapshot

import rlinf_scaffold
from rlinf_scaffold.changes import Kind
from rlinf_scaffold.commands.golden import ARCHETYPES, compare, render_all, update
from rlinf_scaffold.errors import GoldenWriteRefusedError

SHIPPED = Path(rlinf_scaffold.__file__).parents[1] / "golden"


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CI", raising=False)
    update(tmp_path / "golden")
    return tmp_path / "golden"


def kinds(folder: Path) -> dict[str, Kind]:
    return {str(change.path): change.kind for change in compare(folder)}


def test_shipped_trees_are_what_is_rendered() -> None:
    assert kinds(SHIPPED) == {}, "run `rlinf-scaffold golden --update`, read the diff"


def test_there_is_a_tree_for_every_layout_and_archetype() -> None:
    folders = {(path.parts[0], path.parts[1]) for path, _ in render_all()}
    wanted = {(layout, it.name) for layout in TREES for it in ARCHETYPES}
    archetypes = ("vision", "regression", "flow", "state")
    unserved = {("string_chain", name) for name in archetypes}
    assert folders == wanted - unserved


def test_modified_files_are_kept_as_diffs() -> None:
    for path, text in render_all():
        is_diff = path.name.endswith(".diff")
        assert is_diff is text.startswith("diff --git"), path


def test_updated_trees_differ_in_nothing(golden: Path) -> None:
    assert kinds(golden) == {}
    before = snapshot(golden)
    assert not update(golden)
    assert snapshot(golden) == before


def test_says_what_is_missing_changed_and_extra(golden: Path) -> None:
    config = golden / "registry/text/rlinf/config.py.diff"
    config.write_text(config.read_text().replace("FOO", "BAR"))
    (golden / "documented/text/rlinf/config.py.diff").unlink()
    (golden / "registry/old").mkdir()
    (golden / "registry/old/extra.txt").write_text("old\n")
    assert kinds(golden) == {
        "documented/text/rlinf/config.py.diff": Kind.CREATE,
        "registry/old/extra.txt": Kind.DELETE,
        "registry/text/rlinf/config.py.diff": Kind.MODIFY,
    }
    update(golden)
    assert kinds(golden) == {}
    assert not (golden / "registry/old").exists()


def test_of_a_folder_that_is_not_there_everything_is_missing(tmp_path: Path) -> None:
    assert kinds(tmp_path / "no") == {
        str(path): Kind.CREATE for path, _ in render_all()
    }
    assert not (tmp_path / "no").exists()


def test_is_not_written_where_ci_runs(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (golden / "extra.txt").write_text("old\n")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(GoldenWriteRefusedError):
        update(golden)
    assert (golden / "extra.txt").is_file()
