"""The command line: parse, call one command, print one report, map errors to codes."""

from __future__ import annotations

from typing import Annotated

import typer

from rlinf_scaffold import __version__
from rlinf_scaffold.cli import check, demo, golden, inspect, new_model, smoke, undo

app = typer.Typer(
    name="rlinf-scaffold",
    help="Scaffold a HuggingFace model into an RLinf checkout, and prove that it trains.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("new-model")(new_model.new_model)
app.command()(check.check)
app.command()(smoke.smoke)
app.command()(inspect.inspect)
app.command()(undo.undo)
app.command()(golden.golden)
app.command()(demo.demo)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
