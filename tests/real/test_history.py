from __future__ import annotations

from pathlib import Path

import pytest
from history import History, Revision

from rlinf_scaffold.layouts import CONFIG, LOADER
from rlinf_scaffold.processes import run

# Whatever git a machine has, and however it is set.
SETTINGS = (
    *("-c", "user.name=Test", "-c", "user.email=test@localhost"),
    *("-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"),
)


def git(root: Path, *words: str) -> str:
    finished = run(("git", *SETTINGS, *words), cwd=root, timeout=60)
    assert finished.returncode == 0, finished.output
    return finished.output.strip()


def commit(root: Path, path: str, text: str) -> str:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(text.encode())
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", f"{path}: {text}")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    root.mkdir()
    git(root, "init", "--quiet")
    git(root, "checkout", "--quiet", "-b", "main")
    return root


def test_reads_what_changed_the_wiring(root: Path) -> None:
    commit(root, str(CONFIG), "before there is a loader")
    first = commit(root, str(LOADER), "1")
    commit(root, "README.md", "no wiring")
    second = commit(root, str(CONFIG), "2")
    newest = commit(root, "README.md", "the newest")
    assert History(root).wirings() == (
        Revision(first),
        Revision(second),
        Revision(newest, "main"),
    )


def test_reads_what_releases_have_beyond_main(root: Path) -> None:
    first = commit(root, str(LOADER), "1")
    git(root, "tag", "v1")
    git(root, "checkout", "--quiet", "-b", "release")
    fix = commit(root, str(LOADER), "mended for the release")
    tagged = commit(root, "README.md", "release")
    git(root, "tag", "--annotate", "--message", "Second", "v2")
    git(root, "checkout", "--quiet", "main")
    newest = commit(root, str(CONFIG), "goes on")
    history = History(root)
    assert set(history.released()) == {
        Revision(first, "v1"),
        Revision(tagged, "v2"),
        Revision(newest, "main"),
    }
    assert history.wirings() == (
        Revision(first, "v1"),
        Revision(newest, "main"),
        Revision(fix),
        Revision(tagged, "v2"),
    )


def test_follows_the_first_parent_alone(root: Path) -> None:
    commit(root, str(LOADER), "1")
    git(root, "checkout", "--quiet", "-b", "topic")
    on_topic = commit(root, str(LOADER), "half of it")
    commit(root, str(LOADER), "all of it")
    git(root, "checkout", "--quiet", "main")
    git(root, "merge", "--quiet", "--no-ff", "--message", "Merge", "topic")
    assert on_topic not in {it.commit for it in History(root).wirings()}


def test_takes_what_the_remote_calls_main(root: Path) -> None:
    fetched = commit(root, str(LOADER), "1")
    git(root, "update-ref", "refs/remotes/origin/main", fetched)
    commit(root, str(LOADER), "not pushed")
    assert History(root).wirings() == (Revision(fetched, "main"),)


def test_reads_files_and_parents(root: Path, tmp_path: Path) -> None:
    first = commit(root, str(LOADER), "one\r\n")
    second = commit(root, str(LOADER), "two\n")
    history = History(root)
    assert history.parent(second) == Revision(first)
    assert history.read(second, LOADER) == "two\n"
    assert history.read(second, CONFIG) == ""
    tree = history.extract(Revision(first), tmp_path / "rl")
    assert tree.read(LOADER) == "one\r\n"
    assert tree.read(CONFIG) is None
    assert git(root, "status", "--porcelain") == ""


def test_says_what_a_clone_lacks(root: Path) -> None:
    only = commit(root, str(LOADER), "1")
    with pytest.raises(ValueError, match="git rev-parse"):
        History(root).parent(only)
