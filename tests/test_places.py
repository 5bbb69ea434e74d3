from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from rlinf_scaffold.errors import UnsafePathError
from rlinf_scaffold.places import folders_above, is_blocked, locate, missing_folders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/file").touch()
    (root / "inside").symlink_to("a/b")
    (root / "dangling").symlink_to("a/none")
    (root / "outside").symlink_to(tmp_path)
    (root / "around").symlink_to("../root/a")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a/b", "a/b"),
        ("new/er", "new/er"),
        ("a/./file", "a/file"),
        ("inside/new", "a/b/new"),
        ("dangling", "a/none"),
        ("around/file", "a/file"),
        ("outside/root/a/file", "a/file"),
    ],
)
def test_locate(root: Path, path: str, place: str) -> None:
    assert locate(root, PurePosixPath(path)) == root / place


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "../root", "a/../a/file", "/", "/etc/passwd"),
        *("outside", "outside/new", "loop"),
    ],
)
def test_locate_refuses_what_is_not_inside(root: Path, path: str) -> None:
    with pytest.raises(UnsafePathError):
        locate(root, PurePosixPath(path))


def test_locate_refuses_an_absolute_path_inside(root: Path) -> None:
    with pytest.raises(UnsafePathError):
        locate(root, PurePosixPath(root / "a/file"))


def test_folders_are_listed_outermost_first(root: Path) -> None:
    places = [root / "new/er/file", root / "file", root / "a/b/c/file"]
    folders = [str(it) for it in folders_above(root, places)]
    assert folders == ["a", "a/b", "a/b/c", "new", "new/er"]
    missing = [str(it) for it in missing_folders(root, places)]
    assert missing == ["a/b/c", "new", "new/er"]


@pytest.mark.parametrize(
    ("place", "blocked"),
    [
        ("a/file", False),
        ("a/new", False),
        ("x/y/z", False),
        ("a", True),
        ("pipe", True),
        ("a/file/new", True),
        ("a/file/x/new", True),
        ("pipe/new", True),
    ],
)
def test_what_stands_in_the_way(root: Path, place: str, blocked: bool) -> None:
    assert is_blocked(root, root / place) is blocked
