from __future__ import annotations

from pathlib import Path

import pytest
from trees import in_every_layout, interpreter, plan_for

from rlinf_scaffold.apply import apply
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.prove import prove
from rlinf_scaffold.errors import InterpreterError, NotScaffoldedError
from rlinf_scaffold.smoke.run import Event
from rlinf_scaffold.spec import ModelSpec


@pytest.fixture
def scaffolded(checkout: Checkout) -> Checkout:
    apply(checkout, plan_for(checkout, ModelSpec(name="foo")), "foo")
    return checkout


@in_every_layout("checkout")
def test_runs_the_smoke_test_of_a_model(scaffolded: Checkout, python: Path) -> None:
    events: list[Event] = []
    report = prove("foo", scaffolded.root, python, on_event=events.append)
    assert report.ok, report.trouble
    assert report.python == python
    assert report.log is None
    assert [event.outcome for event in events] == ["started", *["passed"] * 3]


def test_takes_the_checkouts_own_interpreter(scaffolded: Checkout) -> None:
    python = interpreter(scaffolded.root / ".venv/bin")
    report = prove("foo", scaffolded.root, None, on_event=lambda _: None)
    assert (report.ok, report.python) == (True, python)


def test_refuses_a_model_that_is_not_there(scaffolded: Checkout, python: Path) -> None:
    with pytest.raises(NotScaffoldedError, match="it knows foo"):
        prove("bar", scaffolded.root, python, on_event=lambda _: None)


def test_refuses_an_interpreter_that_lacks_something(
    scaffolded: Checkout, tmp_path: Path
) -> None:
    python = interpreter(tmp_path / "other", lacks="peft")
    with pytest.raises(InterpreterError, match="no peft"):
        prove("foo", scaffolded.root, python, on_event=lambda _: None)
