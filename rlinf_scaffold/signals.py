"""Let a polite request to end unwind the stack, as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_REQUESTS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def unwinding() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit while the block runs.

    A signal that something else handles, or ignores, is left alone; so are all of
    them outside the main thread, where Python allows no handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [it for it in _REQUESTS if signal.getsignal(it) is signal.SIG_DFL]
    try:
        for request in ours:
            signal.signal(request, _unwind)
        yield
    finally:
        for request in ours:
            signal.signal(request, signal.SIG_DFL)


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
