"""RLinf's history, read from the objects of a clone: nothing is ever checked out."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.layouts import CONFIG, LOADER
from rlinf_scaffold.processes import Finished, run

_MAINS = ("refs/remotes/origin/main", "refs/heads/main", "HEAD")
_WIRING = ("--", str(LOADER), str(CONFIG))


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and what people call it: a tag, main, or nothing."""

    commit: str
    name: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.commit[:9], self.name)))


@dataclass(frozen=True, slots=True)
class History:
    """A clone of RLinf, bare or not, with its tags and the whole of main."""

    repository: Path

    def released(self) -> tuple[Revision, ...]:
        """Return the tags, oldest first, and the newest commit of main."""
        form = "--format=%(objectname) %(*objectname) %(refname:short)"
        lines = self._lines("for-each-ref", "--sort=creatordate", form, "refs/tags")
        words = [line.split() for line in lines]
        return (*(Revision(commit, name) for *_, commit, name in words), self._main())

    def wirings(self) -> tuple[Revision, ...]:
        """Return what was released, and the commits that changed how models are wired.

        Those are the first-parent commits of main that touch the loader or the
        configuration, from the first loader on, and of each tag beyond main.
        """
        named = {it.commit: it for it in self.released()}
        main = self._main().commit
        *_, first = self._lines("rev-list", "--first-parent", main, "--", str(LOADER))
        commits = [first, *self._touching(f"{first}..{main}")]
        for commit in named:
            commits += self._touching(f"{main}..{commit}")
        order = dict.fromkeys((*commits, *named))
        return tuple(named.get(commit, Revision(commit)) for commit in order)

    def parent(self, commit: str) -> Revision:
        """Return what a commit was made from."""
        return Revision(*self._lines("rev-parse", "--verify", f"{commit}^"))

    def extract(self, revision: Revision, folder: Path) -> Checkout:
        """Write the files of a revision into a folder."""
        with TemporaryDirectory() as scratch:
            archive = Path(scratch, "files.tar")
            self._lines("archive", f"--output={archive}", revision.commit)
            with tarfile.open(archive) as files:
                files.extractall(folder, filter="data")
        return Checkout(folder.resolve())

    def read(self, commit: str, path: PurePosixPath) -> str:
        """Return the text of a file at a revision; nothing where there is none."""
        finished = self._git("cat-file", "blob", f"{commit}:{path}")
        return finished.output if finished.returncode == 0 else ""

    def _main(self) -> Revision:
        found = (self._git("rev-parse", "--verify", "--quiet", ref) for ref in _MAINS)
        commit = next(it.output.strip() for it in found if it.returncode == 0)
        return Revision(commit, "main")

    def _touching(self, commits: str) -> list[str]:
        return self._lines("rev-list", "--first-parent", "--reverse", commits, *_WIRING)

    def _lines(self, *words: str) -> list[str]:
        finished = self._git(*words)
        if finished.returncode:
            msg = f"git {' '.join(words)} in {self.repository}: {finished.output}"
            raise ValueError(msg)
        return finished.output.splitlines()

    def _git(self, *words: str) -> Finished:
        return run(("git", *words), cwd=self.repository, timeout=60)
