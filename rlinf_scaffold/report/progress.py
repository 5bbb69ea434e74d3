"""Proofs as they run: one moving line on a terminal, a line each in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from rlinf_scaffold.smoke.run import Event


@contextmanager
def progress(console: Console) -> Iterator[Callable[[Event], None]]:
    """Yield what is to be told of every proof."""
    if not console.is_terminal:
        yield lambda event: _line(console, event)
        return
    status = console.status("")

    def show(event: Event) -> None:
        status.update(escape(_said(event)))
        status.start()

    try:
        yield show
    finally:
        status.stop()


def _line(console: Console, event: Event) -> None:
    if event.outcome != "started":
        console.print(_said(event), markup=False, soft_wrap=True)


def _said(event: Event) -> str:
    word = "proving" if event.outcome == "started" else event.outcome
    return f"{word}: {event.proof}"
