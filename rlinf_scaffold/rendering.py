"""The one Jinja environment: strict, and found both in a wheel and in a checkout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
    environment.filters["in_import_order"] = in_import_order
    return environment


def render(template: str, values: Mapping[str, object]) -> str:
    """Return a template's text with these values; an unknown name is an error."""
    return _environment().get_template(template).render(values)


def fit(head: str, arguments: Sequence[str], tail: str = "", *, indent: int = 0) -> str:
    """Return ``head(arguments)tail`` broken over lines the way ruff's formatter does.

    Args:
        head: what stands before the parenthesis.
        arguments: the parts between the parentheses.
        tail: what stands behind them.
        indent: columns that the first line stands in already.
    """
    joined = ", ".join(arguments)
    if indent + len(f"{head}({joined}){tail}") <= LINE_LENGTH:
        return f"{head}({joined}){tail}"
    margin = " " * indent
    if indent + 4 + len(joined) <= LINE_LENGTH:
        return f"{head}(\n{margin}    {joined}\n{margin}){tail}"
    lines = "".join(f"{margin}    {argument},\n" for argument in arguments)
    return f"{head}(\n{lines}{margin}){tail}"


def in_import_order(names: Sequence[str]) -> list[str]:
    """Return class names in the order that ruff's isort rules give them."""

    def natural(name: str) -> list[tuple[int, str]]:
        parts = re.findall(r"\d+|\D+", name.casefold())
        return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]

    return sorted(names, key=natural)
