from __future__ import annotations

import ast

import pytest
from written import ENUM, NAMES, written

from rlinf_scaffold.sites.conditions import Condition, condition
from rlinf_scaffold.sites.names import Scope, Source
from rlinf_scaffold.sites.vocabulary import read_vocabulary

CODE = """
from rlinf.lists import FAR

NEAR = {"alpha", "beta"}
BOTH = NEAR | {"gamma"}

def is_alpha(cfg):
    return cfg.model_type == "alpha"

def is_nothing(cfg):
    cfg.model_type == "alpha"

class Worker:
    def _is_beta(self):
        return self.cfg.model_type == "beta"

    def act(self, cfg, kind, robot):
        known = cfg.model_type
        flag = known in BOTH
        self.kind = str(cfg.model.get("model_type")).lower()
        here
"""
FAR = {"rlinf/lists.py": 'FAR = frozenset(["beta"])\nNOT_HERE = 1\n'}


def held(test: str, config: str = ENUM) -> Condition | None:
    tree = written({**FAR, "rlinf/one.py": CODE}, config=config)
    path = next(path for path in tree.contents if path.name == "one.py")
    module = ast.parse(tree.contents[path])
    scope = Scope(Source(tree, path, module, read_vocabulary(tree)), module)
    worker = next(node for node in module.body if isinstance(node, ast.ClassDef))
    act = worker.body[-1]
    assert isinstance(act, ast.FunctionDef)
    expression = ast.parse(test, mode="eval").body
    return condition(expression, scope.of_class(worker).within(act))


@pytest.mark.parametrize(
    "test",
    [
        "robot == 'alpha'",
        "cfg.env_type == 'alpha'",
        "cfg.model_type == 'unheard of'",
        "cfg.model_type == other",
        "cfg.model_type is None",
        "cfg.model_type > 'alpha'",
        "'a' < cfg.model_type == 'alpha'",
        "robot in NEAR",
        "cfg.model_type in UNBOUND",
        "other in cfg.model_type",
        "'zebra' in cfg.model_type",
        "cfg.model_type.startswith('zebra')",
        "cfg.model_type.startswith(other)",
        "robot.startswith('alpha')",
        "SupportedModel.ALPHA == SupportedModel.BETA",
        "-cfg.model_type",
        "f(cfg.model_type)",
        "is_nothing(cfg)",
        "is_unknown(cfg)",
        "self._is_unknown()",
        "robot and kind",
        "kind.category == 'embodied'",
        "cfg.model_type.category == 'reasoning'",
    ],
)
def test_says_nothing_of_the_model_type(test: str) -> None:
    assert held(test) is None


@pytest.mark.parametrize(
    ("test", "names"),
    [
        ("cfg.model_type == 'alpha'", "alpha"),
        ("'alpha' == cfg.model_type", "alpha"),
        ("cfg.actor.model.model_name in ['alpha', 'beta']", "alpha beta"),
        ("cfg.get('model_type') in ('alpha', 'new')", "alpha new"),
        ("getattr(cfg, 'model_type', None) == 'alpha'", "alpha"),
        ("cfg['model_type'] == 'alpha'", "alpha"),
        ("str(cfg.model_type) == 'alpha'", "alpha"),
        ("cfg.model_type.lower() == 'alpha'", "alpha"),
        ("self._model_type == 'alpha'", "alpha"),
        ("known == 'alpha'", "alpha"),
        ("self.kind == 'alpha'", "alpha"),
        ("(it := cfg.model_type) == 'alpha'", "alpha"),
        ("SupportedModel(kind) == 'alpha'", "alpha"),
        ("get_supported_model(kind) == 'alpha'", "alpha"),
        ("SupportedModel.get(kind) == 'alpha'", "alpha"),
        ("SupportedModel(kind).value == 'alpha'", "alpha"),
        ("kind == SupportedModel.ALPHA", "alpha"),
        ("kind is config.SupportedModel.ALPHA", "alpha"),
        ("kind in {SupportedModel.ALPHA, SupportedModel.BETA}", "alpha beta"),
        ("kind == SupportedModel.ALPHA.value", "alpha"),
        ("known in NEAR", "alpha beta"),
        ("known in BOTH", "alpha beta gamma"),
        ("known in (*NEAR, 'gamma')", "alpha beta gamma"),
        ("known in FAR", "beta"),
        ("known in {'alpha': 1}", "alpha"),
        ("known in {'alpha': 1}.keys()", "alpha"),
        ("known in [it for it in NEAR]", "alpha beta"),
        ("'alph' in cfg.model_type", "alpha"),
        ("cfg.model_type.startswith('be')", "beta"),
        ("cfg.model_type.endswith('a')", "alpha beta gamma"),
        ("flag", "alpha beta gamma"),
        ("is_alpha(cfg)", "alpha"),
        ("self._is_beta()", "beta"),
        ("known == 'alpha' or known == 'beta'", "alpha beta"),
        ("get_supported_model(kind).category == 'embodied'", "alpha beta gamma"),
    ],
)
def test_names_the_types_that_it_holds_for(test: str, names: str) -> None:
    found = held(test)
    assert found is not None
    assert sorted(found.named) == names.split()
    assert found.types.names == {*names.split()}
    assert not found.types.others
    assert found.exact


@pytest.mark.parametrize("test", ["known == 'alpha'", "known in ['alpha']"])
def test_strings_are_enough(test: str) -> None:
    found = held(test, NAMES)
    assert found is not None
    assert found.named == ("alpha",)


@pytest.mark.parametrize(
    ("test", "alpha", "foo", "exact"),
    [
        ("known != 'alpha'", False, True, True),
        ("known not in NEAR", False, True, True),
        ("'alph' not in cfg.model_type", False, True, True),
        ("not known == 'alpha'", False, True, True),
        ("not (known == 'alpha' and robot)", True, True, False),
        ("known == 'alpha' and robot", True, False, False),
        ("known == 'alpha' or robot", True, True, False),
        ("known in NEAR and known != 'alpha'", False, False, True),
    ],
)
def test_knows_for_whom_it_may_hold(
    test: str, alpha: bool, foo: bool, exact: bool
) -> None:
    found = held(test)
    assert found is not None
    assert (("alpha" in found.types), ("foo" in found.types)) == (alpha, foo)
    assert found.exact is exact


def test_remembers_the_names_that_it_went_through() -> None:
    found = held("flag or known in NEAR")
    assert found is not None
    assert found.through == {"flag", "BOTH", "NEAR"}
