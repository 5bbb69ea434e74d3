"""Read a snippet: as a module of a package made for it, or as a base."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from rlinf_scaffold.bases.facts import Reader
from rlinf_scaffold.bases.interpreter import Interpreter
from rlinf_scaffold.bases.library import Class, Library, Module
from rlinf_scaffold.spec import Base


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


def read_own(site: Path, folder: Path, source: str, name: str) -> Base:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(source)
    library = Library((folder, site))
    cls = library.find("mine", name)
    assert isinstance(cls, Class)
    return Reader(library, name).read(cls, {"vocab_size": 9})
