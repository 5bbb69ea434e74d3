from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from rlinf_scaffold.signals import unwinding


@pytest.fixture(params=[signal.SIGTERM, signal.SIGHUP])
def request_to_end(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    number: signal.Signals = request.param
    before = signal.getsignal(number)
    yield number
    signal.signal(number, before)


def test_noop_without_a_signal(request_to_end: signal.Signals) -> None:
    signal.signal(request_to_end, signal.SIG_DFL)
    with unwinding():
        assert signal.getsignal(request_to_end) is not signal.SIG_DFL
    assert signal.getsignal(request_to_end) is signal.SIG_DFL


def test_noop_where_a_signal_is_ignored(request_to_end: signal.Signals) -> None:
    signal.signal(request_to_end, signal.SIG_IGN)
    with unwinding():
        os.kill(os.getpid(), request_to_end)
    assert signal.getsignal(request_to_end) is signal.SIG_IGN


def test_noop_outside_the_main_thread(request_to_end: signal.Signals) -> None:
    signal.signal(request_to_end, signal.SIG_DFL)
    seen: list[object] = []

    def look() -> None:
        with unwinding():
            seen.append(signal.getsignal(request_to_end))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_a_signal_unwinds(request_to_end: signal.Signals) -> None:
    signal.signal(request_to_end, signal.SIG_DFL)
    with pytest.raises(SystemExit) as raised, unwinding():
        os.kill(os.getpid(), request_to_end)
    assert raised.value.code == 128 + request_to_end
    assert signal.getsignal(request_to_end) is signal.SIG_DFL


def test_it_nests(request_to_end: signal.Signals) -> None:
    signal.signal(request_to_end, signal.SIG_DFL)
    with unwinding():
        outer = signal.getsignal(request_to_end)
        with unwinding():
            assert signal.getsignal(request_to_end) is outer
        assert signal.getsignal(request_to_end) is outer
