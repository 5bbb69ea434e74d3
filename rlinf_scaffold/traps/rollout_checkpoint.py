"""The rollout worker stores its checkpoint's folder where the loader does not look."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import python_files
from rlinf_scaffold.sites import Line
from rlinf_scaffold.syntax import parse, spelled, walk
from rlinf_scaffold.traps import Ground, Snag, Trap

_ROLLOUTS = PurePosixPath("rlinf/workers/rollout/hf")
_SETTING = "rollout.model.model_path"


def _find(ground: Ground) -> Iterator[Snag]:
    for path in python_files(ground.tree, _ROLLOUTS):
        source = ground.tree.read(path) or ""
        if _SETTING not in source:
            continue
        for node in walk(parse(source, path)):
            if isinstance(node, ast.Assign) and _is_lost(node):
                line = Line(path, node.lineno)
                yield Snag(
                    line,
                    f"{_SETTING} is ignored: {line} stores it as path, and get_model "
                    "reads model_path, so rollouts load actor.model.model_path.",
                )


def _is_lost(node: ast.Assign) -> bool:
    return spelled(node.value).endswith(_SETTING) and all(
        isinstance(target, ast.Attribute) and target.attr == "path"
        for target in node.targets
    )


trap = Trap(name="rollout's checkpoint", rank=40, find=_find)
