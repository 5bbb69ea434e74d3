"""Which positions a base gives its tokens, and whether generation hands them on."""

from __future__ import annotations

import ast
import re
from typing import Final

from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.parts import instances
from rlinf_scaffold.bases.values import Instance

_GIVES_POSITIONS: Final = "_prepare_position_ids_for_generation"  # as transformers 5
_DROPPED_POSITIONS: Final = re.compile(
    r"\w+\.pop\('position_ids'.*\)|\w+\['position_ids'\] = None"
)


def computes_positions(library: Library, model: Instance) -> bool:
    """Whether a part computes positions, or has generation hand on none."""
    given = _gives_positions(library)
    return any(
        has_rope_index(part)
        or any(
            _drops_positions(owner.methods.get("prepare_inputs_for_generation"), given)
            for owner in part.owners()
        )
        for part in instances(model)
    )


def has_rope_index(part: Instance) -> bool:
    """Whether a part numbers tokens by where they stand in an image."""
    return any("get_rope_index" in owner.methods for owner in part.owners())


def _gives_positions(library: Library) -> bool:
    """Whether what prepares inputs for generation is given positions."""
    folder = library.transformers
    utils = folder / "generation" / "utils.py" if folder else None
    text = utils.read_text("utf-8") if utils and utils.is_file() else ""
    return _GIVES_POSITIONS in text


def _drops_positions(prepare: ast.FunctionDef | None, given: bool) -> bool:
    """Whether generation is handed inputs without positions, by a method of its own.

    Args:
        prepare: the method, if there is one.
        given: whether it gets positions, which it may hand on with all else.
    """
    if prepare is None:
        return False
    told = ast.unparse(prepare)
    if "super()" not in told and "position_ids" not in told:
        return not (given and "kwargs.items()" in told)
    if "create_position_ids" in told:  # as the embeddings do where they get none
        return True
    return any(
        _DROPPED_POSITIONS.fullmatch(ast.unparse(node))
        for node in ast.walk(prepare)
        if isinstance(node, ast.Expr | ast.Assign)
    )
