"""FSDP's strategy does not hand its settings to the function that makes the policy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.sites import Line
from rlinf_scaffold.sites.scan import python_files
from rlinf_scaffold.syntax import last_name, parse, walk
from rlinf_scaffold.traps import Ground, Snag, Trap

_ENGINES = PurePosixPath("rlinf/hybrid_engines/fsdp")
_FUNCTION = "get_fsdp_wrap_policy"


def _find(ground: Ground) -> Iterator[Snag]:
    for path in python_files(ground.tree, _ENGINES):
        source = ground.tree.read(path) or ""
        if f"{_FUNCTION}(" not in source:
            continue
        for node in walk(parse(source, path)):
            if isinstance(node, ast.Call) and _is_without_settings(node):
                line = Line(path, node.lineno)
                yield Snag(
                    line,
                    f"fsdp_config.wrap_policy is ignored: {line} calls {_FUNCTION} "
                    "without it, so the base's own _no_split_modules decide.",
                )


def _is_without_settings(call: ast.Call) -> bool:
    if not last_name(call.func).endswith(_FUNCTION):
        return False
    given = [keyword.value for keyword in call.keywords if keyword.arg == "config"]
    settings = [*call.args[1:2], *given]
    return any(isinstance(it, ast.Constant) and it.value is None for it in settings)


trap = Trap(name="wrap policy", rank=30, find=_find)
