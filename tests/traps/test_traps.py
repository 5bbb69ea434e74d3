from __future__ import annotations

from dataclasses import replace

import pytest
from trees import TREES, job_for
from written import ACTIONS, written

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.engine import read_engine
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.traps import Ground, all_traps, find_snags


def test_what_stops_a_run_comes_first() -> None:
    ranks = [trap.rank for trap in all_traps()]
    assert ranks == sorted({*ranks})


def test_every_trap_has_a_name() -> None:
    names = [trap.name for trap in all_traps()]
    assert len({*names}) == len(names)


MANY = {
    "rlinf/models/__init__.py": """
        def get_model(cfg):
            if Worker.torch_platform.is_available():
                one()
    """,
    ACTIONS: "def prepare_actions_for_one(a):\n    return a.cuda()\n",
}


def ground_of(tree: Tree) -> Ground:
    job = job_for(TREES["registry"], ModelSpec(name="foo"))
    return Ground(tree, replace(job, engine=read_engine(tree)))


@pytest.fixture
def ground() -> Ground:
    return ground_of(written(MANY))


def test_snags_are_in_the_order_of_their_traps(ground: Ground) -> None:
    assert [str(snag.line) for snag in find_snags(ground)] == [
        "rlinf/models/__init__.py:3",
        "rlinf/envs/action_utils.py:2",
    ]


@pytest.mark.parametrize("layout", TREES)
def test_every_snag_is_one_sentence_that_names_its_place(layout: str) -> None:
    job = job_for(TREES[layout], ModelSpec(name="foo"))
    for snag in find_snags(Ground(TREES[layout], job)):
        assert snag.sentence.endswith(".")
        assert "\n" not in snag.sentence
        assert str(snag.line) in snag.sentence


def test_an_empty_checkout_sets_no_traps() -> None:
    assert find_snags(ground_of(written())) == ()
