"""Proofs as they run: one moving line on a terminal, a line each in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from rlinf_scaffold.smoke.run import Event


@contextmanager
def progress(console: Console) -> Iterator[Callable[[Event], None]]:
    """Yield what is to be told of every proof."""
    if not console.is_terminal:
        yield lambda event: _line(console, event)
        return
    with console.status("") as status:
        yield lambda event: status.update(f"proving: {event.proof}")


def _line(console: Console, event: Event) -> None:
    if event.outcome != "started":
        console.print(f"{event.outcome}: {event.proof}", markup=False, soft_wrap=True)
