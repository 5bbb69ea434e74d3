"""Append an element to a set, list or tuple literal, in the style it is written in."""

from __future__ import annotations

from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.codemods.source import Edit, open_window
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.syntax import COLLECTIONS, find_assignment, parse

Literal = cst.Set | cst.List | cst.Tuple
_LINE_LENGTH = 88
_NO_COMMA = cst.MaybeSentinel.DEFAULT


def append_element(path: PurePosixPath, variable: str, element: str) -> Edit:
    """Return the edit that appends to the last ``variable = {...}`` of a module.

    The literal may be a set, a list or a tuple, be annotated, and be wrapped as in
    ``set({...})``.

    Raises (when applied):
        AnchorNotFoundError: no such assignment of a literal at the top level.
    """

    def apply(source: str) -> str:
        found = find_assignment(parse(source, path).body, variable)
        refusal = AnchorNotFoundError(
            path,
            f"set, list or tuple literal assigned to {variable}",
            f"add {element} to {variable}",
        )
        if found is None:
            raise refusal

        window = open_window(source, path, found.node)
        line = cst.ensure_type(window.lines[0], cst.SimpleStatementLine)
        value = _assigned(line)
        longer = value and _lengthen(window.module, line, value, element)
        if not longer:
            raise refusal
        return window.with_lines([longer])

    return apply


def _lengthen(
    module: cst.Module,
    line: cst.SimpleStatementLine,
    value: cst.BaseExpression,
    element: str,
) -> cst.SimpleStatementLine | None:
    literal = _literal(value)
    if literal is None:
        return None
    longer = _replace(line, literal, _append(module, literal, element))
    if not (_is_on_one_line(module, literal) and _outgrows(module, line, longer)):
        return longer
    whole, depth = (value, 0) if _is_on_one_line(module, value) else (literal, 1)
    text = _explode(module, whole, literal, element, depth)
    return _replace(
        line, whole, cst.parse_expression(text, config=module.config_for_parsing)
    )


def _replace(
    line: cst.SimpleStatementLine, old: cst.CSTNode, new: cst.CSTNode
) -> cst.SimpleStatementLine:
    return cst.ensure_type(line.deep_replace(old, new), cst.SimpleStatementLine)


def _assigned(line: cst.SimpleStatementLine) -> cst.BaseExpression | None:
    """Return what a line assigns; nothing if it holds other statements too."""
    only = line.body[0] if len(line.body) == 1 else None
    if isinstance(only, cst.Assign) and len(only.targets) > 1:
        return None
    return only.value if isinstance(only, (cst.Assign, cst.AnnAssign)) else None


def _literal(value: cst.BaseExpression | None) -> Literal | None:
    if (
        isinstance(value, cst.Call)
        and isinstance(value.func, cst.Name)
        and value.func.value in COLLECTIONS
        and len(value.args) == 1
        and not value.args[0].star
    ):
        return _literal(value.args[0].value)
    if isinstance(value, cst.Tuple):
        return value if value.lpar else None
    return value if isinstance(value, (cst.Set, cst.List)) else None


def _append(module: cst.Module, literal: Literal, element: str) -> Literal:
    new = cst.Element(cst.parse_expression(element))
    opening, closing = _whitespace(literal)
    if not literal.elements:
        return _fill(module, literal, new)
    last = literal.elements[-1]
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    if not _is_lone(module, literal):
        new = new.with_changes(comma=last.comma)
    if isinstance(closing, cst.ParenthesizedWhitespace):
        # A comment behind the last element stays with it.
        indent = (
            opening if isinstance(opening, cst.ParenthesizedWhitespace) else closing
        )
        comma = cst.Comma(
            whitespace_after=closing.with_changes(last_line=indent.last_line)
        )
        closing = closing.with_changes(
            first_line=cst.TrailingWhitespace(newline=closing.first_line.newline),
            empty_lines=[],
        )
    elements = [*literal.elements[:-1], last.with_changes(comma=comma), new]
    return _with_whitespace(literal.with_changes(elements=elements), opening, closing)


def _fill(module: cst.Module, literal: Literal, new: cst.Element) -> Literal:
    """Return an empty literal with its first element; comments in it stay above."""
    if _is_on_one_line(module, literal):
        return literal.with_changes(elements=[new])
    opening = next(
        whitespace
        for whitespace in _whitespace(literal)
        if isinstance(whitespace, cst.ParenthesizedWhitespace)
    )
    margin = cst.SimpleWhitespace(opening.last_line.value + module.default_indent)
    return _with_whitespace(
        literal.with_changes(elements=[new.with_changes(comma=cst.Comma())]),
        opening.with_changes(last_line=margin),
        cst.ParenthesizedWhitespace(indent=True, last_line=opening.last_line),
    )


def _is_lone(module: cst.Module, literal: Literal) -> bool:
    """Whether it is ``("a",)``, whose comma is no style but makes the tuple."""
    return (
        isinstance(literal, cst.Tuple)
        and len(literal.elements) == 1
        and _is_on_one_line(module, literal)
    )


def _explode(
    module: cst.Module,
    whole: cst.BaseExpression,
    literal: Literal,
    element: str,
    depth: int,
) -> str:
    """Return a one-line literal with the element, each on a line, in its wrapping."""
    step = module.default_indent
    head, tail = "", ""
    while isinstance(whole, cst.Call):
        head += f"{module.code_for_node(whole.func)}(\n{step * (depth + 1)}"
        tail = f"\n{step * depth}){tail}"
        whole, depth = whole.args[0].value, depth + 1
    lone = [part.with_changes(comma=_NO_COMMA) for part in literal.elements]
    codes = [*map(module.code_for_node, lone), element]
    rows = "".join(f"{step * (depth + 1)}{code},\n" for code in codes)
    brackets = module.code_for_node(whole)
    return f"{head}{brackets[0]}\n{rows}{step * depth}{brackets[-1]}{tail}"


def _whitespace(
    literal: Literal,
) -> tuple[cst.BaseParenthesizableWhitespace, cst.BaseParenthesizableWhitespace]:
    if isinstance(literal, cst.Set):
        return literal.lbrace.whitespace_after, literal.rbrace.whitespace_before
    if isinstance(literal, cst.List):
        return literal.lbracket.whitespace_after, literal.rbracket.whitespace_before
    return literal.lpar[-1].whitespace_after, literal.rpar[0].whitespace_before


def _with_whitespace(
    literal: Literal,
    opening: cst.BaseParenthesizableWhitespace,
    closing: cst.BaseParenthesizableWhitespace,
) -> Literal:
    if isinstance(literal, cst.Set):
        return literal.with_changes(
            lbrace=cst.LeftCurlyBrace(opening), rbrace=cst.RightCurlyBrace(closing)
        )
    if isinstance(literal, cst.List):
        return literal.with_changes(
            lbracket=cst.LeftSquareBracket(opening),
            rbracket=cst.RightSquareBracket(closing),
        )
    return literal.with_changes(
        lpar=[*literal.lpar[:-1], cst.LeftParen(opening)],
        rpar=[cst.RightParen(closing), *literal.rpar[1:]],
    )


def _is_on_one_line(module: cst.Module, node: cst.CSTNode) -> bool:
    return "\n" not in module.code_for_node(node)


def _outgrows(
    module: cst.Module, line: cst.SimpleStatementLine, longer: cst.SimpleStatementLine
) -> bool:
    """Whether the line kept to the limit, and with the element does not."""
    before, after = (
        module.code_for_node(each.with_changes(leading_lines=[])).splitlines()
        for each in (line, longer)
    )
    return max(map(len, before)) <= _LINE_LENGTH < max(map(len, after))
