"""Apply one edit to a module's concrete syntax tree; everything else keeps its bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.syntax import from_parsable, to_parsable

Edit = Callable[[cst.Module], cst.Module]


def edit(source: str, path: PurePosixPath, *edits: Edit) -> str:
    """Return the source after the edits, applied in order to one parsed tree.

    Raises:
        SourceSyntaxError: the source does not parse; names the line.
    """
    try:
        module = cst.parse_module(to_parsable(source))
    except cst.ParserSyntaxError as error:
        raise SourceSyntaxError(path, error.raw_line, error.message) from error
    for apply_edit in edits:
        module = apply_edit(module)
    return from_parsable(module.code, source)


def statement(
    module: cst.Module, text: str, blank_lines: int = 0
) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
    """Return a statement in the module's own indentation and line endings."""
    node = cst.parse_statement(text, config=module.config_for_parsing)
    return node.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * blank_lines)
