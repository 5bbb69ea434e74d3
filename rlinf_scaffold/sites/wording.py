"""What a piece of code does, in a few of its own words."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

NOTHING = "nothing"
_PHRASES = 3
_WIDTH = 64


def words(body: Sequence[ast.stmt]) -> str:
    """Return what statements do: the first few of them that say something."""
    telling = [node for node in body if not _is_silent(node)] or list(body[:1])
    if not telling or isinstance(telling[0], ast.Pass):
        return NOTHING
    phrases = [phrase(node) for node in telling[:_PHRASES]]
    return "; ".join([*phrases, *(["..."] if len(telling) > _PHRASES else [])])


def _is_silent(node: ast.stmt) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass))


def phrase(node: ast.stmt) -> str:
    """Return what one statement does, on one line."""
    if isinstance(node, ast.Raise):
        return f"raises {raised(node)}"
    if isinstance(node, ast.Return):
        return f"returns {text(node.value)}" if node.value else "returns"
    if isinstance(node, (ast.If, ast.For, ast.While, ast.With)):
        return f"{text(node)} {phrase(node.body[0])}"
    return text(node)


def text(node: ast.AST) -> str:
    """Return the first line of some code, in a few words."""
    line = ast.unparse(node).split("\n")[0]
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 4]} ..."


def raised(node: ast.Raise) -> str:
    """Return the name of what a statement raises."""
    error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return ast.unparse(error) if error else "what was caught"


def ends(body: Iterable[ast.stmt]) -> bool:
    """Whether nothing behind these statements is reached."""
    last = (*body,)[-1:]
    return any(
        isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break))
        for node in last
    )
