"""Append an element to a set or list literal, in the style that it is written in."""

from __future__ import annotations

from pathlib import PurePosixPath

import libcst as cst
import libcst.matchers as m

from rlinf_scaffold.codemods.source import Edit
from rlinf_scaffold.errors import AnchorNotFoundError

Literal = cst.Set | cst.List
_LINE_LENGTH = 88


def append_element(path: PurePosixPath, variable: str, element: str) -> Edit:
    """Return the edit that appends to ``variable = {...}``, ``[...]`` or ``set({...})``.

    Raises (when applied):
        AnchorNotFoundError: no such assignment of a literal at the top level.
    """

    def apply(module: cst.Module) -> cst.Module:
        for index, line in enumerate(module.body):
            literal = _assigned_literal(line, variable)
            if literal is None:
                continue
            longer = line.deep_replace(literal, _append(literal, element))
            if _is_too_long(module, longer) and _is_on_one_line(module, literal):
                longer = line.deep_replace(literal, _explode(_append(literal, element)))
            body = [*module.body[:index], longer, *module.body[index + 1 :]]
            return module.with_changes(body=body)
        raise AnchorNotFoundError(
            path,
            f"assignment of a literal to {variable}",
            f"add {element} to {variable}",
        )

    return apply


def _assigned_literal(line: cst.CSTNode, variable: str) -> Literal | None:
    target = m.AssignTarget(target=m.Name(variable))
    wrapped = m.Call(func=m.Name("set"), args=[m.Arg(m.Set() | m.List())])
    value = m.SaveMatchedNode(m.Set() | m.List() | wrapped, "value")
    found = m.extract(
        line,
        m.SimpleStatementLine(
            body=[
                m.Assign(targets=[target], value=value)
                | m.AnnAssign(target=m.Name(variable), value=value)
            ]
        ),
    )
    if found is None:
        return None
    node = found["value"]
    if isinstance(node, cst.Call):
        node = node.args[0].value
    return node if isinstance(node, (cst.Set, cst.List)) else None


def _append(literal: Literal, element: str) -> Literal:
    new = cst.Element(cst.parse_expression(element))
    if not literal.elements:
        return literal.with_changes(elements=[new])
    last = literal.elements[-1]
    new = new.with_changes(comma=last.comma)
    opening, closing = _brackets(literal)
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
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
    return _with_closing(literal, closing).with_changes(elements=elements)


def _explode(literal: Literal) -> Literal:
    inner = cst.ParenthesizedWhitespace(
        indent=True, last_line=cst.SimpleWhitespace("    ")
    )
    outer = cst.ParenthesizedWhitespace(indent=True)
    between = cst.Comma(whitespace_after=inner)
    elements = [element.with_changes(comma=between) for element in literal.elements]
    elements[-1] = elements[-1].with_changes(comma=cst.Comma())
    exploded = literal.with_changes(elements=elements)
    if isinstance(exploded, cst.Set):
        return exploded.with_changes(
            lbrace=cst.LeftCurlyBrace(inner), rbrace=cst.RightCurlyBrace(outer)
        )
    return exploded.with_changes(
        lbracket=cst.LeftSquareBracket(inner), rbracket=cst.RightSquareBracket(outer)
    )


def _brackets(
    literal: Literal,
) -> tuple[cst.BaseParenthesizableWhitespace, cst.BaseParenthesizableWhitespace]:
    if isinstance(literal, cst.Set):
        return literal.lbrace.whitespace_after, literal.rbrace.whitespace_before
    return literal.lbracket.whitespace_after, literal.rbracket.whitespace_before


def _with_closing(
    literal: Literal, whitespace: cst.BaseParenthesizableWhitespace
) -> Literal:
    name = "rbrace" if isinstance(literal, cst.Set) else "rbracket"
    bracket = getattr(literal, name).with_changes(whitespace_before=whitespace)
    return literal.with_changes(**{name: bracket})


def _is_on_one_line(module: cst.Module, literal: Literal) -> bool:
    return "\n" not in module.code_for_node(literal)


def _is_too_long(module: cst.Module, line: cst.CSTNode) -> bool:
    code = module.code_for_node(line).splitlines()
    return any(len(text) > _LINE_LENGTH for text in code)
