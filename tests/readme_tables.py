"""The tables of the README and of docs/, made from the code by `make readme`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
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
PAGES = (README, README.parent / "docs/command_line.md")
_BLOCK = re.compile(
    r"(?P<head><!-- table: (?P<name>\w+) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL
)
_RANGE = re.compile(r" range(?=>)|;? *x>=\d+")
_DEFAULT = re.compile(r"\s*\[default: ([^]]*)]")
_ENDINGS = {
    0: "Done; for `check`: all of it stands.",
    1: "`check` or `golden` found something.",
    130: "Interrupted; the checkout is as it was, or complete.",
}


def filled(page: str) -> str:
    """Return a page with each table between its markers as it must be now."""
    return _BLOCK.sub(
        lambda block: block["head"] + TABLES[block["name"]]() + block["tail"], page
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _command_line() -> TyperGroup:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _options(name: str) -> str:
    command = _command_line().commands[name]
    context = command.make_context(name, [], resilient_parsing=True)
    records = [
        option.get_help_record(context)
        for option in command.params
        if isinstance(option, TyperOption)
    ]
    return _table(
        (f"option of `{name}`", "meaning", "default"),
        (_option_row(*record) for record in records if record is not None),
    )


def _option_row(names: str, text: str) -> tuple[str, str, str]:
    names, text = _RANGE.sub("", names).replace("|", "\\|"), _RANGE.sub("", text)
    text = text.replace(" []", "")
    default = _DEFAULT.search(text)
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
    return _table(("code", "when"), cells)


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
    "options_new_model": partial(_options, "new-model"),
    "options_smoke": partial(_options, "smoke"),
    "options_check": partial(_options, "check"),
    "options_inspect": partial(_options, "inspect"),
    "files": _files,
    "exit_codes": _exit_codes,
    "support": _support,
}

if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
