"""Laws that hold for every edit of a source, whatever it adds."""

from __future__ import annotations

import ast
import difflib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from rlinf_scaffold.processes import Finished, run
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.syntax import to_parsable

Transform = Callable[[str], str]
# The longest name there is, and a short one.
NAMES = ("foo", "a_policy_with_a_name_of_32_chars")


def check_noop(transform: Transform, source: str) -> None:
    assert transform(source) == source


def check_transformed(
    transform: Transform, before: str, after: str, *, rewritten: int = 0
) -> None:
    assert transform(before) == after
    check_laws(transform, before, rewritten=rewritten)


def check_laws(transform: Transform, before: str, *, rewritten: int = 0) -> str:
    """Return the source after the edit, which must parse, last, and only add.

    Args:
        transform: the edit.
        before: the source to edit.
        rewritten: lines that cannot stay, for want of a comma or of room.
    """
    after = transform(before)
    assert after != before
    compile(to_parsable(after), "after.py", "exec")
    assert transform(after) == after
    characters = iter(after)
    assert all(character in characters for character in before), "something went away"
    lines = difflib.ndiff(before.split("\n"), after.split("\n"), charjunk=None)
    assert len([line for line in lines if line.startswith("- ")]) == rewritten
    return after


def check_ruff(folder: Path, before: str, after: str) -> None:
    """Check that ruff, set as in the checkouts, finds nothing in the edit alone."""
    settings = templates_folder() / "checkouts" / "registry" / "pyproject.toml"
    shutil.copy(settings, folder)
    for name, text in (("before.py", before), ("after.py", after)):
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    formatted = ruff("format", "--check", folder=folder).output
    if "before.py" not in formatted:
        assert "after.py" not in formatted
    if ruff("check", "--preview", "before.py", folder=folder).returncode == 0:
        linted = ruff("check", "--preview", "after.py", folder=folder)
        assert linted.returncode == 0, linted.output


def ruff(*arguments: str, folder: Path) -> Finished:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache"]
    return run(command, cwd=folder, timeout=60)


def swap(source: str, *swaps: tuple[str, str]) -> str:
    """Return the source with each first text, which must be there, by the second."""
    for old, new in swaps:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source


def names_in(source: str) -> set[str]:
    """Return every name that a source reads or binds."""
    nodes = ast.walk(ast.parse(to_parsable(source)))
    return {node.id for node in nodes if isinstance(node, ast.Name)}
