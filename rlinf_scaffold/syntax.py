"""Python source to syntax tree, for reading; and the text that a parser can take."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import PurePosixPath

from rlinf_scaffold.errors import SourceSyntaxError

BOM = "\ufeff"
# Bytes that are no UTF-8 are read as lone surrogates, which parsers refuse; while they
# parse, such bytes are characters of a private plane that no source uses.
_SURROGATES = range(0xDC80, 0xDD00)
_PRIVATE = 0x10F000
_TO_PRIVATE = {code: _PRIVATE + code - 0xDC80 for code in _SURROGATES}
_FROM_PRIVATE = {private: code for code, private in _TO_PRIVATE.items()}


def to_parsable(source: str) -> str:
    """Return the source without byte-order mark and lone surrogates."""
    return source.removeprefix(BOM).translate(_TO_PRIVATE)


def from_parsable(text: str, original: str) -> str:
    """Return edited parsable text with the original's mark and bytes back in place."""
    mark = BOM if original.startswith(BOM) else ""
    return mark + text.translate(_FROM_PRIVATE)


@lru_cache(maxsize=64)
def parse(source: str, path: PurePosixPath) -> ast.Module:
    """Return the syntax tree of a Python file.

    Raises:
        SourceSyntaxError: the source does not parse; names the line.
    """
    try:
        return ast.parse(to_parsable(source))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or str(error)
        raise SourceSyntaxError(path, line, reason) from error


def find_function(body: list[ast.stmt], name: str) -> ast.FunctionDef | None:
    """Return the last function of this name in a body, as Python binds it."""
    found = [
        node for node in body if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return found[-1] if found else None


def find_class(body: list[ast.stmt], name: str) -> ast.ClassDef | None:
    """Return the last class of this name in a body, as Python binds it."""
    found = [
        node for node in body if isinstance(node, ast.ClassDef) and node.name == name
    ]
    return found[-1] if found else None


def find_assignment(body: list[ast.stmt], target: str) -> ast.Assign | None:
    """Return the first ``target = value`` of a body; target may hold dots."""
    for node in body:
        if isinstance(node, ast.Assign) and target in map(ast.unparse, node.targets):
            return node
    return None


def parameter_names(function: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of a function's parameters, in order."""
    arguments = function.args
    parameters = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return tuple(parameter.arg for parameter in parameters)


def is_same_code(node: ast.stmt, text: str) -> bool:
    """Whether a statement is, apart from formatting and comments, the given one."""
    return ast.dump(node) == ast.dump(ast.parse(text).body[0])
