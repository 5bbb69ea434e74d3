"""Read a snippet as the module ``pkg.snippet`` of a package made for it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from rlinf_scaffold.bases.interpreter import Interpreter
from rlinf_scaffold.bases.library import Library, Module


def snippet(root: Path, source: str) -> tuple[Interpreter, Module]:
    package = root / "pkg"
    package.mkdir(exist_ok=True)
    (package / "snippet.py").write_text(dedent(source), encoding="utf-8")
    library = Library((root,))
    module = library.module("pkg.snippet")
    assert module is not None
    return Interpreter(library), module


def value_of(root: Path, source: str, name: str = "result") -> object:
    interpreter, module = snippet(root, source)
    return interpreter.name(module, name)
