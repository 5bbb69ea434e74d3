"""Actions for an environment are moved to CUDA, whatever the machine has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.sites import Line
from rlinf_scaffold.syntax import parse, walk
from rlinf_scaffold.traps import Ground, Snag, Trap

_ACTIONS = PurePosixPath("rlinf/envs/action_utils.py")
_PREFIX = "prepare_actions_for_"


def _find(ground: Ground) -> Iterator[Snag]:
    for function in parse(ground.tree.read(_ACTIONS) or "", _ACTIONS).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        moves = [
            node
            for node in walk(function)
            if isinstance(node, ast.Call) and _is_move(node.func)
        ]
        for move in moves[:1]:
            line = Line(_ACTIONS, move.end_lineno or move.lineno)
            environment = function.name.removeprefix(_PREFIX)
            yield Snag(
                line,
                f"{environment} needs CUDA: {line} moves its actions there.",
            )


def _is_move(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == "cuda"


trap = Trap(name="actions on CUDA", rank=50, find=_find)
