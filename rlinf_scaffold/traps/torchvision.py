"""FSDP's wrap policy imports, for every model, what only some of them need."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.engine import FUNCTIONS, WRAP_POLICY
from rlinf_scaffold.sites import Line
from rlinf_scaffold.syntax import find_function, parse
from rlinf_scaffold.traps import Ground, Snag, Trap

_EXTRAS = ("diffusers", "prismatic", "timm", "torchvision")


def _find(ground: Ground) -> Iterator[Snag]:
    body = parse(ground.tree.read(FUNCTIONS) or "", FUNCTIONS).body
    function = find_function(body, WRAP_POLICY)
    for node in function.body if function else ():
        for extra in _needed(ground.tree, node):
            line = Line(FUNCTIONS, node.lineno)
            yield Snag(
                line,
                f"FSDP needs {extra} for every model: {line} imports it in "
                f"{WRAP_POLICY}, whatever the model is.",
            )


def _needed(tree: Tree, node: ast.stmt) -> Iterator[str]:
    """Yield the packages that a statement imports, also through a module of RLinf."""
    if not isinstance(node, ast.ImportFrom) or not node.module:
        return
    path = PurePosixPath(*node.module.split(".")).with_suffix(".py")
    inner = parse(tree.read(path) or "", path).body
    for line in (node, *inner):
        for module in _modules(line):
            if module.partition(".")[0] in _EXTRAS:
                yield module.partition(".")[0]
                return


def _modules(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


trap = Trap(name="packages of other models", rank=20, find=_find)
