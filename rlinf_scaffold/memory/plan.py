"""A plan of the memory of each rank: every way to shard and to train, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rlinf_scaffold.errors import InvalidAnswerError
from rlinf_scaffold.memory.anatomy import Anatomy
from rlinf_scaffold.memory.findings import lora_findings, wrapping_findings
from rlinf_scaffold.memory.shares import (
    PRECISIONS,
    Activations,
    Batch,
    Precision,
    Sharding,
    Share,
    activations,
    shardings,
    share,
)
from rlinf_scaffold.memory.units import Lora, Wrapping, with_lora, with_value_head
from rlinf_scaffold.spec import Base

# What RLinf's loader adapts, with what a new model's settings say.
LORA: Final = Lora(
    targets=frozenset(
        {
            *("proj", "qkv", "fc1", "fc2", "q", "kv", "fc3", "out_proj", "q_proj"),
            *("k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
            "lm_head",
        }
    ),
    rank=32,
    is_float32=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a model is trained on.

    Attributes:
        ranks: processes, each with a GPU.
        gpus_per_node: ranks of each node, over which hybrid_shard shards.
    """

    ranks: int
    gpus_per_node: int = 8

    def __post_init__(self) -> None:
        for option, value in (
            ("--ranks", self.ranks),
            ("--gpus-per-node", self.gpus_per_node),
        ):
            at_least_one(option, value)
        if self.ranks > self.gpus_per_node and self.ranks % self.gpus_per_node:
            reason = f"{self.ranks} ranks are no whole number of such nodes"
            raise InvalidAnswerError("--gpus-per-node", self.gpus_per_node, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to train a model.

    Attributes:
        precision: in which dtypes.
        sharding: over which ranks.
        lora: whether adapters train, and not the weights.
        share: what a rank holds then.
    """

    precision: Precision
    sharding: Sharding
    lora: bool
    share: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What each rank needs of memory.

    Attributes:
        cluster: the ranks.
        batch: what one of them computes at once.
        elements: numbers that the base holds.
        activations: what that leaves behind.
        lora: what LoRA adds.
        full: the units by version of FSDP, where all weights train.
        adapted: the same with LoRA's adapters.
        rows: each way to train.
        findings: what is wrong with how the model is wrapped or trained, a sentence each.
    """

    cluster: Cluster
    batch: Batch
    elements: int
    activations: Activations
    lora: Lora
    full: tuple[Wrapping, ...]
    adapted: tuple[Wrapping, ...]
    rows: tuple[Row, ...]
    findings: tuple[str, ...]


def at_least_one(option: str, value: int) -> None:
    """Refuse a number of things that is none.

    Raises:
        InvalidAnswerError: it is less than one.
    """
    if value < 1:
        raise InvalidAnswerError(option, value, "must be at least 1")


def plan_memory(
    base: Base,
    anatomy: Anatomy,
    cluster: Cluster,
    batch: Batch,
    lora: Lora = LORA,
) -> Plan:
    """Return what each rank needs of memory for a policy with a value head on a base."""
    full = tuple(with_value_head(it, base.hidden_size) for it in anatomy.wrappings)
    adapted = tuple(with_lora(it, lora) for it in full)
    return Plan(
        cluster=cluster,
        batch=batch,
        elements=anatomy.wrappings[0].elements,
        activations=activations(anatomy.blocks, batch, anatomy.experts),
        lora=lora,
        full=full,
        adapted=adapted,
        rows=tuple(_rows(full, adapted, cluster)),
        findings=(
            *(text for it in anatomy.wrappings for text in wrapping_findings(it, base)),
            *(text for it in adapted for text in lora_findings(it, lora)),
        ),
    )


def _rows(
    full: tuple[Wrapping, ...], adapted: tuple[Wrapping, ...], cluster: Cluster
) -> Iterator[Row]:
    for precision in PRECISIONS:
        for lora, wrappings in ((False, full), (True, adapted)):
            for it in wrappings:
                ways = shardings(it.version, cluster.ranks, cluster.gpus_per_node)
                for sharding in ways:
                    yield Row(
                        precision=precision,
                        sharding=sharding,
                        lora=lora,
                        share=share(it, sharding, precision),
                    )
