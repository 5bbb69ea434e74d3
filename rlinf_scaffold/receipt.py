"""What an application leaves behind, so that it can be taken back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as it was, and the fingerprint of what it became.

    Attributes:
        path: relative to the checkout's root.
        before: its exact text; None where there was no file.
        mode: its permission bits then; None where there was no file.
        after: SHA-256 of what it became; None where it was deleted.
    """

    path: PurePosixPath
    before: str | None
    mode: int | None
    after: str | None


@dataclass(frozen=True, slots=True)
class FolderRecord:
    """A folder that a deletion may have emptied and so removed."""

    path: PurePosixPath
    mode: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Enough to take an application back: bytes, modes and folders.

    Attributes:
        name: the model that it was made for.
        files: every file that it touched.
        created: folders that it created, outermost first.
        emptied: folders that it removed, if it left them empty, outermost first.
    """

    name: str
    files: tuple[FileRecord, ...] = ()
    created: tuple[PurePosixPath, ...] = ()
    emptied: tuple[FolderRecord, ...] = ()

    def to_json(self) -> str:
        """Return the receipt as JSON."""
        return json.dumps(asdict(self), default=str, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Receipt:
        """Return the receipt that `to_json` wrote."""
        held = json.loads(text)
        return cls(
            held["name"],
            tuple(
                FileRecord(**{**file, "path": PurePosixPath(file["path"])})
                for file in held["files"]
            ),
            tuple(PurePosixPath(path) for path in held["created"]),
            tuple(
                FolderRecord(PurePosixPath(folder["path"]), folder["mode"])
                for folder in held["emptied"]
            ),
        )


def fingerprint(text: str | None) -> str | None:
    """Return the SHA-256 of a file's exact text; None for no file."""
    return None if text is None else hashlib.sha256(encode(text)).hexdigest()


def encode(text: str) -> bytes:
    """Return the bytes that `Checkout.read` gave as this text."""
    return text.encode("utf-8", "surrogateescape")
