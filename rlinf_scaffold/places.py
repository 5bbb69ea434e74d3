"""Where the paths of a checkout really are: links followed, and nothing outside."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from rlinf_scaffold.errors import UnsafePathError


def locate(root: Path, path: PurePosixPath) -> Path:
    """Return where a path below a resolved root really is, all links followed.

    Raises:
        UnsafePathError: it is not below the root, or its links go in a circle.
    """
    real = Path(os.path.realpath(root / path))
    if path.is_absolute() or ".." in path.parts or root not in real.parents:
        raise UnsafePathError(path, real)
    if real.is_symlink():
        raise UnsafePathError(path, "a loop of symbolic links")
    return real


def folders_above(root: Path, places: Iterable[Path]) -> tuple[PurePosixPath, ...]:
    """Return the folders between the root and these places, outermost first."""
    above = {
        PurePosixPath(folder.relative_to(root))
        for place in places
        for folder in place.parents
        if root in folder.parents
    }
    return tuple(sorted(above))


def missing_folders(root: Path, places: Iterable[Path]) -> tuple[PurePosixPath, ...]:
    """Return which folders above these places do not exist, outermost first."""
    return tuple(it for it in folders_above(root, places) if not (root / it).exists())


def is_blocked(root: Path, place: Path) -> bool:
    """Whether something that is no file, or no folder, stands in a file's way."""
    return (place.exists() and not place.is_file()) or any(
        (root / folder).exists() and not (root / folder).is_dir()
        for folder in folders_above(root, [place])
    )
