from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlinf_scaffold.changes import ChangeSet, FileChange, Kind
from rlinf_scaffold.processes import run

PATH = st.lists(st.sampled_from(["a", "b.py", "c d", "é"]), min_size=1, max_size=3).map(
    lambda parts: PurePosixPath(*parts)
)
CONTENT = st.none() | st.text("a\n\r\t\x0c\u2028é", max_size=12)
CHANGE = st.builds(FileChange, PATH, CONTENT, CONTENT)
CHANGES = st.lists(CHANGE, max_size=6, unique_by=lambda change: change.path)


def change(path: str, before: str | None, after: str | None) -> FileChange:
    return FileChange(PurePosixPath(path), before, after)


@pytest.mark.parametrize(
    ("before", "after", "kind", "empty"),
    [
        ("a", "a", Kind.MODIFY, True),
        ("", "", Kind.MODIFY, True),
        ("a", "b", Kind.MODIFY, False),
        ("", "a", Kind.MODIFY, False),
        (None, "", Kind.CREATE, False),
        ("", None, Kind.DELETE, False),
    ],
)
def test_kinds(before: str | None, after: str | None, kind: Kind, empty: bool) -> None:
    it = change("a", before, after)
    assert it.kind is kind
    assert it.is_empty is empty


def test_no_changes() -> None:
    assert list(ChangeSet()) == []
    assert len(ChangeSet.of([change("a", "x", "x"), change("b", None, None)])) == 0
    assert ChangeSet().diff() == ""


def test_changes_are_sorted_by_folder() -> None:
    names = ["b", "a/z", "a.py", "a/b/c"]
    held = ChangeSet.of(change(name, None, "") for name in names)
    assert [str(it.path) for it in held] == ["a/b/c", "a/z", "a.py", "b"]


def test_two_changes_for_one_path_are_refused() -> None:
    with pytest.raises(ValueError, match="two changes for one path"):
        ChangeSet.of([change("a", None, "1"), change("a", None, "2")])


@given(CHANGES)
def test_order_does_not_matter(changes: list[FileChange]) -> None:
    assert ChangeSet.of(changes) == ChangeSet.of(reversed(changes))


@given(CHANGES)
def test_the_inverse_of_the_inverse_is_the_same(changes: list[FileChange]) -> None:
    held = ChangeSet.of(changes)
    assert held.inverse().inverse() == held
    assert all(a.before == b.after for a, b in zip(held, held.inverse(), strict=True))


@pytest.mark.parametrize(
    ("before", "after", "diff"),
    [
        (
            "1\n2\n",
            "1\n3\n",
            "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n",
        ),
        (
            None,
            "1",
            "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n"
            "@@ -0,0 +1 @@\n+1\n\\ No newline at end of file\n",
        ),
        (None, "", "diff --git a/f b/f\nnew file mode 100644\n"),
        (
            "1\n",
            None,
            "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n"
            "@@ -1 +0,0 @@\n-1\n",
        ),
        (
            "a\x0cb\r\n",
            "a\x0cc\r\n",
            "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\x0cb\r\n+a\x0cc\r\n",
        ),
    ],
)
def test_diff(before: str | None, after: str | None, diff: str) -> None:
    assert change("f", before, after).diff() == diff


def separate(changes: list[FileChange]) -> bool:
    paths = {it.path for it in changes}
    return not any(paths & {*path.parents} for path in paths)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
@given(CHANGES.filter(separate).map(ChangeSet.of))
@settings(max_examples=40, deadline=None)
def test_git_applies_the_diff(
    tmp_path_factory: pytest.TempPathFactory, changes: ChangeSet
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for it in changes:
        (root / it.path).parent.mkdir(parents=True, exist_ok=True)
        if it.before is not None:
            (root / it.path).write_bytes(it.before.encode())
    patch = tmp_path_factory.mktemp("patch") / "changes.diff"
    patch.write_bytes(changes.diff().encode())
    if changes:
        env = {"GIT_CEILING_DIRECTORIES": str(root.parent), "GIT_CONFIG_NOSYSTEM": "1"}
        command = [shutil.which("git") or "", "apply", "--whitespace=nowarn"]
        finished = run([*command, str(patch)], cwd=root, env=env, timeout=60)
        assert finished.returncode == 0, finished.output
    assert {it.path: content(root / it.path) for it in changes} == {
        it.path: it.after for it in changes
    }


def content(path: Path) -> str | None:
    return path.read_bytes().decode() if path.exists() else None
