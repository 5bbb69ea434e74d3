"""What a rank holds of a model that FSDP shards: bytes, from shapes alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rlinf_scaffold.memory.units import Parameter, Unit, Wrapping

COMPUTED: Final = 2  # bytes of each number in a forward or backward pass: bf16
_FLOAT32: Final = 4
_ADAM: Final = 2  # running means of the gradient and of its square


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """In which dtypes a model is trained.

    Attributes:
        name: RLinf's word for the dtype that weights have.
        kept: bytes of each weight, gradient and running mean of Adam.
        meaning: one line for people.
    """

    name: str
    kept: int
    meaning: str


PRECISIONS: Final = (
    Precision(
        name="bf16",
        kept=2,
        meaning="weights, gradients and Adam's means in bf16, as new-model writes it",
    ),
    Precision(
        name="fp32",
        kept=4,
        meaning="weights, gradients and Adam's means in fp32, computed in bf16 "
        "(actor.model.precision 32, mixed_precision.param_dtype bf16)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharding:
    """Over how many ranks FSDP shards.

    Attributes:
        strategy: what RLinf calls it.
        version: ``fsdp`` or ``fsdp2``.
        shards: into how many parts; 1 is none.
    """

    strategy: str
    version: str
    shards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a rank computes at once.

    Attributes:
        samples: size of a micro batch.
        tokens: of each sample.
        logits: positions of each sample that the head computes logits of.
        vocab_size: how many logits each.
    """

    samples: int
    tokens: int
    logits: int
    vocab_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activations:
    """What a micro batch leaves behind for the backward pass, in bytes.

    Attributes:
        kept: by the layers.
        checkpointed: by the layers with gradient checkpointing: what each reads, and
            all of one layer.
        logits: by the head, whether checkpointed or not.
    """

    kept: int
    checkpointed: int
    logits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one rank holds at the peak of a training step, in bytes.

    Attributes:
        parameters: its part of the weights.
        gradients: its part of their gradients.
        optimizer: Adam's means for its part.
        gathered: whole units: the root, and two more where the next is fetched early.
        unreduced: whole gradients of the root and of one more unit.
    """

    parameters: int
    gradients: int
    optimizer: int
    gathered: int
    unreduced: int

    @property
    def total(self) -> int:
        """All of it."""
        held = self.parameters + self.gradients + self.optimizer
        return held + self.gathered + self.unreduced


def shardings(version: str, ranks: int, gpus_per_node: int) -> tuple[Sharding, ...]:
    """Return the ways in which RLinf shards with a version of FSDP."""
    if version == "fsdp2":
        return (Sharding(strategy="full_shard", version=version, shards=ranks),)
    node = min(ranks, gpus_per_node)
    parts = {"full_shard": ranks, "hybrid_shard": node, "no_shard": 1}
    return tuple(
        Sharding(strategy=strategy, version=version, shards=shards)
        for strategy, shards in parts.items()
    )


def share(wrapping: Wrapping, sharding: Sharding, precision: Precision) -> Share:
    """Return what the fullest rank holds of a model."""
    parameters = gradients = optimizer = 0
    for held, elements in _held(wrapping, sharding.shards):
        size = elements * (_FLOAT32 if held.is_float32 else precision.kept)
        parameters += size
        if held.trains:
            gradients += size
            optimizer += _ADAM * size
    gathered, unreduced = _transient(wrapping, sharding, precision)
    return Share(
        parameters=parameters,
        gradients=gradients,
        optimizer=optimizer,
        gathered=gathered * COMPUTED,
        unreduced=unreduced * COMPUTED,
    )


def activations(blocks: Sequence[Unit], batch: Batch, experts: int = 0) -> Activations:
    """Return an estimate of what a micro batch leaves behind.

    Args:
        blocks: the layers; each is taken to see as many tokens as the batch has.
        batch: the micro batch.
        experts: how many of several alike layers a token goes through; 0 is all.
    """
    tokens = batch.samples * batch.tokens
    numbers = tokens * COMPUTED
    widths = [block.width(experts) for block in blocks]
    counts = [block.count for block in blocks]
    inputs = sum(block.hidden * block.count for block in blocks)
    positions = batch.samples * min(batch.logits, batch.tokens)
    return Activations(
        kept=numbers * sum(map(int.__mul__, widths, counts)),
        checkpointed=numbers * (inputs + max(widths, default=0)),
        logits=positions * batch.vocab_size * _FLOAT32,
    )


def local_elements(wrapping: Wrapping, shards: int) -> int:
    """Return how many numbers the fullest of several ranks holds."""
    return sum(elements for _, elements in _held(wrapping, shards))


def _held(wrapping: Wrapping, shards: int) -> Iterator[tuple[Parameter, int]]:
    """Yield how much of each parameter the fullest rank holds.

    FSDP 2 deals out the rows of each parameter. FSDP 1 cuts a unit, which is all alike,
    into equal parts: the last is padded.
    """
    for unit in wrapping.units:
        if wrapping.shards_rows:
            for it in unit.parameters:
                part = it.elements // it.rows * -(-it.rows // shards)
                yield it, part * unit.count
        elif unit.elements:
            yield unit.parameters[0], -(-unit.elements // shards) * unit.count


def _transient(
    wrapping: Wrapping, sharding: Sharding, precision: Precision
) -> tuple[int, int]:
    """Return how many numbers are gathered at once, and how many gradients are whole."""
    if sharding.shards == 1 and precision.kept == COMPUTED:
        return 0, 0
    root, others = wrapping.root, wrapping.others
    gathered = root.elements + sum(_largest(others, trainable=False)[:2])
    if sharding.shards == 1:
        return gathered, 0
    return gathered, root.trainable + sum(_largest(others, trainable=True)[:1])


def _largest(units: Sequence[Unit], *, trainable: bool) -> list[int]:
    """Return the sizes of units, or of what trains in them, the largest first."""
    sizes = (
        size
        for unit in units
        for size in [unit.trainable if trainable else unit.elements]
        * min(unit.count, 2)
    )
    return sorted(sizes, reverse=True)
