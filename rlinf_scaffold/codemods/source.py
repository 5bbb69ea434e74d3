"""Apply one edit to a module's concrete syntax tree; everything else keeps its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest
from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.syntax import from_parsable, to_parsable

Edit = Callable[[cst.Module], cst.Module]


def edit(source: str, path: PurePosixPath, *edits: Edit) -> str:
    """Return the source after the edits, applied in order to one parsed tree.

    Raises:
        SourceSyntaxError: the source does not parse, or holds a byte that the tree
            would lose; names the line.
    """
    text = to_parsable(source)
    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise SourceSyntaxError(path, error.raw_line, error.message) from error
    _refuse_loss(path, text, module.code)
    for apply_edit in edits:
        module = apply_edit(module)
    return from_parsable(module.code, source)


def _refuse_loss(path: PurePosixPath, text: str, kept: str) -> None:
    if text != kept:
        lines = zip_longest(text.split("\n"), kept.split("\n"))
        line = next(n for n, (old, new) in enumerate(lines, 1) if old != new)
        reason = "a form feed or lone carriage return there would be lost"
        raise SourceSyntaxError(path, line, reason)


def statement(
    module: cst.Module, text: str, blank_lines: int = 0
) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
    """Return a statement, indented by four, in the module's indentation and newlines."""
    indented = re.sub(
        r"^(?: {4})+",
        lambda margin: module.default_indent * (len(margin.group()) // 4),
        text,
        flags=re.MULTILINE,
    )
    node = cst.parse_statement(indented, config=module.config_for_parsing)
    return node.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * blank_lines)
