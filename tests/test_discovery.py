from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from rlinf_scaffold.discovery import discover


@dataclass(frozen=True)
class Thing:
    name: str


@dataclass(frozen=True)
class SpecialThing(Thing):
    pass


THING = f"from {__name__} import SpecialThing, Thing\n"
Maker = Callable[[dict[str, str]], ModuleType]


@pytest.fixture
def package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Maker:
    def make(modules: dict[str, str]) -> ModuleType:
        name = f"discovered_{abs(hash(request.node.name))}"
        folder = tmp_path / name
        folder.mkdir()
        for module, code in {"__init__": "", **modules}.items():
            (folder / f"{module}.py").write_text(THING + code)
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module(name)

    return make


def test_an_empty_package(package: Maker) -> None:
    assert discover(package({}), Thing) == ()


def test_values_come_in_the_order_of_modules(package: Maker) -> None:
    modules = {name: f"it = Thing({name!r})" for name in ("b", "c", "a")}
    found = discover(package(modules), Thing)
    assert [thing.name for thing in found] == ["a", "b", "c"]


def test_one_more_file_is_one_more_value(package: Maker) -> None:
    many = {f"m{n:02}": f"it = Thing('{n}')" for n in range(12)}
    assert len(discover(package(many), Thing)) == 12


def test_a_package_inside_counts_as_a_module(package: Maker, tmp_path: Path) -> None:
    made = package({"a": "it = Thing('a')"})
    inner = tmp_path / made.__name__ / "b"
    inner.mkdir()
    (inner / "__init__.py").write_text(THING + "it = Thing('b')")
    assert [thing.name for thing in discover(made, Thing)] == ["a", "b"]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("", 0),
        ("it = 'Thing'", 0),
        ("it = Thing", 0),
        ("it = SpecialThing('a')", 0),
        ("it = [Thing('a')]", 0),
        ("one = Thing('a')\ntwo = Thing('b')", 2),
    ],
)
def test_a_module_ends_in_exactly_one(package: Maker, code: str, count: int) -> None:
    with pytest.raises(TypeError, match=rf"\.a must end in one Thing, has {count}$"):
        discover(package({"a": code}), Thing)
