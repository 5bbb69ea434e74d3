"""The tables of the README, made from the code; `make readme` writes them into it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from typer.core import TyperGroup, TyperOption  # noqa: TID251
from typer.main import get_command  # noqa: TID251

import rlinf_scaffold
from rlinf_scaffold.changes import Kind
from rlinf_scaffold.cli import app
from rlinf_scaffold.commands.golden import ARCHETYPES, practice_checkout
from rlinf_scaffold.contracts import all_contracts
from rlinf_scaffold.errors import ScaffoldError
from rlinf_scaffold.heads import all_heads
from rlinf_scaffold.layouts import all_layouts
from rlinf_scaffold.planner import resolve
from rlinf_scaffold.recipes import all_styles
from rlinf_scaffold.surfaces import all_surfaces
from rlinf_scaffold.surfaces.recipe import choose_recipe

README = Path(rlinf_scaffold.__file__).parents[1] / "README.md"
_BLOCK = re.compile(
    r"(?P<head><!-- table: (?P<name>\w+) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL
)
_DEFAULT = re.compile(r"\s*\[default: ([^]]*)]")
_ENDINGS = {
    0: "Done; for `check`: all of it stands.",
    1: "`check` or `golden` found something.",
    130: "Interrupted; the checkout is as it was, or complete.",
}


def filled(readme: str) -> str:
    """Return the README with each table between its markers as it must be now."""
    return _BLOCK.sub(
        lambda block: block["head"] + TABLES[block["name"]]() + block["tail"], readme
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _command_line() -> TyperGroup:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _options() -> str:
    command = _command_line().commands["new-model"]
    context = command.make_context("new-model", [], resilient_parsing=True)
    records = [
        option.get_help_record(context)
        for option in command.params
        if isinstance(option, TyperOption)
    ]
    return _table(
        ("option of `new-model`", "meaning", "default"),
        (_option_row(*record) for record in records if record is not None),
    )


def _option_row(names: str, text: str) -> tuple[str, str, str]:
    default = _DEFAULT.search(text)
    names = names.replace("|", "\\|")
    return f"`{names}`", _DEFAULT.sub("", text), default[1] if default else ""


def _files() -> str:
    return _table(("file, for `--name foo`", "", "what for"), _file_rows())


def _file_rows() -> Iterator[tuple[str, str, str]]:
    (layout,) = (layout for layout in all_layouts() if layout.name == "registry")
    tree = practice_checkout(layout)
    spec = ARCHETYPES[0].spec
    spec = replace(spec, recipe=str(choose_recipe(tree, spec)))
    job = resolve(tree, spec, ARCHETYPES[0].base)
    for surface in all_surfaces():
        for change in surface.plan(tree, job):
            how = "new" if change.kind is Kind.CREATE else "edited"
            yield f"`{change.path}`", how, surface.title


def _exit_codes() -> str:
    meanings = dict(_ENDINGS)
    for error in sorted(ScaffoldError.__subclasses__(), key=lambda it: it.exit_code):
        meaning = inspect.cleandoc(error.__doc__ or "").partition("\n")[0]
        known = meanings.get(error.exit_code)
        meanings[error.exit_code] = f"{known} {meaning}" if known else meaning
    cells = [(str(code), meanings[code]) for code in sorted(meanings)]
    third = -(-len(cells) // 3)
    columns = (cells[start : start + third] for start in (0, third, 2 * third))
    rows = zip_longest(*columns, fillvalue=("", ""))
    return _table(("code", "when") * 3, (sum(row, ()) for row in rows))


def _support() -> str:
    kinds = (
        ("registration", all_layouts()),
        ("runtime contract", all_contracts()),
        ("recipes", all_styles()),
        ("action head", all_heads()),
    )
    return _table(
        ("axis", "what it may be"),
        (
            (axis, "<br>".join(f"`{value.name}`: {value.title}" for value in values))
            for axis, values in kinds
        ),
    )


TABLES: dict[str, Callable[[], str]] = {
    "options": _options,
    "files": _files,
    "exit_codes": _exit_codes,
    "support": _support,
}

if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
