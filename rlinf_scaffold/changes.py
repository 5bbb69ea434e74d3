"""The plan as a value: what every touched file was, and what it becomes."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath


class Kind(Enum):
    """What happens to a file."""

    CREATE = "create"
    MODIFY = "modify"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after; None is a file that does not exist.

    Text is the file's exact content: line endings, a byte-order mark and undecodable
    bytes (as surrogate escapes) included.
    """

    path: PurePosixPath
    before: str | None
    after: str | None

    @property
    def kind(self) -> Kind:
        """Whether the file is created, modified or deleted."""
        if self.before is None:
            return Kind.CREATE
        return Kind.DELETE if self.after is None else Kind.MODIFY

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return self.before == self.after

    def inverse(self) -> FileChange:
        """Return the change that takes this one back."""
        return FileChange(self.path, before=self.after, after=self.before)

    def diff(self) -> str:
        """Return the unified diff as git writes it: ``git apply`` takes it."""
        lines = difflib.unified_diff(
            _lines(self.before),
            _lines(self.after),
            fromfile="/dev/null" if self.before is None else f"a/{self.path}",
            tofile="/dev/null" if self.after is None else f"b/{self.path}",
        )
        return self._header() + "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )

    def _header(self) -> str:
        header = f"diff --git a/{self.path} b/{self.path}\n"
        if self.before is None:
            header += "new file mode 100644\n"
        if self.after is None:
            header += "deleted file mode 100644\n"
        return header


def _lines(text: str | None) -> list[str]:
    """Split at line feeds alone, as git does; str.splitlines knows many more."""
    return list(io.StringIO(text or "", newline="\n"))


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A pure plan: sorted, one change per path, none of them empty."""

    changes: tuple[FileChange, ...] = ()

    @classmethod
    def of(cls, changes: Iterable[FileChange]) -> ChangeSet:
        """Build a change set; drops empty changes, refuses two for one path."""
        kept = sorted(
            (change for change in changes if not change.is_empty),
            key=lambda change: change.path,
        )
        paths = [change.path for change in kept]
        if len(set(paths)) != len(paths):
            msg = f"two changes for one path among {paths}"
            raise ValueError(msg)
        return cls(tuple(kept))

    def __iter__(self) -> Iterator[FileChange]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def inverse(self) -> ChangeSet:
        """Return the change set that takes this one back."""
        return ChangeSet.of(change.inverse() for change in self.changes)

    def diff(self) -> str:
        """Return one unified diff of everything."""
        return "".join(change.diff() for change in self.changes)
