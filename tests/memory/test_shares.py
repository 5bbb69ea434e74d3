from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from units import LORA, llama, matrix, unit, wrapping

from rlinf_scaffold.memory.shares import (
    PRECISIONS,
    Activations,
    Batch,
    Precision,
    Sharding,
    Share,
    activations,
    local_elements,
    shardings,
    share,
)
from rlinf_scaffold.memory.units import (
    Lora,
    Parameter,
    Unit,
    Wrapping,
    with_lora,
    with_value_head,
)

BF16, FP32 = PRECISIONS


def full_shard(version: str, ranks: int) -> Sharding:
    return Sharding(strategy="full_shard", version=version, shards=ranks)


@pytest.mark.parametrize(
    ("version", "ranks", "gpus_per_node", "expected"),
    [
        ("fsdp", 1, 8, {"full_shard": 1, "hybrid_shard": 1, "no_shard": 1}),
        ("fsdp", 4, 8, {"full_shard": 4, "hybrid_shard": 4, "no_shard": 1}),
        ("fsdp", 64, 8, {"full_shard": 64, "hybrid_shard": 8, "no_shard": 1}),
        ("fsdp", 64, 4, {"full_shard": 64, "hybrid_shard": 4, "no_shard": 1}),
        ("fsdp2", 64, 8, {"full_shard": 64}),
    ],
)
def test_shards_over_all_ranks_a_node_or_none(
    version: str, ranks: int, gpus_per_node: int, expected: dict[str, int]
) -> None:
    found = shardings(version, ranks, gpus_per_node)
    assert {it.strategy: it.shards for it in found} == expected
    assert {it.version for it in found} == {version}


# The bytes that the fullest rank held of a Llama with a value head, measured on CPUs
# after a step of AdamW through RLinf's own functions: numbers, weights, gradients, means.
MEASURED = {
    ("fsdp", False, 2, BF16): (152102, 304204, 304204, 608408),
    ("fsdp", False, 2, FP32): (152102, 608408, 608408, 1216816),
    ("fsdp", False, 3, BF16): (101402, 202804, 202804, 405608),
    ("fsdp", False, 3, FP32): (101402, 405608, 405608, 811216),
    ("fsdp", True, 2, BF16): (159628, 319256, 112076, 224152),
    ("fsdp", True, 2, FP32): (159628, 638512, 224152, 448304),
    ("fsdp", False, 1, BF16): (304204, 608408, 608408, 1216816),
    ("fsdp", True, 1, FP32): (319256, 1277024, 448304, 896608),
    ("fsdp2", False, 2, BF16): (152226, 304452, 304452, 608904),
    ("fsdp2", False, 3, FP32): (101998, 407992, 407992, 815984),
    ("fsdp2", True, 2, BF16): (159754, 319508, 112208, 224416),
    ("fsdp2", True, 3, FP32): (107994, 431976, 154456, 308912),
}


@pytest.mark.parametrize(("case", "expected"), MEASURED.items(), ids=str)
def test_a_rank_holds_what_was_measured(
    case: tuple[str, bool, int, Precision], expected: tuple[int, int, int, int]
) -> None:
    version, lora, ranks, precision = case
    model = with_value_head(llama(60, 100, 3, 30, 1003, version=version), 60)
    model = with_lora(model, LORA) if lora else model
    held = share(model, full_shard(version, ranks), precision)
    elements = local_elements(model, ranks)
    assert (elements, held.parameters, held.gradients, held.optimizer) == expected


ROOT = unit("", matrix("head", 100, 2))
LAYER = unit("layers.*", matrix("q", 5, 2), count=3)
EMBEDDING = unit("embed", matrix("table", 7, 2))
GATHERED = {
    "nothing else": (wrapping(ROOT), 200, 200),
    "alike units": (wrapping(ROOT, LAYER), 220, 210),
    "the two largest": (wrapping(ROOT, LAYER, EMBEDDING), 224, 214),
    "no root": (wrapping(LAYER), 20, 10),
    "a unit once": (wrapping(ROOT, EMBEDDING), 214, 214),
}


@pytest.mark.parametrize(
    ("model", "gathered", "unreduced"), GATHERED.values(), ids=GATHERED
)
def test_the_root_and_two_units_are_gathered(
    model: Wrapping, gathered: int, unreduced: int
) -> None:
    for precision in PRECISIONS:
        held = share(model, full_shard("fsdp", 4), precision)
        assert (held.gathered, held.unreduced) == (gathered * 2, unreduced * 2)


def test_without_shards_units_are_only_copied_to_be_cast() -> None:
    model = wrapping(ROOT, LAYER)
    bf16, fp32 = (share(model, full_shard("fsdp", 1), it) for it in PRECISIONS)
    assert (bf16.gathered, bf16.unreduced) == (0, 0)
    assert (fp32.gathered, fp32.unreduced) == (440, 0)


def test_what_is_frozen_has_no_gradients() -> None:
    frozen = Parameter(name="q", shape=(8, 8), trains=False)
    held = share(wrapping(unit("", frozen)), full_shard("fsdp", 2), FP32)
    expected = Share(
        parameters=128, gradients=0, optimizer=0, gathered=128, unreduced=0
    )
    assert (held, held.total) == (expected, 256)


def test_adapters_may_be_wider_than_weights() -> None:
    adds = Lora(targets=frozenset({"q"}), rank=2, is_float32=True)
    model = with_lora(wrapping(unit("", matrix("q", 8, 8))), adds)
    held = share(model, full_shard("fsdp", 2), BF16)
    assert held.parameters == 64 // 2 * 2 + (16 + 16) // 2 * 4
    assert (held.gradients, held.optimizer) == (64, 128)


def test_a_tied_parameter_is_held_once() -> None:
    tied = Parameter(name="head.weight", shape=(9, 2), is_tied=True)
    only = unit("head", tied, kind="Linear")
    for version in ("fsdp", "fsdp2"):
        assert local_elements(wrapping(ROOT, only, version=version), 4) == 50


SHAPES = st.lists(st.integers(1, 9), max_size=3).map(tuple)
PARAMETERS = st.builds(
    Parameter, name=st.just("a"), shape=SHAPES, count=st.integers(1, 3)
)
UNITS = st.builds(
    lambda parameters, count: unit("a", *parameters, count=count),
    st.lists(PARAMETERS, min_size=1, max_size=3),
    st.integers(1, 3),
)


@given(st.lists(UNITS, min_size=1, max_size=4), st.integers(1, 20))
def test_ranks_together_hold_at_least_the_model(units: list[Unit], ranks: int) -> None:
    for version in ("fsdp", "fsdp2"):
        model = wrapping(*units, version=version)
        held = local_elements(model, ranks)
        assert held * ranks >= model.elements
        assert held <= model.elements
        assert local_elements(model, 1) == model.elements


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (
            Batch(samples=1, tokens=1, logits=1, vocab_size=10),
            Activations(kept=3 * 80 * 2, checkpointed=(3 * 8 + 80) * 2, logits=40),
        ),
        (
            Batch(samples=2, tokens=5, logits=3, vocab_size=10),
            Activations(
                kept=10 * 3 * 80 * 2,
                checkpointed=10 * (3 * 8 + 80) * 2,
                logits=2 * 3 * 40,
            ),
        ),
        (
            Batch(samples=1, tokens=2, logits=8, vocab_size=10),
            Activations(
                kept=2 * 3 * 80 * 2, checkpointed=2 * (3 * 8 + 80) * 2, logits=80
            ),
        ),
    ],
)
def test_a_micro_batch_leaves_a_width_for_each_token_and_layer(
    batch: Batch, expected: Activations
) -> None:
    layer = unit("layers.*", matrix("q", 8, 8), count=3)
    assert activations([layer], batch) == expected


def test_without_layers_only_logits_are_left() -> None:
    left = activations([], Batch(samples=1, tokens=1, logits=1, vocab_size=1))
    assert left == Activations(kept=0, checkpointed=0, logits=4)


def test_a_token_goes_through_some_experts() -> None:
    layer = unit("layers.*", matrix("experts.*", 8, 8, count=4))
    batch = Batch(samples=1, tokens=1, logits=1, vocab_size=1)
    assert activations([layer], batch, experts=2).kept == (2 * 16 + 64) * 2
    assert activations([layer], batch).kept == (4 * 16 + 64) * 2
