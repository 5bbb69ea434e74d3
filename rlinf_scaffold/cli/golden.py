"""`golden`: compare golden trees with what is rendered, or update them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import typer

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.output import (
    ending_on_errors,
    print_diff,
    print_json,
    print_report,
)


def golden(
    folder: opt.GoldenArgument = Path("golden"),
    update: opt.UpdateOption = False,
    output: opt.FormatOption = opt.Format.TEXT,
) -> None:
    """Compare golden trees with what is rendered, or update them."""
    from rlinf_scaffold.commands.golden import update as run
    from rlinf_scaffold.report.documents import changes_document
    from rlinf_scaffold.report.text import changes_text

    if not update:
        compare(folder, output)
        return
    with ending_on_errors(as_json=output is opt.Format.JSON):
        changes = run(folder)
        if output is opt.Format.JSON:
            print_json({"changes": changes_document(changes)})
        else:
            print_report(changes_text(changes))


def compare(folder: Path, output: opt.Format) -> None:
    """Say which golden trees differ from what is rendered.

    Raises:
        typer.Exit: some do, or they cannot be compared.
    """
    from rlinf_scaffold.commands.golden import compare as run
    from rlinf_scaffold.report.documents import changes_document
    from rlinf_scaffold.report.github import golden_annotations
    from rlinf_scaffold.report.text import golden_text

    with ending_on_errors(as_json=output is opt.Format.JSON):
        changes = run(folder)
        if output is opt.Format.JSON:
            print_json({"ok": not changes, "changes": changes_document(changes)})
        elif output is opt.Format.GITHUB:
            for line in golden_annotations(changes, PurePosixPath(folder.as_posix())):
                typer.echo(line)
        else:
            print_report(golden_text(changes))
            print_diff(changes)
    if changes:
        raise typer.Exit(1)
