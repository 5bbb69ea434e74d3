from __future__ import annotations

from dataclasses import replace

import pytest
from trees import LLAMA
from units import llama

from rlinf_scaffold.errors import InvalidAnswerError
from rlinf_scaffold.memory.anatomy import Anatomy
from rlinf_scaffold.memory.plan import LORA, Cluster, plan_memory
from rlinf_scaffold.memory.shares import PRECISIONS, Batch, share

BASE = replace(LLAMA, hidden_size=8, layer_classes=("LlamaDecoderLayer",))
BATCH = Batch(samples=2, tokens=3, logits=1, vocab_size=100)


def anatomy(*versions: str) -> Anatomy:
    wrappings = tuple(llama(8, 16, 40, 4, 10, version=it) for it in versions)
    return Anatomy(blocks=wrappings[0].others, experts=0, wrappings=wrappings)


@pytest.mark.parametrize(
    ("ranks", "gpus_per_node", "reason"),
    [
        (0, 8, "--ranks 0: must be at least 1"),
        (-3, 8, "--ranks -3: must be at least 1"),
        (8, 0, "--gpus-per-node 0: must be at least 1"),
        (12, 8, "--gpus-per-node 8: 12 ranks are no whole number of such nodes"),
    ],
)
def test_refuses_ranks_that_are_none_or_half_a_node(
    ranks: int, gpus_per_node: int, reason: str
) -> None:
    with pytest.raises(InvalidAnswerError) as caught:
        Cluster(ranks=ranks, gpus_per_node=gpus_per_node)
    assert str(caught.value) == reason


@pytest.mark.parametrize("ranks", [1, 3, 8, 64])
def test_takes_part_of_a_node_and_whole_ones(ranks: int) -> None:
    assert Cluster(ranks=ranks).gpus_per_node == 8


def test_plans_every_way_to_train() -> None:
    plan = plan_memory(BASE, anatomy("fsdp", "fsdp2"), Cluster(ranks=64), BATCH)
    ways = [
        *(("fsdp", "full_shard"), ("fsdp", "hybrid_shard"), ("fsdp", "no_shard")),
        ("fsdp2", "full_shard"),
    ]
    found = [
        (row.precision, row.lora, row.sharding.version, row.sharding.strategy)
        for row in plan.rows
    ]
    assert found == [
        (precision, lora, *way)
        for precision in PRECISIONS
        for lora in (False, True)
        for way in ways
    ]
    for row in plan.rows:
        wrappings = plan.adapted if row.lora else plan.full
        [model] = [it for it in wrappings if it.version == row.sharding.version]
        assert row.share == share(model, row.sharding, row.precision)


def test_counts_the_base_and_the_value_head_apart() -> None:
    made_of = anatomy("fsdp")
    plan = plan_memory(BASE, made_of, Cluster(ranks=2), BATCH)
    assert plan.elements == made_of.wrappings[0].elements
    assert plan.full[0].elements - plan.elements == 8 * 512 + 512 + 513 * 128 + 128
    assert plan.activations.kept == 6 * 2 * made_of.blocks[0].width() * 40
    assert plan.activations.logits == 2 * 100 * 4


def test_says_what_is_wrong_with_units_and_with_adapters() -> None:
    misspelt = replace(anatomy("fsdp2").wrappings[0], missing=("Layr",))
    made_of = replace(anatomy("fsdp"), wrappings=(misspelt,))
    lora = replace(LORA, is_float32=True)
    plan = plan_memory(BASE, made_of, Cluster(ranks=2), BATCH, lora)
    assert [it[:17] for it in plan.findings] == [
        "fsdp2: LlamaForCa",
        "fsdp2: with LoRA,",
    ]
    assert plan_memory(BASE, anatomy("fsdp2"), Cluster(ranks=2), BATCH).findings == ()
