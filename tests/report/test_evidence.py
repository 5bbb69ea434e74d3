from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from showing import PROVED, SHIMS, TINY, curve, memory, parity, proof, unit, units

from rlinf_scaffold.report.evidence import (
    Curve,
    Parity,
    RankMemory,
    Shown,
    Unit,
    World,
    shown,
)
from rlinf_scaffold.smoke.junit import Evidence

NOTHING = Shown((), (), (), (), (), ())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda it: st.lists(it, max_size=3) | st.dictionaries(st.text(), it, max_size=3),
    max_leaves=8,
)
GOOD = {
    "units": units("fsdp", TINY).data,
    "parity": parity("as it is").data,
    "curve": curve("ppo").data,
    "memory": memory(1, 2).data,
    "shims": {"shims": ["one"]},
    "world": {"backend": "a", "size": 1, "device": "b", "versions": {}},
}


def shown_by(*evidence: Evidence) -> Shown:
    return shown([proof("a", "b", it) for it in evidence])


def test_nothing_is_shown_by_none() -> None:
    assert shown([]) == shown([proof("a", "b")]) == NOTHING


def test_reads_every_kind() -> None:
    found = shown(PROVED)
    assert [it.strategy for it in found.units] == ["fsdp", "fsdp2", "fsdp2-large"]
    layer = Unit("model.layers.0", "LlamaDecoderLayer", 30_848, 30_848, ())
    assert found.units[0].root.children[0] == layer
    assert [it.name for it in found.units[0].root.walk()][1:] == [
        "model.layers.0",
        "model.layers.1",
    ]
    assert [it.sampling for it in found.parities][:2] == ["as it is", "temperature 0.7"]
    assert [it.algorithm for it in found.curves] == ["ppo", "grpo"]
    assert [it.rank for it in found.memory] == [0, 1]
    assert found.shims == SHIMS
    (world,) = found.worlds
    assert (world.size, world.versions["torch"]) == (2, "2.13.0")


def test_pairs_of_which_one_is_no_number_are_lost() -> None:
    data = {"sampling": "a", "rollout": [-1, None, -2], "training": [-1.5, -1, None]}
    (found,) = shown_by(Evidence("parity", data)).parities
    assert found == Parity("a", ((-1, -1.5),), 2)
    assert found.distances == (0.5,)


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        ("as it is", "as it is"),
        ({}, "as set"),
        ({"temperature": 0.7, "top_k": 5}, "temperature 0.7, top_k 5"),
    ],
)
def test_sampling_is_told_in_words(sampling: object, words: str) -> None:
    data = {"sampling": sampling, "rollout": [], "training": []}
    assert shown_by(Evidence("parity", data)).parities == (Parity(words, (), 0),)


def test_without_a_strategy_the_case_of_the_proof_says_it() -> None:
    evidence = Evidence("units", {"tree": TINY})
    found = shown(
        [proof("units [fsdp2[lora]]", "", evidence), proof("a", "", evidence)]
    )
    assert [it.strategy for it in found.units] == ["fsdp2[lora]", ""]


def test_units_inside_of_a_unit_are_in_the_order_of_their_numbers() -> None:
    layers = [unit(name, "L", 1) for name in ("m.10", "head", "m.9", "m.1")]
    (found,) = shown_by(units("fsdp", unit("", "K", 1, *layers))).units
    names = [it.name for it in found.root.children]
    assert names == ["head", "m.1", "m.9", "m.10"]


def test_rewards_that_are_no_numbers_stay_in_their_place() -> None:
    data = {"algorithm": "ppo", "rewards": [0.1, None], "bound": 1, "random": 0}
    assert shown_by(Evidence("curve", data)).curves == (
        Curve("ppo", (0.1, None), 1, 0),
    )


def test_of_a_rank_the_highest_peak_counts() -> None:
    found = shown_by(memory(1, 5), memory(3), memory(2, 4)).memory
    assert found == (RankMemory(0, "cpu", 3 * 2**20), RankMemory(1, "cpu", 5 * 2**20))


def test_shims_are_told_once_and_worlds_in_their_order() -> None:
    def world(size: int) -> Evidence:
        data = {"backend": "gloo", "size": size, "device": "cpu", "versions": {}}
        return Evidence("world", data)

    shims = Evidence("shims", {"shims": ["b", "a"]})
    found = shown_by(shims, world(2), shims, world(1))
    assert found.shims == ("b", "a")
    assert found.worlds == (World("gloo", 2, "cpu", {}), World("gloo", 1, "cpu", {}))


def tower(height: int) -> Mapping[str, object]:
    tree: dict[str, object] = {"name": "", "kind": "K", "own": 1, "total": 1}
    for _ in range(height - 1):
        tree = {**tree, "children": [tree]}
    return {"strategy": "fsdp", "tree": tree}


def test_a_tree_may_be_deep_but_not_without_end() -> None:
    assert len(shown_by(Evidence("units", tower(64))).units) == 1
    assert shown_by(Evidence("units", tower(65))) == NOTHING


@pytest.mark.parametrize("kind", GOOD)
def test_what_lacks_something_is_left_out(kind: str) -> None:
    assert shown_by(Evidence(kind, GOOD[kind])) != NOTHING
    for key in {*GOOD[kind]} - {"strategy"}:
        data = {name: it for name, it in GOOD[kind].items() if name != key}
        assert shown_by(Evidence(kind, data)) == NOTHING


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("new", {}),
        ("units", {"strategy": 1}),
        ("units", {"tree": []}),
        ("units", {"tree": {**TINY, "own": -1}}),
        ("units", {"tree": {**TINY, "children": {}}}),
        ("parity", {"rollout": [1]}),
        ("parity", {"rollout": ["1"], "training": ["1"]}),
        ("curve", {"bound": True}),
        ("curve", {"bound": 1e301}),
        ("curve", {"bound": 10**400}),
        ("memory", {"ranks": [1]}),
        ("memory", {"ranks": [{"rank": 0, "device": "cpu", "peak_bytes": None}]}),
        ("shims", {"shims": [1]}),
        ("world", {"versions": {"torch": 2}}),
    ],
)
def test_what_is_not_as_agreed_is_left_out(
    kind: str, wrong: Mapping[str, object]
) -> None:
    assert shown_by(Evidence(kind, {**GOOD.get(kind, {}), **wrong})) == NOTHING


@given(kind=st.sampled_from([*GOOD]), data=st.data())
def test_whatever_is_handed_over_is_read_or_left_out(
    kind: str, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from([*GOOD[kind]]))
    assert shown_by(Evidence(kind, {**GOOD[kind], key: data.draw(JSON)}))
