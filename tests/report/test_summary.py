from __future__ import annotations

from dataclasses import replace

import pytest
from showing import (
    AGREEING,
    FAILING,
    LARGE,
    PROVED,
    TINY,
    WHOLE,
    memory,
    proof,
    report_on,
    units,
)

from rlinf_scaffold.report.evidence import Curve, Parity, World, shown
from rlinf_scaffold.report.summary import (
    by_section,
    curve_words,
    memory_words,
    own_words,
    parity_words,
    reasons,
    slowest_words,
    tally,
    unit_words,
    version_words,
    world_words,
)

SKIPPED = replace(proof("a", ""), outcome="skipped")


@pytest.mark.parametrize(
    ("proofs", "words"),
    [
        ((), "0 of 0 proofs passed"),
        ((SKIPPED,), "0 of 0 proofs passed, 1 does not apply"),
        (PROVED, "12 of 12 proofs passed, 1 does not apply"),
        (FAILING, "10 of 12 proofs passed"),
    ],
)
def test_tally(proofs: tuple, words: str) -> None:
    assert tally(report_on(*proofs)) == words


def test_sections_are_in_the_order_in_which_they_began() -> None:
    proofs = [proof(name, section) for name, section in ("ab", "cd", "eb")]
    assert by_section([]) == {}
    assert by_section(proofs) == {"b": [proofs[0], proofs[2]], "d": [proofs[1]]}


def test_a_reason_is_told_once() -> None:
    said = replace(SKIPPED, message="no GPU")
    assert reasons(report_on(*PROVED[:2])) == []
    assert reasons(report_on(said, SKIPPED, said)) == ["a", "no GPU"]


@pytest.mark.parametrize(
    ("message", "cause", "words"),
    [
        ("", None, ""),
        ("it broke", None, "it broke"),
        ("it broke", "the machine", "it broke"),
        ("it broke. Likely cause: the machine", "the machine", ""),
    ],
)
def test_what_a_proof_says_beyond_its_cause(
    message: str, cause: str | None, words: str
) -> None:
    assert own_words(proof("a", "", message=message, cause=cause)) == words


def test_the_slowest_are_named_where_there_is_a_choice() -> None:
    proofs = [proof(f"p{n}", "", seconds=n) for n in (1, 12, 3, 2)]
    assert slowest_words(report_on(*proofs[:3])) == ""
    assert slowest_words(report_on(*proofs)) == (
        "slowest: p12 (12.0 s), p3 (3.00 s), p2 (2.00 s)"
    )


def test_memory() -> None:
    peaks = shown([proof("a", "", memory(1, 1536))]).memory
    assert memory_words(peaks) == "peak memory on cpu: rank 0 1 MiB, rank 1 1.5 GiB"


@pytest.mark.parametrize(("size", "words"), [(1, "1 rank"), (2, "2 ranks")])
def test_world(size: int, words: str) -> None:
    world = World("nccl", size, "NVIDIA L4", {"torch": "2.13.0", "peft": "1"})
    assert world_words(world) == f"{words}, nccl on NVIDIA L4"
    assert version_words(world) == "torch 2.13.0, peft 1"


@pytest.mark.parametrize(
    ("parities", "words"),
    [
        ((), ""),
        ((Parity("a", (), 0),), ""),
        ((Parity("a", (), 3),), "3 of 3 pairs are no numbers"),
        (
            (Parity("a", ((-1, -1),), 0), Parity("b", ((-2, -1.75), (0, 0)), 0)),
            "of 3 log-probabilities, the two that are farthest apart differ by 0.25 "
            "(-1.75 in training, -2 in rollout)",
        ),
        (
            (Parity("a", ((-1, -1),), 1),),
            "of 1 log-probabilities, the two that are farthest apart differ by 0 "
            "(-1 in training, -1 in rollout); 1 of 2 pairs are no numbers",
        ),
    ],
)
def test_parity(parities: tuple[Parity, ...], words: str) -> None:
    assert parity_words(parities) == words


@pytest.mark.parametrize(
    ("rewards", "words"),
    [
        ((), "no reward after 0 updates"),
        ((None,), "no reward after 0 updates"),
        ((0.1, 0.8), "0.8 after 1 updates"),
        ((0.1, 0.4, None), "0.4 after 2 updates"),
    ],
)
def test_curve(rewards: tuple[float | None, ...], words: str) -> None:
    assert curve_words(Curve("ppo", rewards, 0.75, 0.375)) == (
        f"under ppo the mean reward is {words}; 0.75 is to be reached, random actions "
        "get 0.375"
    )


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (
            TINY,
            "137 k parameters in 3 units: 1 FooForRLActionPrediction, 2 "
            "LlamaDecoderLayer; the largest, FooForRLActionPrediction, holds 55 % of all",
        ),
        (
            WHOLE,
            "all 137 k parameters are in one unit: every rank gathers the whole model "
            "at once, as if nothing were sharded",
        ),
    ],
)
def test_units(tree: dict, words: str) -> None:
    (found,) = shown([proof("a", "", units("fsdp", tree))]).units
    assert unit_words(found.root) == words


def test_the_largest_unit_is_named() -> None:
    (found,) = shown([proof("a", AGREEING, units("fsdp", LARGE))]).units
    layers = replace(found.root, own=0)
    assert "the largest, model.language_model.layers.0 (Qwen2_5_VLDecoderLayer), " in (
        unit_words(layers)
    )


def test_a_model_without_parameters_has_no_largest_share() -> None:
    empty = {"name": "", "kind": "A", "own": 0, "total": 0, "children": []}
    tree = {**empty, "children": [{**empty, "name": "b"}]}
    (found,) = shown([proof("a", "", units("", tree))]).units
    assert unit_words(found.root).endswith("holds 0 % of all")
