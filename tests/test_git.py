from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

import pytest

from rlinf_scaffold.git import Revision, commit_all, dirty_files, find_revision
from rlinf_scaffold.processes import run

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")

FILES = ("clean.py", "edited.py", "staged.py", "gone.py", "in folder/sp ace.py", "ü.py")
CHANGED = {
    "edited.py",
    "staged.py",
    "gone.py",
    "in folder/sp ace.py",
    "new é.py",
    "ü.py",
}
ASKED = [PurePosixPath(path) for path in sorted({*FILES, *CHANGED, "no.py", "i.log"})]


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    quiet = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
    finished = run(["git", *identity, *quiet, *arguments], cwd=folder, timeout=60)
    assert finished.returncode == 0, finished.output
    return finished.output


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return commit(tmp_path / "repository")


def commit(root: Path, below: str = ".") -> Path:
    root.mkdir()
    git(root, "init", "--quiet")
    write(root / below)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "all")
    return root


def write(folder: Path) -> None:
    for path in FILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("1\n")
    (folder / ".gitignore").write_text("*.log\n")


def change(folder: Path) -> None:
    (folder / "edited.py").write_text("2\n")
    (folder / "staged.py").write_text("2\n")
    git(folder, "add", "staged.py")
    (folder / "gone.py").unlink()
    (folder / "in folder/sp ace.py").write_text("2\n")
    (folder / "ü.py").write_text("2\n")
    (folder / "new é.py").write_text("2\n")
    (folder / "i.log").write_text("2\n")
    (folder / "unasked.py").write_text("2\n")


def changed() -> tuple[PurePosixPath, ...]:
    return tuple(path for path in ASKED if str(path) in CHANGED)


def test_noop_in_a_clean_repository(repository: Path) -> None:
    assert dirty_files(repository, ASKED) == ()


def test_noop_without_paths(repository: Path) -> None:
    change(repository)
    assert dirty_files(repository, []) == ()


def test_noop_outside_a_repository(tmp_path: Path) -> None:
    write(tmp_path)
    assert dirty_files(tmp_path, ASKED) == ()


def test_noop_in_the_git_folder_itself(repository: Path) -> None:
    assert dirty_files(repository / ".git", [PurePosixPath("config")]) == ()


def test_noop_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(repository)
    monkeypatch.setenv("PATH", str(repository))
    assert dirty_files(repository, ASKED) == ()


def test_every_kind_of_change_is_seen(repository: Path) -> None:
    change(repository)
    assert dirty_files(repository, ASKED) == changed()
    assert dirty_files(repository, ASKED[:3]) == changed()[:2]


def configure(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", name)
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", value)


@pytest.mark.parametrize("shown", ["no", "normal", "all"])
def test_a_new_folder_is_seen_file_by_file(
    repository: Path, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    configure(monkeypatch, "status.showUntrackedFiles", shown)
    (repository / "new").mkdir()
    (repository / "new/one.py").touch()
    asked = [PurePosixPath("new/one.py"), PurePosixPath("new/two.py")]
    assert dirty_files(repository, asked) == (asked[0],)


def test_a_move_is_seen_at_both_ends(repository: Path) -> None:
    git(repository, "mv", "clean.py", "moved.py")
    asked = [PurePosixPath("clean.py"), PurePosixPath("moved.py")]
    assert dirty_files(repository, asked) == tuple(asked)


def test_patterns_are_names(repository: Path) -> None:
    change(repository)
    (repository / ":(odd).py").touch()
    asked = [PurePosixPath("*.py"), PurePosixPath(":(odd).py")]
    assert dirty_files(repository, asked) == (asked[1],)


def test_a_checkout_in_a_bigger_repository(tmp_path: Path) -> None:
    checkout = commit(tmp_path / "big", "third party/rlinf") / "third party/rlinf"
    assert dirty_files(checkout, ASKED) == ()
    (tmp_path / "big/clean.py").write_text("of the big one\n")
    change(checkout)
    assert dirty_files(checkout, ASKED) == changed()


def test_a_worktree(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert (tmp_path / "tree/.git").is_file()
    change(tmp_path / "tree")
    assert dirty_files(tmp_path / "tree", ASKED) == changed()
    assert dirty_files(repository, ASKED) == ()


def test_a_submodule(repository: Path, tmp_path: Path) -> None:
    outer = commit(tmp_path / "outer")
    git(outer, "submodule", "--quiet", "add", str(repository), "rlinf")
    assert (outer / "rlinf/.git").is_file()
    change(outer / "rlinf")
    assert dirty_files(outer / "rlinf", ASKED) == changed()


def test_a_link_to_the_checkout(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repository)
    change(repository)
    assert dirty_files(tmp_path / "link", ASKED) == changed()


def test_a_hook_of_another_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = commit(tmp_path / "other")
    change(repository)
    for name, place in (("GIT_DIR", other / ".git"), ("GIT_WORK_TREE", other)):
        monkeypatch.setenv(name, str(place))
    assert dirty_files(repository, ASKED) == changed()


def test_asking_writes_nothing(repository: Path) -> None:
    index = repository / ".git/index"
    os.utime(repository / "clean.py", (1, 1))
    before = index.stat().st_mtime_ns, index.read_bytes()
    dirty_files(repository, ASKED)
    assert (index.stat().st_mtime_ns, index.read_bytes()) == before


def test_warnings_do_not_hide_a_change(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(repository)
    monkeypatch.setenv("GIT_TRACE", "1")
    assert "trace" in git(repository, "rev-parse", "HEAD")
    assert dirty_files(repository, ASKED) == changed()


def test_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "new.py").touch()
    asked = PurePosixPath("new.py")
    assert dirty_files(tmp_path, [asked]) == (asked,)


def test_everything_is_committed(tmp_path: Path) -> None:
    write(tmp_path)
    assert commit_all(tmp_path, "All of it")
    assert dirty_files(tmp_path, ASKED) == ()
    assert git(tmp_path, "log", "--format=%s") == "All of it\n"
    assert git(tmp_path, "status", "--porcelain") == ""
    change(tmp_path)
    assert dirty_files(tmp_path, ASKED) == changed()


def test_a_commit_stays_out_of_the_repository_around(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    write(repository / "inner")
    assert commit_all(repository / "inner", "Inner")
    assert git(repository, "rev-parse", "HEAD") == head
    assert git(repository / "inner", "rev-parse", "HEAD") != head


@pytest.mark.parametrize("setting", ["commit.gpgsign", "core.hooksPath"])
def test_a_commit_asks_for_nothing_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    values = {"commit.gpgsign": "true", "core.hooksPath": str(hooks)}
    configure(monkeypatch, setting, values[setting])
    write(tmp_path / "tree")
    assert commit_all(tmp_path / "tree", "All of it")


def test_no_commit_without_files_or_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not commit_all(tmp_path, "Nothing")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not commit_all(tmp_path, "Nothing")


def test_no_revision_outside_a_repository(tmp_path: Path) -> None:
    assert find_revision(tmp_path) is None


def test_no_revision_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert find_revision(tmp_path) is None


def test_a_revision_counts_what_differs_from_it(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD").strip()
    assert find_revision(repository) == Revision(commit, 0)
    (repository / "clean.py").write_text("2\n")
    (repository / "new one.py").write_text("1\n")
    (repository / "ignored.log").write_text("1\n")
    assert find_revision(repository) == Revision(commit, 2)
    assert find_revision(repository / "in folder") == Revision(commit, 0)
