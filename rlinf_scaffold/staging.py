"""How a file comes into its place, step by step; the writer's own, and nobody else's."""

from __future__ import annotations

import errno
import glob
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from rlinf_scaffold.receipt import encode

_NOT_AN_EMPTY_FOLDER: Final = frozenset(
    {errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY}
)


def make_folder(folder: Path, mode: int | None) -> None:
    """Make a folder that has its mode from the first moment that it can be seen."""
    fresh = temporary(folder)
    fresh.mkdir(exist_ok=True)
    if mode is not None:
        fresh.chmod(mode)
    fresh.replace(folder)


def save(path: Path, text: str) -> None:
    """Write a file of the writer's own, in its place at once."""
    stage(path, encode(text), None)
    temporary(path).replace(path)
    sync(path.parent)


def stage(target: Path, data: bytes, mode: int | None) -> None:
    """Write what a file will hold beside it, with its mode and owner if it exists."""
    there = target.stat() if target.exists() else None
    with temporary(target).open("xb") as file:
        if there is not None:
            with suppress(PermissionError):
                os.fchown(file.fileno(), there.st_uid, there.st_gid)
            mode = stat.S_IMODE(there.st_mode)
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def delete(real: Path) -> None:
    """Delete a file, and what Python compiled from it: it would keep its folder."""
    real.unlink()
    cache = real.parent / "__pycache__"
    if real.suffix == ".py" and cache.is_dir() and not cache.is_symlink():
        for compiled in cache.glob(f"{glob.escape(real.stem)}.*.pyc"):
            compiled.unlink(missing_ok=True)
        remove_if_empty(cache)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder unless something is in it, or it is gone already."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in _NOT_AN_EMPTY_FOLDER:
            raise


def sync(folder: Path) -> None:
    """Make renames in a folder outlive a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def temporary(target: Path) -> Path:
    """Return what stands in for a file or folder until it is complete."""
    return target.with_name(f".{target.name}.rlinf-scaffold")
