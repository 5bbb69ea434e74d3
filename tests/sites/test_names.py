from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest
from written import written

from rlinf_scaffold.sites.names import Scope, Source, bindings, statements
from rlinf_scaffold.sites.vocabulary import Vocabulary

CODE = """
from rlinf.far import FAR as NEARER, missing
from rlinf.package import INSIDE
from rlinf.broken import BROKEN
from .beside import BESIDE
from elsewhere import OTHER
import rlinf.far

TOP = 1
LOOP = LOOP

class Worker:
    def is_method(self):
        return 2

    def act(self):
        from rlinf.far import is_far
        self.own = 3
        if self.own:
            inner: int = 4
"""
MORE = {
    "rlinf/far.py": "FAR = 5\n\ndef is_far():\n    return 6\n",
    "rlinf/package/__init__.py": "INSIDE = 7\n",
    "rlinf/broken.py": "BROKEN = (\n",
}
PATH = PurePosixPath("rlinf/one.py")


@pytest.fixture
def scope() -> Scope:
    module = ast.parse(CODE)
    source = Source(written(MORE), PATH, module, Vocabulary())
    worker = next(node for node in module.body if isinstance(node, ast.ClassDef))
    act = worker.body[-1]
    assert isinstance(act, ast.FunctionDef)
    return Scope(source, module).of_class(worker).within(act)


def test_a_scope_is_named_after_its_class(scope: Scope) -> None:
    assert scope.name == "Worker.act"


@pytest.mark.parametrize(
    ("name", "value"),
    [("TOP", 1), ("self.own", 3), ("inner", 4), ("NEARER", 5), ("INSIDE", 7)],
)
def test_finds_what_a_name_stands_for(scope: Scope, name: str, value: int) -> None:
    found = scope.find(name)
    assert found is not None
    assert isinstance(found[0], ast.Constant)
    assert found[0].value == value


@pytest.mark.parametrize(
    "name", ["FAR", "unbound", "missing", "BROKEN", "BESIDE", "OTHER", "is_far"]
)
def test_other_names_stand_for_nothing_that_is_known(scope: Scope, name: str) -> None:
    assert scope.find(name) is None


def test_a_name_that_is_bound_to_itself_ends(scope: Scope) -> None:
    seen = 0
    found = scope.find("LOOP")
    while found is not None:
        seen += 1
        found = found[1].find("LOOP")
    assert seen == 8


@pytest.mark.parametrize(
    ("function", "value"),
    [("self.is_method", 2), ("is_far", 6), ("other.is_method", 2)],
)
def test_finds_what_a_predicate_returns(
    scope: Scope, function: str, value: int
) -> None:
    found = scope.find_predicate(ast.parse(function, mode="eval").body)
    assert found is not None
    assert isinstance(found[0], ast.Constant)
    assert found[0].value == value


@pytest.mark.parametrize("function", ["act", "is_unbound", "self.is_unbound", "f()"])
def test_what_asks_nothing_is_no_predicate(scope: Scope, function: str) -> None:
    assert scope.find_predicate(ast.parse(function, mode="eval").body) is None


BLOCKS = """
a = 1
if a:
    b = 2
elif c:
    d = 3
try:
    e = 4
except Error:
    f = 5
finally:
    g = 6
match a:
    case 1:
        h = 7
def function():
    hidden = 8
a.b, c = 9, 9
a = b = 10
only: int
"""


def test_bindings_are_the_last_ones_of_the_body_itself() -> None:
    bound = bindings(ast.parse(BLOCKS).body)
    assert "".join(sorted(bound)) == "abdefgh"
    assert ast.unparse(bound["a"]) == "10"


def test_statements_of_definitions_are_only_those_asked_for() -> None:
    body = ast.parse(BLOCKS).body
    assert "hidden = 8" not in map(ast.unparse, statements(body))
    assert "hidden = 8" in map(ast.unparse, statements(body, definitions=True))
