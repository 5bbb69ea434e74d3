"""Add a branch to an if/elif chain that dispatches on one expression."""

from __future__ import annotations

from pathlib import PurePosixPath

import libcst as cst
import libcst.matchers as m

from rlinf_scaffold.codemods.source import Edit, statement
from rlinf_scaffold.errors import AnchorNotFoundError


def add_branch(path: PurePosixPath, function: str, subject: str, text: str) -> Edit:
    """Return the edit that adds ``elif subject == ...`` behind a chain's last branch.

    Args:
        path: named in the error.
        function: the top-level function that holds the chain.
        subject: what the chain's tests compare, e.g. ``cfg.model_type``.
        text: the branch, written as an ``if`` statement.

    Raises (when applied):
        AnchorNotFoundError: the function has no such chain.
    """

    def apply(module: cst.Module) -> cst.Module:
        branch = cst.ensure_type(statement(module, text), cst.If)
        for node in reversed(module.body):
            if isinstance(node, cst.FunctionDef) and node.name.value == function:
                chain = _find_chain(module, node, subject)
                if chain is not None:
                    changed = module.deep_replace(chain, _extend(chain, branch))
                    return cst.ensure_type(changed, cst.Module)
                break
        raise AnchorNotFoundError(
            path,
            f"if/elif chain on {subject} in {function}()",
            f"add to {function}():\n{text}",
        )

    return apply


def _find_chain(
    module: cst.Module, function: cst.FunctionDef, subject: str
) -> cst.If | None:
    chains = [
        node
        for node in function.body.body
        if isinstance(node, cst.If) and _compares(module, node.test, subject)
    ]
    return chains[-1] if chains else None


def _compares(module: cst.Module, test: cst.BaseExpression, subject: str) -> bool:
    return any(
        module.code_for_node(comparison.left) == subject
        for comparison in m.findall(test, m.Comparison())
        if isinstance(comparison, cst.Comparison)
    )


def _extend(chain: cst.If, branch: cst.If) -> cst.If:
    if isinstance(chain.orelse, cst.If):
        return chain.with_changes(orelse=_extend(chain.orelse, branch))
    return chain.with_changes(orelse=branch.with_changes(orelse=chain.orelse))
