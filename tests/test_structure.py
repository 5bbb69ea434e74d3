from __future__ import annotations

import ast
from pathlib import Path

import pytest

import rlinf_scaffold

PACKAGE = Path(rlinf_scaffold.__file__).parent
TESTS = Path(__file__).parent
MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
# Each module of these packages ends in one value, which a walk of the package finds.
DISCOVERED = {
    "contracts": "contract = Contract(",
    "heads": "head = Head(",
    "layouts": "layout = Layout(",
    "recipes": "style = RecipeStyle(",
    "surfaces": "surface = Surface(",
    "traps": "trap = Trap(",
}
VALUES = [
    place
    for place in MODULES
    if place.split("/")[0] in DISCOVERED and not place.endswith("__init__.py")
]
# Packages that few rooms may import, or none.
IMPORTERS = {"typer": {"cli"}, "torch": set(), "transformers": set()}
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def imports(module: ast.Module) -> set[str]:
    """Return the top-level packages that a module imports, wherever it does."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def place_of_tests(place: str) -> str:
    """Return where the tests of a module stand."""
    path = Path(place)
    name = path.parent.name if path.name == "__init__.py" else path.stem
    return (path.parent / f"test_{name.strip('_')}.py").as_posix()


@pytest.mark.parametrize("place", MODULES)
def test_what_defines_something_is_tested_in_a_module_of_its_own(place: str) -> None:
    defines = any(isinstance(node, DEFINITIONS) for node in MODULES[place].body)
    assert (TESTS / place_of_tests(place)).is_file() or not defines


@pytest.mark.parametrize("place", MODULES)
def test_a_module_says_in_one_line_what_it_is(place: str) -> None:
    docstring = ast.get_docstring(MODULES[place])
    assert docstring
    first, *rest = docstring.splitlines()
    assert first[-1] in ".:"
    assert not rest or not rest[0]


@pytest.mark.parametrize("place", VALUES)
def test_a_discovered_module_ends_in_its_value(place: str) -> None:
    *others, last = MODULES[place].body
    value = DISCOVERED[place.split("/")[0]]
    assert isinstance(last, ast.Assign)
    assert ast.unparse(last).startswith(value)
    assert not any(value in ast.unparse(node) for node in others)


@pytest.mark.parametrize("package", IMPORTERS)
def test_is_imported_only_where_it_may_be(package: str) -> None:
    importers = {
        place.split("/")[0]
        for place, tree in MODULES.items()
        if package in imports(tree)
    }
    assert importers == IMPORTERS[package]
