from __future__ import annotations

import stat
from pathlib import Path

import pytest

from rlinf_scaffold.staging import (
    delete,
    make_folder,
    remove_if_empty,
    save,
    stage,
    sync,
    temporary,
)


def test_what_stands_in_for_a_file_is_hidden_beside_it(tmp_path: Path) -> None:
    assert temporary(tmp_path / "a.py") == tmp_path / ".a.py.rlinf-scaffold"


def test_stages_beside_a_file_with_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "run.sh"
    target.write_text("old")
    target.chmod(0o751)
    stage(target, b"new", 0o600)
    assert target.read_text() == "old"
    assert temporary(target).read_bytes() == b"new"
    assert stat.S_IMODE(temporary(target).stat().st_mode) == 0o751


def test_stages_a_new_file_with_the_mode_that_is_given(tmp_path: Path) -> None:
    stage(tmp_path / "a", b"", 0o604)
    assert stat.S_IMODE(temporary(tmp_path / "a").stat().st_mode) == 0o604


def test_stages_nothing_over_what_is_staged(tmp_path: Path) -> None:
    stage(tmp_path / "a", b"first", None)
    with pytest.raises(FileExistsError):
        stage(tmp_path / "a", b"second", None)
    assert temporary(tmp_path / "a").read_bytes() == b"first"


def test_saves_in_place(tmp_path: Path) -> None:
    save(tmp_path / "a", "caf\udce9")
    assert [(it.name, it.read_bytes()) for it in tmp_path.iterdir()] == [
        ("a", b"caf\xe9")
    ]


@pytest.mark.parametrize("mode", [None, 0o711])
def test_makes_a_folder_with_its_mode(tmp_path: Path, mode: int | None) -> None:
    make_folder(tmp_path / "a", mode)
    assert [it.name for it in tmp_path.iterdir()] == ["a"]
    assert mode is None or stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_deletes_a_module_with_what_was_compiled_of_it(tmp_path: Path) -> None:
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    for name in ("a[1].cpython-311.pyc", "a1.cpython-311.pyc"):
        (cache / name).touch()
    (tmp_path / "a[1].py").touch()
    delete(tmp_path / "a[1].py")
    assert [it.name for it in cache.iterdir()] == ["a1.cpython-311.pyc"]
    (tmp_path / "a1.py").touch()
    delete(tmp_path / "a1.py")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("left", [True, False])
def test_removes_a_folder_unless_something_is_in_it(tmp_path: Path, left: bool) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    if left:
        (folder / "b").touch()
    remove_if_empty(folder)
    assert folder.exists() is left
    remove_if_empty(tmp_path / "gone")


def test_a_folder_that_cannot_be_synced_is_let_be(tmp_path: Path) -> None:
    sync(tmp_path)
    sync(tmp_path / "gone")
