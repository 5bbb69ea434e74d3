"""Insert a statement behind the last of its like: at the top level, or inside."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from rlinf_scaffold.codemods.source import Edit, open_window, statement
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.syntax import find_class, find_function, parse

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

        return _insert_behind(source, path, body[place], text, blank_lines)

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
        if node is None or place is None or _is_on_one_line(node):
            raise AnchorNotFoundError(
                path, f"{anchor} in {function}()", f"add to {function}():\n{text}"
            )

        return _insert_behind(source, path, node.body[place], text, blank_lines)

    return apply


def insert_in_class(
    path: PurePosixPath, name: str, like: Like, text: str, *, anchor: str
) -> Edit:
    """Return the edit that inserts into a top-level class, as `insert_after_last`.

    Raises (when applied):
        AnchorNotFoundError: no such class, or no statement of its like in it.
    """

    def apply(source: str) -> str:
        node = find_class(parse(source, path).body, name)
        place = _last(node.body, like, above=None) if node else None
        if node is None or place is None or _is_on_one_line(node):
            raise AnchorNotFoundError(
                path, f"{anchor} in class {name}", f"add to class {name}:\n{text}"
            )

        return _insert_behind(source, path, node.body[place], text, blank_lines=0)

    return apply


def _is_on_one_line(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return node.body[0].lineno == node.lineno


def _insert_behind(
    source: str, path: PurePosixPath, node: ast.stmt, text: str, blank_lines: int
) -> str:
    window = open_window(source, path, node)
    new = statement(window.module, text, blank_lines)
    return window.with_lines([*window.lines, new])


def _last(body: Sequence[ast.stmt], like: Like, above: Like | None) -> int | None:
    """Return the index of the last statement of its like, above the last of another."""
    ends = [index for index, node in enumerate(body) if above and above(node)]
    reach = body[: ends[-1]] if ends else body
    return next(
        (index for index, node in reversed(list(enumerate(reach))) if like(node)), None
    )
