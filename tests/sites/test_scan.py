from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import STYLES
from written import ENUM, NAMES, REGISTERED, site_of, sites_of, written

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.sites import Site
from rlinf_scaffold.sites.scan import scan
from rlinf_scaffold.sites.vocabulary import Vocabulary, read_vocabulary


def ways(site: Site) -> dict[str, str]:
    """Return what is done for each model named, and for all others."""
    named = {name: site.arm_for(name).does for name in site.named}
    return {**named, "": site.arm_for("foo").does}


@pytest.mark.parametrize(
    "code",
    [
        "",
        "model_type = 'alpha'",
        "f(model_type='alpha')",
        "if robot == 'alpha':\n    one()",
        "D = {'alpha': 1}\nD['alpha']",
        "D = {'alpha': 1}\nD.get('beta')",
        "D = {'other': 1}\nD[model_type]",
        "D = {'alpha': 1}\nD[model_type] = 2",
        "model_type.get(model_type)",
        "match robot:\n    case 'alpha':\n        one()",
        "match model_type:\n    case 'other':\n        one()",
        "match model_type:\n    case [1, 2]:\n        one('alpha')",
        "match model_type:\n    case _:\n        one('alpha')",
        "assert robot, 'alpha'",
    ],
)
def test_what_tells_no_models_apart_is_no_site(code: str) -> None:
    assert sites_of(code) == ()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("if model_type == 'alpha':\n    one()", {"alpha": "one()", "": "nothing"}),
        (
            "if model_type == 'alpha':\n    one()\nelif robot:\n    two()\n"
            "elif model_type in ('beta', 'gamma'):\n    three()\nelse:\n    raise E()",
            {"alpha": "one()", "beta": "three()", "gamma": "three()", "": "raises E"},
        ),
        (
            "def f():\n    if model_type == 'alpha':\n        return 1\n    raise E()",
            {"alpha": "returns 1", "": "raises E"},
        ),
        (
            "def f():\n    if model_type == 'alpha':\n        return 1\n    more()",
            {"alpha": "returns 1", "": "nothing"},
        ),
        (
            "if model_type not in ['alpha']:\n    raise E()",
            {"alpha": "nothing", "": "raises E"},
        ),
        (
            "match model_type:\n    case 'alpha' | 'beta':\n        one()\n"
            "    case 'gamma' if robot:\n        two()\n    case _:\n        raise E()",
            {"alpha": "one()", "beta": "one()", "gamma": "two()", "": "raises E"},
        ),
        (
            "match SupportedModel(x):\n    case SupportedModel.ALPHA:\n        one()",
            {"alpha": "one()", "": "nothing"},
        ),
        (
            "assert model_type in ['alpha'], 'no'",
            {"alpha": "passes", "": "raises AssertionError"},
        ),
        ("x = 1 if model_type == 'alpha' else 2", {"alpha": "1", "": "2"}),
        (
            "def f():\n    return model_type in ['alpha']",
            {"alpha": "returns True", "": "returns False"},
        ),
        (
            "f(x, flag=model_type == 'alpha')",
            {
                "alpha": "True in `f(x, flag=model_type == 'alpha')`",
                "": "False in `f(x, flag=model_type == 'alpha')`",
            },
        ),
        (
            "x = [y for y in z if model_type == 'alpha']",
            {
                "alpha": "True in `x = [y for y in z if model_type == 'alpha']`",
                "": "False in `x = [y for y in z if model_type == 'alpha']`",
            },
        ),
        (
            "with f(model_type == 'alpha'):\n    pass",
            {
                "alpha": "True in `with f(model_type == 'alpha'):`",
                "": "False in `with f(model_type == 'alpha'):`",
            },
        ),
        ("{'alpha': 1}[model_type]", {"alpha": "1", "": "raises KeyError"}),
        ("D = {'alpha': one}\nD[model_type]", {"alpha": "one", "": "raises KeyError"}),
        ("D = {'alpha': one}\nD.get(model_type)", {"alpha": "one", "": "gives None"}),
        ("D = {'alpha': one}\nD.get(model_type, 2)", {"alpha": "one", "": "gives 2"}),
        (
            "D = {'alpha': one}\nif D[model_type]:\n    pass",
            {"alpha": "one", "": "raises KeyError"},
        ),
        (
            "try:\n    pass\nexcept E:\n    assert model_type == 'alpha'",
            {"alpha": "passes", "": "raises AssertionError"},
        ),
        (
            "for a in b:\n    pass\nelse:\n    assert model_type == 'alpha'",
            {"alpha": "passes", "": "raises AssertionError"},
        ),
    ],
)
def test_reads_what_is_done_for_whom(code: str, expected: dict[str, str]) -> None:
    assert ways(site_of(code)) == expected


@pytest.mark.parametrize("config", [ENUM, REGISTERED, NAMES])
@pytest.mark.parametrize("style", STYLES)
def test_finds_them_in_any_generation_and_style(config: str, style: str) -> None:
    code = "def f(cfg):\n    if cfg.model_type == 'alpha':\n        one()\n"
    (site,) = sites_of(STYLES[style](code), config=config)
    assert site.function == "f"
    assert site.named == ("alpha",)


FLAG = """
class Worker:
    def act(self):
        flag = self.cfg.model_type in ("alpha", "beta")
        self.other = self.cfg.model_type == "beta"
        if flag:
            one()
"""


def test_a_flag_is_part_of_the_tests_that_read_it() -> None:
    sites = sites_of(FLAG)
    assert [(site.line, site.function) for site in sites] == [
        (5, "Worker.act"),
        (6, "Worker.act"),
    ]
    assert ways(sites[1]) == {"alpha": "one()", "beta": "one()", "": "nothing"}


GUARDED = """
TABLE = {"alpha": one}

def find(model_type):
    if model_type in TABLE:
        return TABLE[model_type]
    return None

def register(model_type):
    if model_type in TABLE:
        raise ValueError
    TABLE[model_type] = two
    other[0], more = 1, 2

register("beta")
"""


def test_a_lookup_behind_its_own_test_is_one_site() -> None:
    site = site_of(GUARDED)
    assert site.function == "find"
    assert ways(site) == {
        "alpha": "returns TABLE[model_type]",
        "beta": "returns TABLE[model_type]",
        "": "returns None",
    }


NESTED = """
def outer(model_type):
    if model_type in ("alpha", "beta"):
        if model_type == "alpha":
            one()

    async def inner():
        assert model_type == "gamma"
"""


def test_sites_within_sites_and_functions_are_found() -> None:
    found = [(site.line, site.function) for site in sites_of(NESTED)]
    assert found == [(3, "outer"), (4, "outer"), (8, "outer.inner")]


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma"]), min_size=1, unique=True))
def test_finds_every_model_of_any_chain(names: list[str]) -> None:
    arms = [f"if model_type == {name!r}:\n    f_{name}()\n" for name in names]
    site = site_of("el".join(arms))
    assert site.named == tuple(names)
    assert [arm.line for arm in site.arms] == [1 + 2 * i for i in range(len(names))]
    assert [arm.does for arm in site.arms] == [f"f_{name}()" for name in names]


def test_files_that_do_not_parse_are_said() -> None:
    tree = written({"rlinf/a/b.py": "SupportedModel(", "rlinf/c.py": "also ("})
    found = scan(tree, read_vocabulary(tree))
    assert found.sites == ()
    assert [error.path for error in found.unread] == [PurePosixPath("rlinf/a/b.py")]


def test_looks_where_it_is_told_in_order_of_files() -> None:
    code = "assert model_type == 'alpha'\n"
    places = ["toolkits/c.py", "rlinf/b/a.py", "rlinf/a.py", "docs/a.py", "rlinf/a.txt"]
    tree = written(dict.fromkeys(places, code))
    vocabulary = read_vocabulary(tree)
    found = [str(site.path) for site in scan(tree, vocabulary).sites]
    assert found == ["rlinf/a.py", "rlinf/b/a.py", "toolkits/c.py"]
    folder = [PurePosixPath("rlinf/b")]
    assert [str(it.path) for it in scan(tree, vocabulary, folder).sites] == [
        "rlinf/b/a.py"
    ]


def test_does_not_go_down_without_end() -> None:
    deep = "rlinf/" + "a/" * 20 + "b.py"
    tree = MemoryTree.of({deep: "assert model_type == 'alpha'"})
    assert scan(tree, read_vocabulary(written())).sites == ()


def test_without_models_there_is_nothing_to_find() -> None:
    tree = MemoryTree.of({"rlinf/a.py": "assert model_type == ''"})
    assert scan(tree, Vocabulary()).sites == ()
