"""Which layers LoRA adapts by default: PEFT's own table, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from rlinf_scaffold.bases.library import Library, Module
from rlinf_scaffold.bases.provenance import Fact, Places

_MODULE: Final = "peft.utils.constants"
_TABLE: Final = "TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING"


def lora_fact(
    library: Library,
    places: Places,
    model_types: Sequence[str],
    linear: tuple[str, ...],
) -> Fact:
    """Return what LoRA adapts: what PEFT lists, else the linear layers found.

    Args:
        library: where PEFT is looked for.
        places: how places are named.
        model_types: the base's, and that of the part that decodes.
        linear: leaf names of the linear layers in its layers.
    """
    module = library.module(_MODULE)
    for kind, value in _rows(module) if module else ():
        if kind.value not in model_types or module is None:
            continue
        where = f"PEFT's mapping for {kind.value!s}, {places.of(module, kind.lineno)}"
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return Fact("lora_targets", value.value, f"{where} (a pattern)")
        named = tuple(_texts(value))
        there = tuple(name for name in named if name in linear)
        if there:
            absent = [name for name in named if name not in linear]
            lack = f"; {', '.join(absent)} of it is not there" if absent else ""
            return Fact("lora_targets", there, f"{where}{lack}")
    why = "PEFT's mapping lists no layer of it" if module else "no PEFT is installed"
    return Fact("lora_targets", linear, f"linear layers found; {why}")


def _rows(module: Module) -> Iterator[tuple[ast.Constant, ast.expr]]:
    table = module.symbols.get(_TABLE)
    if isinstance(table, ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant):
                yield key, value


def _texts(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
