"""Take the last change of a model back, to the byte."""

from __future__ import annotations

from pathlib import Path

from rlinf_scaffold import apply
from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.checkout import find_checkout


def undo(name: str, start: Path) -> ChangeSet:
    """Take back what was last written for a model; returns what that changed.

    Raises:
        NothingToUndoError: nothing was written for it, or all of it is taken back.
        EditedSinceError: a file was edited since; nothing was touched.
    """
    checkout = find_checkout(start)
    apply.recover(checkout)
    return apply.undo(checkout, name)
