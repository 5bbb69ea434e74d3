"""Add a branch to an if/elif chain."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.codemods.source import Edit, open_window, statement
from rlinf_scaffold.errors import AnchorNotFoundError
from rlinf_scaffold.syntax import find_class, find_function, parse


def add_branch(
    path: PurePosixPath, function: str, chain: int, text: str, *, owner: str = ""
) -> Edit:
    """Return the edit that adds a branch behind a chain's last ``elif``.

    Args:
        path: named in the error.
        function: the function that holds the chain.
        chain: which of the function's own ``if`` statements it is, counted from 0.
        text: the branch, written as an ``if`` statement.
        owner: the top-level class that the function is a method of, if it is one.

    Raises (when applied):
        AnchorNotFoundError: the function has no such ``if`` statement.
    """

    def apply(source: str) -> str:
        node = _find(source, path, function, owner)
        chains = (
            [line for line in node.body if isinstance(line, ast.If)] if node else []
        )
        if node is None or chain >= len(chains):
            raise AnchorNotFoundError(
                path,
                f"if/elif chain in {function}()",
                f"add this branch to {function}():\n{text}",
            )

        window = open_window(source, path, node)
        branch = cst.ensure_type(statement(window.module, text), cst.If)
        outer = cst.ensure_type(window.lines[0], cst.FunctionDef)
        found = [line for line in outer.body.body if isinstance(line, cst.If)]
        changed = outer.deep_replace(found[chain], _extend(found[chain], branch))
        return window.with_lines([cst.ensure_type(changed, cst.FunctionDef)])

    return apply


def _find(
    source: str, path: PurePosixPath, function: str, owner: str
) -> ast.FunctionDef | None:
    body = parse(source, path).body
    if owner:
        holder = find_class(body, owner)
        body = holder.body if holder else []
    return find_function(body, function)


def _extend(chain: cst.If, branch: cst.If) -> cst.If:
    if isinstance(chain.orelse, cst.If):
        return chain.with_changes(orelse=_extend(chain.orelse, branch))
    return chain.with_changes(orelse=branch.with_changes(orelse=chain.orelse))
