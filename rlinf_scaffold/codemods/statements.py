"""Insert a statement behind the last of its like, at the top level or in a function."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.codemods.source import Edit, rewrite, statement
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.syntax import find_function, parse

Like = Callable[[ast.stmt], bool]


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

    def apply(source: str) -> str:
        body = parse(source, path).body
        place = _last(body, like, above)
        if place is None:
            raise AnchorNotFoundError(path, anchor, f"add there:\n{text}")

        def append(module: cst.Module) -> cst.Module:
            new = statement(module, text, blank_lines)
            return module.with_changes(body=[*module.body, new])

        return rewrite(source, path, body[place], append)

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

    def apply(source: str) -> str:
        node = find_function(parse(source, path).body, function)
        place = _last(node.body, like, above) if node else None
        if node is None or place is None or node.body[0].lineno == node.lineno:
            raise AnchorNotFoundError(
                path, f"{anchor} in {function}()", f"add to {function}():\n{text}"
            )

        def insert(module: cst.Module) -> cst.Module:
            outer = cst.ensure_type(module.body[0], cst.FunctionDef)
            new = statement(module, text, blank_lines)
            line = _line_of(outer.body.body, place) + 1
            body = [*outer.body.body[:line], new, *outer.body.body[line:]]
            block = outer.body.with_changes(body=body)
            return module.with_changes(body=[outer.with_changes(body=block)])

        return rewrite(source, path, node, insert)

    return apply


def _last(body: Sequence[ast.stmt], like: Like, above: Like | None) -> int | None:
    """Return the index of the last statement of its like, above the last of another."""
    ends = [index for index, node in enumerate(body) if above and above(node)]
    reach = body[: ends[-1]] if ends else body
    return next(
        (index for index, node in reversed(list(enumerate(reach))) if like(node)), None
    )


def _line_of(
    body: Sequence[cst.BaseStatement | cst.BaseSmallStatement], statement: int
) -> int:
    """Return which line of a block a statement stands in: one may hold several."""
    count = 0
    for line, node in enumerate(body):
        count += len(node.body) if isinstance(node, cst.SimpleStatementLine) else 1
        if statement < count:
            return line
    raise IndexError(statement)
