"""Sources by file: names through imports, stars and optional packages; lineages."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlinf_scaffold.bases.library import (
    Class,
    External,
    Global,
    Library,
    is_file,
    literal,
)
from rlinf_scaffold.errors import SourceSyntaxError

FILES = {
    "pkg/__init__.py": "from .inner import Deep\nfrom .inner.leaf import *\n",
    "pkg/inner/__init__.py": "from .leaf import Leaf as Deep\n",
    "pkg/inner/leaf.py": """
import torch.nn as nn
import os.path
from ..other import Shared
from absent import Foreign
from .. import other

class Leaf(nn.Module): pass
def function(): ...
NUMBERS = [1, 2]
COMPUTED = [1, function()]
TYPED: dict = {"a": 1}
a = b = 3
object.attribute = 4
if fast:
    from fast import Kernel
    class Block(Kernel): pass
else:
    class Block(nn.Module): pass
try:
    from apex import Norm
except ImportError:
    pass
""",
    "pkg/other.py": """
from outside import *
class Shared(Missing, Base := int): pass
class A: pass
class B(A): pass
class C(A): pass
class D(B, C): pass
class Again(Again): pass
class Egg(Hen): pass
class Hen(Egg): pass
Alias = A
Twice = Alias
Round = Trip
Trip = Round
""",
    "pkg/broken.py": "x = 1\ndef (:\n",
    "pkg/minus.py": "x = " + "-" * 10_000 + "1\n",
    "pkg/zero.py": "x = 1\0\n",
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Library((tmp_path,))


FOUND = [
    ("pkg", "Deep", "class Leaf"),
    ("pkg", "Leaf", "class Leaf"),
    ("pkg.inner", "Deep", "class Leaf"),
    ("pkg.inner.leaf", "Shared", "class Shared"),
    ("pkg.inner.leaf", "function", "global"),
    ("pkg.inner.leaf", "NUMBERS", "global"),
    ("pkg.inner.leaf", "TYPED", "global"),
    ("pkg.inner.leaf", "b", "global"),
    ("pkg.inner.leaf", "Foreign", "external absent.Foreign"),
    ("pkg.inner.leaf", "nn", "external torch.nn"),
    ("pkg.inner.leaf", "os", "external os"),
    ("pkg.inner.leaf", "other", "external pkg.other"),
    ("pkg.inner.leaf", "Norm", "external apex.Norm"),
    ("pkg.inner.leaf", "absent", "nothing"),
    ("pkg", "absent", "nothing"),
    ("pkg.other", "Outside", "nothing"),
    ("pkg.none", "Leaf", "nothing"),
]


def described(found: object) -> str:
    if isinstance(found, Class):
        return f"class {found.name}"
    if isinstance(found, External):
        return f"external {found.name}"
    return "global" if isinstance(found, Global) else "nothing"


@pytest.mark.parametrize(("module", "name", "expected"), FOUND)
def test_find(library: Library, module: str, name: str, expected: str) -> None:
    assert described(library.find(module, name)) == expected


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("pkg.other", "A", ["class A"]),
        ("pkg.other", "Again", ["class Again", "external Again"]),
        ("pkg.other", "D", ["class D", "class B", "class C", "class A"]),
        ("pkg.inner.leaf", "Leaf", ["class Leaf", "external torch.nn.Module"]),
        ("pkg.inner.leaf", "Block", ["class Block", "external torch.nn.Module"]),
    ],
)
def test_lineage(library: Library, module: str, name: str, expected: list[str]) -> None:
    cls = library.find(module, name)
    assert isinstance(cls, Class)
    assert [described(ancestor) for ancestor in library.lineage(cls)] == expected


def test_a_class_that_is_its_own_ancestor(library: Library) -> None:
    cls = library.find("pkg.other", "Hen")
    assert isinstance(cls, Class)
    for _ in range(2):
        with pytest.raises(
            SourceSyntaxError, match=r"other\.py:10: .* class Hen is an an"
        ):
            library.lineage(cls)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A", "class A"),
        ("Alias", "class A"),
        ("Twice", "class A"),
        ("Round", "nothing"),
    ],
)
def test_names_of_names(library: Library, name: str, expected: str) -> None:
    assert described(library.unaliased(library.find("pkg.other", name))) == expected


@pytest.mark.parametrize(
    "path", ["pkg/other.py", "absent.py", "pkg", f"{'a' * 300}.py", "a/" * 3000, "a\0b"]
)
def test_files_that_are_there(library: Library, path: str) -> None:
    (root,) = library.search_path
    assert is_file(root / path) is (path == "pkg/other.py")


@pytest.mark.parametrize("name", ["pkg.minus", "pkg.zero"])
def test_file_that_no_parser_takes(library: Library, name: str) -> None:
    with pytest.raises(
        SourceSyntaxError, match=r"(minus|zero)\.py:1: cannot be parsed"
    ):
        library.module(name)


def test_file_is_parsed_once(library: Library) -> None:
    assert library.module("pkg.other") is library.module("pkg.other")
    assert library.find("pkg", "Deep") is library.find("pkg.inner", "Deep")


def test_file_that_does_not_parse(library: Library) -> None:
    with pytest.raises(SourceSyntaxError, match=r"broken\.py:2: cannot be parsed: "):
        library.module("pkg.broken")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NUMBERS", [1, 2]),
        ("absent", None),
        ("COMPUTED", None),
        ("function", None),
        ("b", 3),
    ],
)
def test_literal(library: Library, name: str, expected: object) -> None:
    module = library.module("pkg.inner.leaf")
    assert module is not None
    assert literal(module, name) == expected


def test_class_by_name_alone(site: Path) -> None:
    library = Library((site,))
    for name in ("ToyModel", "ToyConfig", "HybridV1Model", "HollowForCausalLM"):
        found = library.find_class(name)
        assert found is not None
        assert found.name == name


@pytest.mark.parametrize(
    "name",
    [
        "Toy",
        "TFLookModel",
        "Ghost",
        "AutoModel",
        "PreTrainedModel",
        "NoSuchConfig",
        "T.*",
    ],
)
def test_class_that_is_not_there(site: Path, name: str) -> None:
    assert Library((site,)).find_class(name) is None


def test_transformers_without_models(tmp_path: Path) -> None:
    (tmp_path / "transformers").mkdir()
    (tmp_path / "transformers" / "__init__.py").touch()
    assert Library((tmp_path,)).find_class("ToyModel") is None


def test_no_transformers(library: Library) -> None:
    assert library.transformers is None
    assert library.find_class("ToyModel") is None
    assert library.find("transformers", "X") == External("transformers.X")
