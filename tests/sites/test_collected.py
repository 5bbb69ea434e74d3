from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest
from written import written

from rlinf_scaffold.sites.collected import entries, named_in
from rlinf_scaffold.sites.names import Scope, Source
from rlinf_scaffold.sites.vocabulary import read_vocabulary

CODE = """
TABLE = {SupportedModel.ALPHA: one, "beta": two, **more, other: three}
VIEW = {model: (apply, 1) for model, apply in TABLE.items()}
FILLED = {}
FILLED["alpha"] = one
OTHER["beta"] = two
LOOSE = make()

def register(name, build=None):
    key = name.lower()
    FILLED[key] = build

def register_all():
    register("beta", two)
    register(name="gamma")
    register()

def unrelated(name):
    OTHER[name] = 1
"""


@pytest.fixture
def scope() -> Scope:
    tree = written()
    module = ast.parse(CODE)
    path = PurePosixPath("rlinf/one.py")
    return Scope(Source(tree, path, module, read_vocabulary(tree)), module)


@pytest.mark.parametrize(
    ("expression", "names", "by_member"),
    [
        ("1", "", False),
        ("f(x)", "", False),
        ("robot.ALPHA", "", False),
        ("config.alpha", "", False),
        ("'free'", "free", False),
        ("SupportedModel.ALPHA", "alpha", True),
        ("SupportedModel.ALPHA.value", "alpha", True),
        ("{SupportedModel.ALPHA, 'beta'}", "alpha beta", False),
        ("set([SupportedModel.BETA, SupportedModel.ALPHA])", "beta alpha", True),
        ("['alpha'] + ['beta']", "alpha beta", False),
        ("['alpha', 'alpha']", "alpha", False),
        ("['alpha'] * 2", "", False),
        ("TABLE", "alpha beta", False),
        ("VIEW", "alpha beta", False),
        ("FILLED", "alpha beta gamma", False),
    ],
)
def test_names_the_types_of_an_expression(
    scope: Scope, expression: str, names: str, by_member: bool
) -> None:
    found = named_in(ast.parse(expression, mode="eval").body, scope)
    assert " ".join(found.names) == names
    assert found.by_member is by_member


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("UNBOUND", {}),
        ("LOOSE", {}),
        ("{'alpha': one, 'other': two}", {"alpha": (1, "one")}),
        ("TABLE", {"alpha": (2, "one"), "beta": (2, "two")}),
        ("VIEW", {"alpha": (2, "one"), "beta": (2, "two")}),
        (
            "FILLED",
            {
                "alpha": (5, "one"),
                "beta": (14, "two"),
                "gamma": (15, "register(name='gamma')"),
            },
        ),
    ],
)
def test_reads_what_a_table_holds(
    scope: Scope, table: str, expected: dict[str, tuple[int, str]]
) -> None:
    found = entries(ast.parse(table, mode="eval").body, scope)
    assert {name: (line, ast.unparse(it)) for name, (line, it) in found.items()} == (
        expected
    )
