"""The one reader: a checkout's files as text, and the same with changes laid over."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Protocol

from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.errors import NotACheckoutError

MARKERS = ("rlinf/models/__init__.py", "rlinf/config.py")
_DEEPEST = 16  # folders that link to one above them have no bottom


class Tree(Protocol):
    """Files of a checkout, by path relative to its root."""

    def read(self, path: PurePosixPath) -> str | None:
        """Return the file's exact text, or None where there is no such file."""
        ...

    def files(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the files directly in a folder."""
        ...

    def folders(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the folders directly in a folder."""
        ...


def walk_files(tree: Tree, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield every file below a folder; what Python compiled does not count."""
    yield from (path for path in tree.files(folder) if path.suffix != ".pyc")
    if len(folder.parts) < _DEEPEST:
        for child in tree.folders(folder):
            if child.name != "__pycache__":
                yield from walk_files(tree, child)


def python_files(tree: Tree, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the Python files below a folder."""
    return (path for path in walk_files(tree, folder) if path.suffix == ".py")


@dataclass(frozen=True, slots=True)
class Checkout:
    """An RLinf checkout on disk."""

    root: Path

    def read(self, path: PurePosixPath) -> str | None:
        """Return the file's exact text; bytes that are no UTF-8 become surrogates."""
        try:
            data = (self.root / path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        return data.decode("utf-8", "surrogateescape")

    def files(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the files directly in a folder."""
        return self._children(folder, directories=False)

    def folders(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the folders directly in a folder."""
        return self._children(folder, directories=True)

    def _children(
        self, folder: PurePosixPath, *, directories: bool
    ) -> tuple[PurePosixPath, ...]:
        try:
            with os.scandir(self.root / folder) as entries:
                names = [it.name for it in entries if it.is_dir() is directories]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        return tuple(folder / name for name in sorted(names))


@dataclass(frozen=True)
class MemoryTree:
    """A tree held in memory: mini-checkouts in tests, rendered trees in golden."""

    contents: Mapping[PurePosixPath, str] = field(
        default_factory=lambda: MappingProxyType({})
    )

    @classmethod
    def of(cls, contents: Mapping[str, str]) -> MemoryTree:
        """Build a tree from plain path strings."""
        return cls({PurePosixPath(path): text for path, text in contents.items()})

    def read(self, path: PurePosixPath) -> str | None:
        """Return the file's text, or None where there is no such file."""
        return self.contents.get(path)

    def files(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the files directly in a folder."""
        return tuple(
            path for path in self._below.get(folder, ()) if path in self.contents
        )

    def folders(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the folders directly in a folder."""
        return tuple(
            path for path in self._below.get(folder, ()) if path in self._below
        )

    @cached_property
    def _below(self) -> Mapping[PurePosixPath, Sequence[PurePosixPath]]:
        """What is directly in each folder, sorted."""
        below: defaultdict[PurePosixPath, set[PurePosixPath]] = defaultdict(set)
        for path in self.contents:
            inner = path
            for parent in path.parents:
                below[parent].add(inner)
                inner = parent
        return {folder: sorted(paths) for folder, paths in below.items()}


@dataclass(frozen=True, slots=True)
class Overlay:
    """A tree seen with pending changes laid over it."""

    tree: Tree
    pending: Mapping[PurePosixPath, str | None] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def read(self, path: PurePosixPath) -> str | None:
        """Return the file's text as it will be."""
        return self.pending[path] if path in self.pending else self.tree.read(path)

    def files(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the files that will be directly in a folder."""
        there = {path for path in self.tree.files(folder) if path not in self.pending}
        added = {
            path
            for path, text in self.pending.items()
            if text is not None and path.parent == folder
        }
        return tuple(sorted(there | added))

    def folders(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return the sorted paths of the folders that will be directly in a folder."""
        there = {path for path in self.tree.folders(folder) if not self._empties(path)}
        added = {
            parent
            for path, text in self.pending.items()
            if text is not None
            for parent in path.parents
            if parent.parent == folder != parent
        }
        return tuple(sorted(there | added))

    def _empties(self, folder: PurePosixPath) -> bool:
        """Whether what goes away was the last thing in a folder."""
        goes = any(
            text is None and folder in path.parents and self.tree.read(path) is not None
            for path, text in self.pending.items()
        )
        return goes and not self.files(folder) and not self.folders(folder)

    def write(self, changes: Iterable[FileChange]) -> Overlay:
        """Return an overlay that also holds these changes."""
        return Overlay(
            self.tree,
            {**self.pending, **{change.path: change.after for change in changes}},
        )

    def changes(self) -> ChangeSet:
        """Return what the pending changes do to the tree below."""
        return ChangeSet.of(
            FileChange(path, before=self.tree.read(path), after=after)
            for path, after in self.pending.items()
        )


def find_checkout(start: Path) -> Checkout:
    """Return the RLinf checkout that a folder lies in.

    Raises:
        NotACheckoutError: neither the folder nor any above it is one.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if all((folder / marker).is_file() for marker in MARKERS):
            return Checkout(folder)
    raise NotACheckoutError(start, " and ".join(MARKERS))
