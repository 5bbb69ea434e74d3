"""The interpreter that a smoke test runs in: find it, ask it, refuse it."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypedDict

from rlinf_scaffold.errors import InterpreterError, LaunchError
from rlinf_scaffold.processes import run
from rlinf_scaffold.smoke import probe

PACKAGES: Final = ("torch", "transformers", "peft", "pytest", "omegaconf")
# What a launcher needs besides; Ray Train imports pandas and pyarrow.
RAY_PACKAGES: Final = ("ray", "pandas", "pyarrow")
_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter.

    Attributes:
        python: the program, by absolute path; a link into an environment stays one.
        version: Python's version.
        packages: versions of what a smoke test needs, None where it is not installed.
        search_path: where it imports from.
    """

    python: Path
    version: str
    packages: Mapping[str, str | None]
    search_path: tuple[Path, ...]


class _Answer(TypedDict):
    version: str
    packages: dict[str, str | None]
    search_path: list[str]


def find_python(checkout_root: Path, given: Path | None) -> Path:
    """Return the given interpreter, else the checkout's own, else the running one."""
    if given is not None:
        return Path(shutil.which(given) or given).absolute()
    own = checkout_root / ".venv/bin/python"
    return own.absolute() if own.is_file() else Path(sys.executable)


def probe_interpreter(python: Path, extra: Sequence[str] = ()) -> Interpreter:
    """Ask an interpreter what it is and has, importing none of it.

    Args:
        python: the program.
        extra: packages to ask for besides those that every smoke test needs.

    Raises:
        LaunchError: it cannot be started, or is no Python.
    """
    if python == Path(sys.executable):
        answer = _parse(json.dumps(probe.describe([*PACKAGES, *extra])))
    else:
        answer = _parse(_ask(python, extra))
    if answer is None:
        raise LaunchError(str(python), "it does not answer as a Python interpreter")
    return Interpreter(
        python=python,
        version=answer["version"],
        packages=MappingProxyType(answer["packages"]),
        search_path=tuple(map(Path, answer["search_path"])),
    )


def require(interpreter: Interpreter) -> None:
    """Refuse an interpreter that cannot run a smoke test.

    Raises:
        InterpreterError: packages are missing; names them.
    """
    missing = [name for name, version in interpreter.packages.items() if not version]
    if missing:
        raise InterpreterError(interpreter.python, missing)


def _ask(python: Path, extra: Sequence[str]) -> str:
    source = inspect.getsource(probe)
    command: list[str | Path] = [python, "-c", source, *PACKAGES, *extra]
    return run(command, cwd=Path.cwd(), timeout=_TIMEOUT).output


def _parse(output: str) -> _Answer | None:
    """Return the answer in the last line; start-up hooks may print before it."""
    lines = output.splitlines()
    if not lines or not lines[-1].startswith("{"):
        return None
    answer: _Answer = json.loads(lines[-1])
    return answer
