"""Add a branch to an if/elif chain."""

from __future__ import annotations

from pathlib import PurePosixPath

import libcst as cst

from rlinf_scaffold.codemods.source import Edit, statement
from rlinf_scaffold.errors import AnchorNotFoundError


def add_branch(path: PurePosixPath, function: str, chain: int, text: str) -> Edit:
    """Return the edit that adds a branch behind a chain's last ``elif``.

    Args:
        path: named in the error.
        function: the top-level function that holds the chain.
        chain: which of the function's own ``if`` statements it is, counted from 0.
        text: the branch, written as an ``if`` statement.

    Raises (when applied):
        AnchorNotFoundError: the function has no such ``if`` statement.
    """

    def apply(module: cst.Module) -> cst.Module:
        branch = cst.ensure_type(statement(module, text), cst.If)
        for node in reversed(module.body):
            if isinstance(node, cst.FunctionDef) and node.name.value == function:
                found = [line for line in node.body.body if isinstance(line, cst.If)]
                if chain >= len(found):
                    break
                longer = _extend(found[chain], branch)
                changed = module.deep_replace(found[chain], longer)
                return cst.ensure_type(changed, cst.Module)
        raise AnchorNotFoundError(
            path,
            f"if/elif chain in {function}()",
            f"add this branch to {function}():\n{text}",
        )

    return apply


def _extend(chain: cst.If, branch: cst.If) -> cst.If:
    if isinstance(chain.orelse, cst.If):
        return chain.with_changes(orelse=_extend(chain.orelse, branch))
    return chain.with_changes(orelse=branch.with_changes(orelse=chain.orelse))
