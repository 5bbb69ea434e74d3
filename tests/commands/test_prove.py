from __future__ import annotations

import json
from pathlib import Path

import pytest
from trees import in_every_layout, interpreter, plan_for

from rlinf_scaffold.apply import apply
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.prove import prove
from rlinf_scaffold.errors import InterpreterError, NotScaffoldedError
from rlinf_scaffold.smoke.interpreter import PACKAGES
from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.launchers import Launcher
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


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of temporary files, an empty one."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_noop_on_temporary_files_if_all_is_well(
    scaffolded: Checkout, python: Path, temporary: Path
) -> None:
    report = prove("foo", scaffolded.root, python, on_event=lambda _: None)
    assert (report.ok, report.log) == (True, None)
    assert list(temporary.iterdir()) == []


def test_the_log_of_a_failure_is_kept(
    scaffolded: Checkout, tmp_path: Path, temporary: Path
) -> None:
    python = interpreter(tmp_path / "bad", proofs="def test_bad(): assert 0")
    report = prove("foo", scaffolded.root, python, on_event=lambda _: None)
    assert report.log is not None
    assert report.log.name == "foo.log"
    assert report.log.parent.parent == temporary
    assert "1 failed" in report.log.read_text()


def test_nothing_is_kept_of_what_was_interrupted(
    scaffolded: Checkout, python: Path, temporary: Path
) -> None:
    def interrupt(_: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prove("foo", scaffolded.root, python, on_event=interrupt)
    assert list(temporary.iterdir()) == []


def test_ray_is_asked_for_where_it_is_to_launch(
    scaffolded: Checkout, tmp_path: Path
) -> None:
    bare = tmp_path / "bare/python"
    bare.parent.mkdir()
    answer = dict.fromkeys((*PACKAGES, "pandas"), "1.0")
    told = {"version": "3.12.0", "packages": {**answer, "ray": None, "pyarrow": None}}
    bare.write_text(f"#!/bin/sh\necho '{json.dumps({**told, 'search_path': []})}'\n")
    bare.chmod(0o755)
    launch = Launch(launcher=Launcher.RAY)
    with pytest.raises(InterpreterError, match="no ray, pyarrow"):
        prove("foo", scaffolded.root, bare, launch, on_event=lambda _: None)


def test_refuses_a_model_that_is_not_there(scaffolded: Checkout, python: Path) -> None:
    with pytest.raises(NotScaffoldedError, match="it knows foo"):
        prove("bar", scaffolded.root, python, on_event=lambda _: None)


def test_refuses_an_interpreter_that_lacks_something(
    scaffolded: Checkout, tmp_path: Path
) -> None:
    python = interpreter(tmp_path / "other", lacks="peft")
    with pytest.raises(InterpreterError, match="no peft"):
        prove("foo", scaffolded.root, python, on_event=lambda _: None)
