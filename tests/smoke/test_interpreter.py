from __future__ import annotations

import os
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from rlinf_scaffold.errors import InterpreterError, LaunchError
from rlinf_scaffold.smoke.interpreter import (
    PACKAGES,
    Interpreter,
    find_python,
    probe_interpreter,
    require,
)

EVERYTHING = dict.fromkeys(PACKAGES, "1.0")


def interpreter(**versions: str | None) -> Interpreter:
    packages = MappingProxyType({**EVERYTHING, **versions})
    return Interpreter(Path("/venv/bin/python"), "3.11.0", packages, ())


def script(folder: Path, body: str) -> Path:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_complete_interpreter_is_accepted() -> None:
    require(interpreter())


def test_missing_packages_are_named_all_at_once() -> None:
    with pytest.raises(InterpreterError) as caught:
        require(interpreter(torch=None, peft=None))
    assert caught.value.missing == ("torch", "peft")
    assert "/venv/bin/python -m pip install torch peft" in str(caught.value)


def test_the_running_interpreter_describes_itself() -> None:
    answer = probe_interpreter(Path(sys.executable))
    assert answer.version == ".".join(map(str, sys.version_info[:3]))
    assert answer.packages.keys() == set(PACKAGES)
    assert answer.packages["pytest"] == pytest.__version__
    assert Path(pytest.__file__).parents[1] in answer.search_path


def test_another_interpreter_says_the_same(tmp_path: Path) -> None:
    other = script(tmp_path, f'exec "{sys.executable}" "$@"')
    here, there = probe_interpreter(Path(sys.executable)), probe_interpreter(other)
    assert there.python == other
    assert (there.version, there.packages) == (here.version, here.packages)
    assert Path(pytest.__file__).parents[1] in there.search_path
    assert all(path.is_absolute() for path in there.search_path)


def test_what_is_printed_at_start_up_is_no_answer(tmp_path: Path) -> None:
    chatty = script(tmp_path, f'echo "{{hello"; exec "{sys.executable}" "$@"')
    assert probe_interpreter(chatty).packages["pytest"] == pytest.__version__


@pytest.mark.parametrize(
    ("name", "version"), [("torch", "unknown"), ("no_such_package", None)]
)
def test_packages_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: str | None
) -> None:
    package = tmp_path / "packages" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    # Without its site-packages, which may have a real torch.
    other = script(tmp_path, f'exec "{sys.executable}" -S "$@"')
    assert probe_interpreter(other).packages.get(name) == version


@pytest.mark.parametrize("body", ["true", "echo Python 3.11", "exit 3"])
def test_what_is_no_python_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(LaunchError, match="does not answer as a Python interpreter"):
        probe_interpreter(script(tmp_path, body))


def test_an_absent_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="cannot be started"):
        probe_interpreter(tmp_path / "python")


def test_without_any_other_the_running_interpreter_is_found(tmp_path: Path) -> None:
    assert find_python(tmp_path, None) == Path(sys.executable)


def test_the_checkouts_own_environment_comes_first(tmp_path: Path) -> None:
    own = tmp_path / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    assert find_python(tmp_path, None) == own


def test_a_given_interpreter_comes_before_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = script(tmp_path, "true")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_python(tmp_path, given) == given
    assert find_python(tmp_path, Path("./python")) == given
    assert find_python(tmp_path, Path("python")) == given
    assert find_python(tmp_path, Path("absent")) == tmp_path / "absent"
