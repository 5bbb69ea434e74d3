"""`undo`: take a model's last writing back."""

from __future__ import annotations

from pathlib import Path

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.output import ending_on_errors, print_json, print_report


def undo(
    name: opt.ModelArgument,
    checkout: opt.CheckoutOption = Path(),
    output: opt.TextFormatOption = opt.TextFormat.TEXT,
) -> None:
    """Take back what was last written for a model, to the byte."""
    from rlinf_scaffold.commands.undo import undo as run
    from rlinf_scaffold.report.documents import changes_document
    from rlinf_scaffold.report.text import changes_text

    as_json = output is opt.TextFormat.JSON
    with ending_on_errors(as_json=as_json):
        changes = run(name, checkout)
        if as_json:
            print_json({"changes": changes_document(changes)})
        else:
            print_report(changes_text(changes))
