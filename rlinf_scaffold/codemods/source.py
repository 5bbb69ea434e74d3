"""Rewrite single statements through their concrete syntax tree; the rest keeps its bytes.

A statement is found in the abstract syntax tree and only its own lines are parsed again:
a file of thousands of lines costs as little as the statement that changes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.syntax import DEFINITIONS, from_parsable, parse, to_parsable

Edit = Callable[[str], str]
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BLOCKS = (*DEFINITIONS, ast.If, ast.Try, ast.With, ast.For, ast.While)
_BREAK = re.compile(r"\r\n|\r|\n")


def edit(source: str, path: PurePosixPath, *edits: Edit) -> str:
    """Return the source after the edits, applied in order.

    Raises:
        SourceSyntaxError: the source does not parse, or holds a byte that the tree
            would lose; names the line.
    """
    text = to_parsable(source)
    parse(text, path)
    for apply_edit in edits:
        text = apply_edit(text)
    return from_parsable(text, source)


def rewrite(
    text: str,
    path: PurePosixPath,
    node: ast.stmt,
    change: Callable[[cst.Module], cst.Module],
) -> str:
    """Return the text with the lines of one top-level statement changed.

    Args:
        text: a whole module.
        path: named in the error.
        node: the statement, of the text's own syntax tree.
        change: takes and returns a module of these lines alone.

    Raises:
        SourceSyntaxError: the lines cannot be read alone, or would lose a byte.
    """
    lines = _LINE.findall(text)
    starts = [node.lineno]
    if isinstance(node, DEFINITIONS):
        starts += [decorator.lineno for decorator in node.decorator_list]
    first = min(starts) - 1
    last = node.end_lineno or node.lineno
    window = "".join(lines[first:last])
    try:
        module = cst.parse_module(window).with_changes(default_newline=_newline(text))
    except cst.ParserSyntaxError as error:
        raise SourceSyntaxError(path, first + error.raw_line, error.message) from error
    styled = module.with_changes(default_indent=_indent(text, path))
    if styled.code == window:  # else the statement has an indentation of its own
        module = styled
    if module.code != window:
        reason = "a form feed or lone carriage return there would be lost"
        raise SourceSyntaxError(path, first + 1, reason)
    return "".join([*lines[:first], change(module).code, *lines[last:]])


def _newline(text: str) -> str:
    found = _BREAK.search(text)
    return found.group() if found else "\n"


def _indent(text: str, path: PurePosixPath) -> str:
    """Return the indentation of the module's first block."""
    for node in parse(text, path).body:
        if isinstance(node, _BLOCKS) and node.body[0].lineno > node.lineno:
            first = node.body[0]
            line: str = _LINE.findall(text)[first.lineno - 1]
            return line[: first.col_offset]
    return "    "


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
