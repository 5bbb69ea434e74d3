from __future__ import annotations

import io

import pytest
from rich.console import Console

from rlinf_scaffold.report.progress import progress
from rlinf_scaffold.smoke.run import Event

STARTED = Event("imports", "started")
ENDED = Event("shards [fsdp[0]]", "passed")
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    environment = {"TERM": "xterm"}
    width = 80 if terminal else 20
    return Console(
        file=file, force_terminal=terminal, width=width, _environ=environment
    ), file


def test_a_file_has_a_line_for_every_proof_that_ended() -> None:
    where, file = console(terminal=False)
    with progress(where) as on_event:
        on_event(STARTED)
        on_event(ENDED)
        on_event(Event("is a proof with a name that is long", "failed"))
    assert file.getvalue() == (
        "passed: shards [fsdp[0]]\nfailed: is a proof with a name that is long\n"
    )


def test_a_terminal_is_left_alone_until_the_first_proof() -> None:
    where, file = console(terminal=True)
    with progress(where):
        assert file.getvalue() == ""
    assert HIDE_CURSOR not in file.getvalue()


def test_a_terminal_has_one_line_that_moves() -> None:
    where, file = console(terminal=True)
    with progress(where) as on_event:
        on_event(STARTED)
        on_event(ENDED)
    assert "passed: shards [fsdp[0]]" in file.getvalue()
    assert file.getvalue().index(HIDE_CURSOR) < file.getvalue().rindex(SHOW_CURSOR)


def test_a_terminal_gets_its_cursor_back_whatever_happens() -> None:
    where, file = console(terminal=True)

    def prove() -> None:
        with progress(where) as on_event:
            on_event(STARTED)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prove()
    assert SHOW_CURSOR in file.getvalue()
