"""What git knows about a checkout, if it knows it at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rlinf_scaffold.errors import LaunchError
from rlinf_scaffold.processes import run

_SECONDS = 30.0
# Set by git for its hooks: they would name another repository than the checkout's.
_HOOK_VARIABLES = frozenset(
    {
        *("GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE"),
    }
)


def dirty_files(
    root: Path, paths: Iterable[PurePosixPath]
) -> tuple[PurePosixPath, ...]:
    """Return which of these paths, relative to the root, git has not committed as is.

    Modified, staged, deleted and untracked files count, ignored ones do not. Empty
    where the root is in no git work tree or there is no git.
    """
    asked = sorted(set(paths))
    prefix = _git(root, "rev-parse", "--show-prefix") if asked else None
    if prefix is None:
        return ()
    names = [str(path) for path in asked]
    status = _git(
        root,
        *("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"),
        *("--", *names),
    )
    top = prefix.removesuffix("\n").rpartition("\n")[2]
    entries = {entry.rpartition("\n")[2][3:] for entry in (status or "").split("\0")}
    return tuple(path for path in asked if f"{top}{path}" in entries)


@dataclass(frozen=True, slots=True)
class Revision:
    """What is checked out.

    Attributes:
        commit: the full name of the commit.
        uncommitted: how many files differ from it; ignored ones do not count.
    """

    commit: str
    uncommitted: int


def find_revision(root: Path) -> Revision | None:
    """Return what git has checked out in a folder; None where that is nothing."""
    head = _git(root, "rev-parse", "--verify", "HEAD")
    if head is None:
        return None
    status = _git(
        root,
        *("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"),
        *("--", "."),
    )
    changed = [entry for entry in (status or "").split("\0") if entry]
    return Revision(head.split()[-1], len(changed))


def commit_all(root: Path, message: str) -> bool:
    """Make a folder a repository of its own with all of it committed, if git can."""
    author = ("user.name=rlinf-scaffold", "user.email=rlinf-scaffold@localhost")
    plain = ("commit.gpgsign=false", f"core.hooksPath={os.devnull}")
    settings = [word for it in (*author, *plain) for word in ("-c", it)]
    steps = (
        ("init", "--quiet"),
        ("add", "--all"),
        (*settings, "commit", "--quiet", "--message", message),
    )
    return all(_git(root, *step) is not None for step in steps)


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git prints, warnings before it included; None if it fails."""
    env = {
        name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES
    }
    try:
        finished = run(
            [
                *("git", "--literal-pathspecs", "-c", "core.fsmonitor=false"),
                *arguments,
            ],
            cwd=root,
            env={**env, "GIT_OPTIONAL_LOCKS": "0"},
            timeout=_SECONDS,
        )
    except LaunchError:
        return None
    return finished.output if finished.returncode == 0 else None
