"""Rewrite single statements through their concrete syntax tree; the rest keeps its bytes.

A statement is found in the abstract syntax tree and only its own lines are parsed again:
a file of thousands of lines costs as little as the statement that changes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Window:
    """The lines of one statement as a concrete syntax tree, and what surrounds them.

    Attributes:
        module: the lines alone, in a block of their own if they are indented.
        before: the text above them.
        block: the line that opens their block, which is not in the text.
        after: the text below them.
    """

    module: cst.Module
    before: str
    block: str
    after: str

    @property
    def lines(self) -> Sequence[cst.BaseStatement]:
        """The lines, of which the first is the statement's unless it shares one."""
        if not self.block:
            return self.module.body
        return cst.ensure_type(self._opening.body, cst.IndentedBlock).body

    @property
    def _opening(self) -> cst.If:
        return cst.ensure_type(self.module.body[0], cst.If)

    def with_lines(self, lines: Sequence[cst.BaseStatement]) -> str:
        """Return the whole text with these lines in their place."""
        body = lines
        if self.block:
            block = self._opening.body.with_changes(body=lines)
            body = [self._opening.with_changes(body=block)]
        code = self.module.with_changes(body=body).code.removeprefix(self.block)
        return self.before + code + self.after


def open_window(text: str, path: PurePosixPath, node: ast.stmt) -> Window:
    """Return the lines of a statement, at any depth, of the text's own syntax tree.

    Raises:
        SourceSyntaxError: the lines cannot be read alone, or would lose a byte.
    """
    lines = _LINE.findall(text)
    starts = [node.lineno]
    if isinstance(node, DEFINITIONS):
        starts += [decorator.lineno for decorator in node.decorator_list]
    first, last = min(starts) - 1, node.end_lineno or node.lineno
    block = f"if _:{_newline(text)}" if lines[first][:1] in (" ", "\t") else ""
    code = block + "".join(lines[first:last])
    try:
        module = cst.parse_module(code).with_changes(default_newline=_newline(text))
    except cst.ParserSyntaxError as error:
        raise SourceSyntaxError(path, first + 1, error.message) from error
    styled = module.with_changes(default_indent=_indent(text, path))
    if styled.code == code:
        module = styled
    elif module.code != code:  # and not for an indentation of its own
        reason = "a form feed or lone carriage return there would be lost"
        raise SourceSyntaxError(path, first + 1, reason)
    before, after = "".join(lines[:first]), "".join(lines[last:])
    return Window(module, before, block, after)


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
