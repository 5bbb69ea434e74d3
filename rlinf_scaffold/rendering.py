"""The one Jinja environment: strict, and found both in a wheel and in a checkout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

LINE_LENGTH = 88
_PACKAGE = Path(__file__).resolve().parent


@cache
def templates_folder() -> Path:
    """Return the folder of templates: inside the wheel, else beside the package."""
    packaged = _PACKAGE / "_templates"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "templates"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["fit"] = fit
    environment.globals["from_imports"] = from_imports
    environment.globals["literal"] = literal
    return environment


def render(template: str, values: Mapping[str, object]) -> str:
    """Return a template's text with these values; an unknown name is an error."""
    return _environment().get_template(template).render(values)


def fit(
    head: str,
    arguments: Sequence[str],
    tail: str = "",
    *,
    indent: int = 0,
    shift: int = 0,
) -> str:
    """Return ``head(arguments)tail`` broken over lines the way ruff's formatter does.

    Args:
        head: what stands before the parenthesis.
        arguments: the parts between the parentheses.
        tail: what stands behind them.
        indent: columns that the first line stands in already.
        shift: columns that all lines are to move by when they are put in their place.
    """
    joined = ", ".join(arguments)
    width = LINE_LENGTH - indent - shift
    if len(f"{head}({joined}){tail}") <= width:
        return f"{head}({joined}){tail}"
    margin = " " * indent
    if 4 + len(joined) <= width:
        return f"{head}(\n{margin}    {joined}\n{margin}){tail}"
    lines = "".join(f"{margin}    {argument},\n" for argument in arguments)
    return f"{head}(\n{lines}{margin}){tail}"


def literal(value: object, head: str = "", *, indent: int = 0, tail: str = "") -> str:
    """Return ``head`` and a Python literal, broken over lines as ruff's formatter does.

    Args:
        value: what JSON can hold, or tuples in place of lists.
        head: what stands before it on its first line, e.g. ``"SIZES = "``.
        indent: columns that the first line stands in already.
        tail: what stands behind it on its last line.
    """
    line = f"{head}{_inline(value)}{tail}"
    if indent + len(line) <= LINE_LENGTH or not isinstance(value, dict | list | tuple):
        return line
    margin = " " * (indent + 4)
    if isinstance(value, dict):
        marks = "{}"
        pairs = [(f"{_inline(key)}: ", item) for key, item in value.items()]
    else:
        marks = "[]"
        pairs = [("", item) for item in value]
    rows = "".join(
        f"{margin}{literal(item, key, indent=indent + 4, tail=',')}\n"
        for key, item in pairs
    )
    return f"{head}{marks[0]}\n{rows}{' ' * indent}{marks[1]}{tail}"


def _inline(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{_inline(key)}: {_inline(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def from_imports(
    imports: Iterable[tuple[str, str]], *, indent: int = 0, shift: int = 0
) -> str:
    """Return from-imports as ruff sorts and breaks them, RLinf's own in a block below.

    Args:
        imports: a module and a name of it each, in any order.
        indent: columns that the first line stands in already.
        shift: columns that all lines are to move by when they are put in their place.
    """
    margin = " " * indent
    modules: dict[str, list[str]] = {}
    for module, name in imports:
        modules.setdefault(module, []).append(name)
    blocks: tuple[list[str], list[str]] = [], []
    for module in sorted(modules, key=_natural):
        names = sorted({*modules[module]}, key=_by_kind)
        line = f"from {module} import {', '.join(names)}"
        if indent + shift + len(line) > LINE_LENGTH:
            rows = "".join(f"{margin}    {name},\n" for name in names)
            line = f"from {module} import (\n{rows}{margin})"
        blocks[module.partition(".")[0] == "rlinf"].append(line)
    return "\n\n".join(f"\n{margin}".join(block) for block in blocks if block)


def _by_kind(name: str) -> tuple[bool, bool, list[tuple[int, int]]]:
    """Return a key that sorts constants first, then classes, then other names."""
    is_constant = len(name) > 1 and name.isupper()
    return not is_constant, not name[0].isupper(), _natural(name)


def _natural(name: str) -> list[tuple[int, int]]:
    """Return a key that sorts runs of digits as numbers, in either case."""
    return [
        (ord("0"), int(part)) if part.isdecimal() else (ord(part), 0)
        for part in re.findall(r"[0-9]+|\D", name.casefold())
    ]
