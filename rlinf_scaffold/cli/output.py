"""How a command speaks and ends: reports, progress, errors, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rlinf_scaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from rlinf_scaffold.changes import ChangeSet
    from rlinf_scaffold.smoke.run import Event, SmokeReport

# Columns of what is not a terminal: wide enough that no path is folded.
_UNFOLDED = 10_000


def is_terminal() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def telling_progress() -> Iterator[Callable[[Event], None]]:
    """Give what tells of proofs as they end, on standard error."""
    from rich.console import Console

    from rlinf_scaffold.report.progress import progress

    with progress(Console(stderr=True)) as on_event:
        yield on_event


def print_report(report: RenderableType) -> None:
    """Print a report, folded to a terminal only."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNFOLDED
    Console(width=width).print(report)


def print_diff(changes: ChangeSet) -> None:
    """Print a diff in colours on a terminal, else to the byte, for `git apply`."""
    from rlinf_scaffold.report.text import diff_text

    if sys.stdout.isatty():
        print_report(diff_text(changes))
    else:
        typer.echo(changes.diff().encode("utf-8", "surrogateescape"), nl=False)


def print_json(document: Mapping[str, object]) -> None:
    """Print a document, in ASCII."""
    typer.echo(json.dumps(document, indent=2))


def write_page(
    path: Path | None, reports: Mapping[str, SmokeReport], start: Path
) -> None:
    """Write a page about smoke tests of a checkout's models, if one is wanted.

    Their outcome has been printed by then, as the one document there is in JSON.

    Raises:
        typer.Exit: the page cannot be written.
    """
    if path is None:
        return
    from rlinf_scaffold.apply import publish
    from rlinf_scaffold.checkout import find_checkout
    from rlinf_scaffold.report.html import smoke_page

    with ending_on_errors(as_json=False):
        publish(path, smoke_page(reports, find_checkout(start).root))
    typer.echo(f"report: {path}", err=True)


def end(report: SmokeReport | None) -> None:
    """End with an exit code of its own if a proof failed.

    Raises:
        typer.Exit: there is a report, and not all of it is well.
    """
    from rlinf_scaffold.errors import SmokeTestFailedError

    if report is not None and report.fault is not None:
        typer.echo(f"error: {report.fault}", err=True)
        raise typer.Exit(report.fault.exit_code)
    if report is not None and not report.ok:
        raise typer.Exit(SmokeTestFailedError.exit_code)


@contextmanager
def ending_on_errors(*, as_json: bool) -> Iterator[None]:
    """Say an expected error, and end with its exit code.

    Raises:
        typer.Exit: an error was raised inside, or the user interrupted.
    """
    try:
        yield
    except ScaffoldError as error:
        if as_json:
            from rlinf_scaffold.report.documents import error_document

            print_json(error_document(error))
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\ninterrupted; the checkout is as it was, or complete", err=True)
        raise typer.Exit(130) from None
