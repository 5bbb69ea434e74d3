"""`inspect`: what a checkout is, and where its models are wired."""

from __future__ import annotations

from pathlib import Path

import typer

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.output import ending_on_errors, print_json, print_report


def inspect(
    checkout: opt.CheckoutOption = Path(),
    name: opt.JudgedOption = None,
    output: opt.TextFormatOption = opt.TextFormat.TEXT,
) -> None:
    """Say what a checkout is, and where its models are wired."""
    from rlinf_scaffold.commands.inspect import inspect as run
    from rlinf_scaffold.report.documents import inspection_document
    from rlinf_scaffold.report.inspection import inspection_text

    as_json = output is opt.TextFormat.JSON
    with ending_on_errors(as_json=as_json):
        inspection = run(checkout, name)
        if as_json:
            print_json(inspection_document(inspection))
        else:
            print_report(inspection_text(inspection))
    if inspection.exit_code:
        raise typer.Exit(inspection.exit_code)
