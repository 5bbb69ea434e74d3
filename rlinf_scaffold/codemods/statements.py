"""Insert a statement behind the last of its like, at the top level or in a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.codemods.source import Edit, statement
from rlinf_scaffold.errors import AnchorNotFoundError

Like = Callable[[cst.BaseStatement], bool]


def insert_after_last(
    path: PurePosixPath,
    like: Like,
    text: str,
    *,
    anchor: str,
    blank_lines: int = 0,
    above: Like | None = None,
) -> Edit:
    """Return the edit that inserts a top-level statement behind the last of its like.

    Args:
        path: named in the error.
        like: tells the statements behind the last of which it belongs.
        text: the new statement.
        anchor: what ``like`` looks for, in words.
        blank_lines: how many to leave above the new statement.
        above: tells the statements above the last of which it must stand.

    Raises (when applied):
        AnchorNotFoundError: no statement, there, is of its like.
    """

    def apply(module: cst.Module) -> cst.Module:
        new = statement(module, text, blank_lines)
        body = _insert(module.body, like, new, above)
        if body is None:
            raise AnchorNotFoundError(path, anchor, f"add there:\n{text}")
        return module.with_changes(body=body)

    return apply


def insert_in_function(
    path: PurePosixPath,
    function: str,
    like: Like,
    text: str,
    *,
    anchor: str,
    blank_lines: int = 0,
    above: Like | None = None,
) -> Edit:
    """Return the edit that inserts into a top-level function, as `insert_after_last`.

    Raises (when applied):
        AnchorNotFoundError: no such function, or no statement of its like in it.
    """

    def apply(module: cst.Module) -> cst.Module:
        new = statement(module, text, blank_lines)
        for index, node in reversed(list(enumerate(module.body))):
            if not (isinstance(node, cst.FunctionDef) and node.name.value == function):
                continue
            block = node.body
            body = (
                _insert(block.body, like, new, above)
                if isinstance(block, cst.IndentedBlock)
                else None
            )
            if body is None:
                break
            changed = node.with_changes(body=block.with_changes(body=body))
            return module.with_changes(
                body=[*module.body[:index], changed, *module.body[index + 1 :]]
            )
        raise AnchorNotFoundError(
            path, f"{anchor} in {function}()", f"add to {function}():\n{text}"
        )

    return apply


def _insert(
    body: Sequence[cst.BaseStatement],
    like: Like,
    new: cst.BaseStatement,
    above: Like | None,
) -> list[cst.BaseStatement] | None:
    ends = [index for index, node in enumerate(body) if above and above(node)]
    reach = body[: ends[-1]] if ends else body
    matching = [index for index, node in enumerate(reach) if like(node)]
    if not matching:
        return None
    return [*body[: matching[-1] + 1], new, *body[matching[-1] + 1 :]]
