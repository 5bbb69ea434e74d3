"""The one writer: all of a change set or none of it, and the way back."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path, PurePosixPath
from typing import TextIO
from urllib.parse import quote, unquote

from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.errors import (
    ConflictError,
    EditedSinceError,
    LockedError,
    NothingToUndoError,
    WriteFailedError,
)
from rlinf_scaffold.places import (
    folders_above,
    is_blocked,
    locate,
    missing_folders,
)
from rlinf_scaffold.receipt import (
    FileRecord,
    FolderRecord,
    Receipt,
    encode,
    fingerprint,
)
from rlinf_scaffold.signals import unwinding
from rlinf_scaffold.staging import (
    delete,
    make_folder,
    remove_if_empty,
    save,
    stage,
    sync,
    temporary,
)

STATE = PurePosixPath(".rlinf-scaffold/state")
_PASSING = frozenset({".gitignore", "lock", "receipts"})


def apply(checkout: Checkout, changes: ChangeSet, name: str | None) -> Receipt:
    """Write a change set, all of it or nothing, and keep a receipt under this name.

    Files keep their modes, symbolic links inside the checkout stay links, and folders
    that a deletion leaves empty go away. Without a name, or without changes, no
    receipt is kept.

    Raises:
        ConflictError: a file is not what the change set says it was.
        UnsafePathError: a path leads out of the checkout.
        LockedError: another run is writing to the checkout.
        EditedSinceError: what a killed run left was edited and cannot be taken back.
        WriteFailedError: the system refused; what was begun is taken back.
        ValueError: two paths of the change set are in each other's place.
    """
    if not changes:
        return Receipt(name or "")
    root = checkout.root.resolve()
    with _writing(root) as state:
        _recover(root, state)
        receipt = _record(root, changes, name or "")
        try:
            save(state.journal, receipt.to_json())
            _move(root, changes, {}, [folder.path for folder in receipt.emptied])
            if name is None:
                state.journal.unlink()
            else:
                state.journal.replace(state.slot(name, len(state.held(name)) + 1))
            sync(state.receipts)
        except BaseException:
            _recover(root, state)
            raise
        return receipt


def undo(checkout: Checkout, name: str) -> ChangeSet:
    """Take back the newest application under this name; return what that changed.

    A file that already is as it was before is left alone.

    Raises:
        NothingToUndoError: there is no receipt of that name.
        EditedSinceError: a file was edited since; nothing is touched.
        UnsafePathError: a path leads out of the checkout by now.
        LockedError: another run is writing to the checkout.
        WriteFailedError: the system refused; what was begun is taken back.
    """
    root = checkout.root.resolve()
    with _writing(root) as state:
        _recover(root, state)
        held = state.held(name)
        if not held:
            raise NothingToUndoError(name, state.names())
        slot = held[-1]
        receipt = Receipt.from_json(slot.read_text("utf-8"))
        changes = _inverse(root, receipt)
        again = _record(root, changes, name)
        try:
            slot.replace(state.journal)
            _take_back(root, receipt)
            state.journal.unlink()
            sync(state.folder)
        except BaseException:
            if state.journal.exists():
                _take_back(root, again)
                state.journal.replace(slot)
            raise
        return changes


def recover(checkout: Checkout) -> bool:
    """Clean up after a killed run; return whether there was anything to clean up.

    What an apply had begun is taken back, what an undo had begun is completed.

    Raises:
        EditedSinceError, UnsafePathError, LockedError, WriteFailedError: as for `undo`.
    """
    root = checkout.root.resolve()
    if not _State.of(root).journal.exists():
        return False
    with _writing(root) as state:
        return _recover(root, state)


def receipts(checkout: Checkout) -> tuple[str, ...]:
    """Return the sorted names that `undo` knows."""
    return _State.of(checkout.root.resolve()).names()


def publish(path: Path, text: str) -> None:
    """Write a file that no change set owns, such as a report: all of it or nothing.

    It may stand anywhere, folders above it come into being, and nothing is kept to
    undo it. One file that takes the place of another needs neither lock nor journal.

    Raises:
        WriteFailedError: the system refused.
    """
    real = path.resolve()
    if real.exists() and not real.is_file():
        raise WriteFailedError(path, "something that is no file is there")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        temporary(real).unlink(missing_ok=True)
        save(real, text)
    except OSError as error:
        with suppress(OSError):
            temporary(real).unlink()
        raise WriteFailedError(path, error.strerror or str(error)) from error


@dataclass(frozen=True, slots=True)
class _State:
    """Where the writer keeps its own files.

    The journal is the receipt of what is under way: as long as it exists, what it
    lists has to be taken back. An apply commits by making it a receipt, or deleting it;
    an undo makes a receipt the journal first, and commits by deleting it.
    """

    folder: Path

    @classmethod
    def of(cls, root: Path) -> _State:
        return cls(locate(root, STATE))

    @property
    def journal(self) -> Path:
        return self.folder / "journal.json"

    @property
    def receipts(self) -> Path:
        return self.folder / "receipts"

    def names(self) -> tuple[str, ...]:
        slots = self.receipts.glob("*.*.json")
        return tuple(sorted({unquote(slot.stem.rpartition(".")[0]) for slot in slots}))

    def held(self, name: str) -> list[Path]:
        """Return a name's receipts, the newest last."""
        return list(takewhile(Path.exists, (self.slot(name, n) for n in count(1))))

    def slot(self, name: str, number: int) -> Path:
        return self.receipts / f"{quote(name, safe='')}.{number}.json"


def _recover(root: Path, state: _State) -> bool:
    temporary(state.journal).unlink(missing_ok=True)
    if not state.journal.exists():
        return False
    _take_back(root, Receipt.from_json(state.journal.read_text("utf-8")))
    state.journal.unlink()
    sync(state.folder)
    return True


def _record(root: Path, changes: ChangeSet, name: str) -> Receipt:
    """Return the receipt that applying these changes will have."""
    reals = {change.path: locate(root, change.path) for change in changes}
    folders = {root / folder for folder in folders_above(root, reals.values())}
    if len(folders.union(reals.values())) < len(folders) + len(reals):
        msg = f"two changes for one place among {sorted(map(str, reals))}"
        raise ValueError(msg)
    conflicts = [
        change.path
        for change in changes
        if is_blocked(root, reals[change.path])
        or Checkout(root).read(change.path) != change.before
    ]
    if conflicts:
        raise ConflictError(conflicts)
    growing = [reals[it.path] for it in changes if it.after is not None]
    shrinking = [reals[it.path] for it in changes if it.after is None]
    return Receipt(
        name,
        files=tuple(_file_record(change, reals[change.path]) for change in changes),
        created=missing_folders(root, growing),
        emptied=tuple(
            FolderRecord(folder, _mode(root / folder))
            for folder in folders_above(root, shrinking)
        ),
    )


def _file_record(change: FileChange, real: Path) -> FileRecord:
    mode = None if change.before is None else _mode(real)
    return FileRecord(change.path, change.before, mode, fingerprint(change.after))


def _inverse(root: Path, receipt: Receipt) -> ChangeSet:
    """Return the changes from what the files are to what they were."""
    changes: list[FileChange] = []
    edited: list[PurePosixPath] = []
    for record in receipt.files:
        if is_blocked(root, locate(root, record.path)):
            edited.append(record.path)
            continue
        text = Checkout(root).read(record.path)
        if text == record.before:
            continue
        if fingerprint(text) == record.after:
            changes.append(FileChange(record.path, before=text, after=record.before))
        else:
            edited.append(record.path)
    if edited:
        raise EditedSinceError(edited)
    return ChangeSet.of(changes)


def _take_back(root: Path, receipt: Receipt) -> None:
    """Make everything on a receipt what it was; doing so twice changes nothing."""
    changes = _inverse(root, receipt)
    for record in receipt.files:
        temporary(locate(root, record.path)).unlink(missing_ok=True)
    for folder in receipt.created:
        remove_if_empty(temporary(root / folder))
    modes = {it.path: it.mode for it in receipt.files if it.mode is not None}
    modes.update((folder.path, folder.mode) for folder in receipt.emptied)
    _move(root, changes, modes, receipt.created)


def _move(
    root: Path,
    changes: ChangeSet,
    modes: Mapping[PurePosixPath, int],
    leaving: Iterable[PurePosixPath],
) -> None:
    """Make every file what its change says, and remove folders if they are empty.

    Everything is staged before the first file is replaced. Modes are for files and
    folders that come (back) into being; others keep theirs.
    """
    reals = {change.path: locate(root, change.path) for change in changes}
    texts = {it.path: it.after for it in changes if it.after is not None}
    missing = missing_folders(root, [reals[path] for path in texts])
    for folder in missing:
        make_folder(root / folder, modes.get(folder))
    for path, text in texts.items():
        stage(reals[path], encode(text), modes.get(path))
    for path, real in reals.items():
        if path in texts:
            temporary(real).replace(real)
        else:
            delete(real)
    renamed = {real.parent for real in reals.values()}
    for place in sorted(renamed.union((root / it).parent for it in missing)):
        sync(place)
    for folder in sorted(leaving, reverse=True):
        remove_if_empty(root / folder)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def _writing(root: Path) -> Iterator[_State]:
    """Hold the checkout's lock; leave no trace of it when there is nothing to keep."""
    state = _State.of(root)
    try:
        with unwinding(), _locked(root, state) as lock:
            try:
                lock.truncate(0)
                lock.write(f"{os.getpid()}\n")
                lock.flush()
                (state.folder / ".gitignore").write_text("*\n", "utf-8")
                yield state
            finally:
                _tidy(root, state)
    except OSError as error:
        path = error.filename2 or error.filename or root
        raise WriteFailedError(path, error.strerror or str(error)) from error


def _locked(root: Path, state: _State) -> TextIO:
    """Return the lock file, open and locked.

    The run before may be tidying up: then the folder vanishes under us, or the file
    that we locked is no longer the one that others will find.
    """
    place = state.folder / "lock"
    while True:
        with suppress(FileNotFoundError), ExitStack() as stack:
            state.receipts.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(place.open("a+", encoding="utf-8"))
            _claim(root, lock)
            if os.path.samestat(os.fstat(lock.fileno()), place.stat()):
                stack.pop_all()
                return lock


def _claim(root: Path, lock: TextIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        pid = lock.read().strip()
        holder = f"process {pid}" if pid else "another process"
        raise LockedError(root, holder) from error


def _tidy(root: Path, state: _State) -> None:
    """Remove the writer's own files if none is worth keeping, and nothing else."""
    if state.journal.exists() or state.names():
        return
    with suppress(OSError):
        if {entry.name for entry in state.folder.iterdir()} <= _PASSING:
            shutil.rmtree(state.folder)
            remove_if_empty(root / STATE.parent)
