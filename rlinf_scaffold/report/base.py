"""What `inspect --base` found, for people and as plain data; the keys are a contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rlinf_scaffold.errors import printable
from rlinf_scaffold.memory.units import lora_elements
from rlinf_scaffold.report.quantities import byte_words, count_words

if TYPE_CHECKING:
    from rlinf_scaffold.bases.provenance import Fact, Value
    from rlinf_scaffold.commands.inspect_base import BaseInspection
    from rlinf_scaffold.memory.plan import Plan, Row
    from rlinf_scaffold.memory.units import Lora, Unit, Wrapping
    from rlinf_scaffold.spec import Base

_ROOT = "(root)"
_WORDS = 2
_ASSUMPTIONS = (
    "gathered: the root, the two largest other units, and the gradients of the root and "
    "of one more, whole and in bf16; FSDP may run ahead without limit_all_gathers",
    "what layers leave is an estimate for attention that keeps no scores: per token in "
    "bf16 what the linear layers read and write, and eight times the hidden size; if "
    "checkpointed what each layer reads, and all of one layer",
    "LoRA: adapters of rank 32, in fp32 from PEFT 0.12 on, else in the weights' dtype",
    "not counted: what CUDA, NCCL and the allocator take, and the rollout's own copy",
)


def base_text(inspection: BaseInspection) -> RenderableType:
    """Return what a base is, and the plan of its memory if there is one."""
    parts: list[RenderableType] = [_head(inspection.base), _facts(inspection.facts)]
    parts.extend(_finding(it) for it in inspection.findings)
    if inspection.refused:
        parts.append(_finding(f"new-model refuses it: {inspection.refused}"))
    if inspection.memory is not None:
        parts.extend(_memory(inspection.memory))
    return Group(*parts)


def _head(base: Base) -> RenderableType:
    given = printable(base.checkpoint or f"the defaults of {base.config_class}")
    return Text.assemble((base.class_name, "bold"), f" ({base.model_type}), {given}")


def _facts(facts: Sequence[Fact]) -> RenderableType:
    """Return a row for each fact: what it is, its value, and where it comes from."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for fact in facts:
        value, source = printable(_words(fact.value)), printable(fact.source)
        found = Text.assemble(value, (f"  ({source})", "dim"))
        table.add_row(Text(fact.name.replace("_", " ")), found)
    return Padding(table, (0, 0, 0, 2), expand=False)


def _finding(sentence: str) -> RenderableType:
    return Text(f"! {printable(sentence)}", style="yellow")


def _words(value: Value) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key or _ROOT}: {found}" for key, found in value.items())
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return f"{value:,}" if isinstance(value, int) else value


def _memory(plan: Plan) -> Iterator[RenderableType]:
    for full, adapted in zip(plan.full, plan.adapted, strict=True):
        yield Text.assemble(
            (f"\nUnits of {full.version}", "bold"),
            f": {full.elements:,} elements, {plan.elements:,} of them the base's; "
            f"with LoRA {adapted.trainable:,} train",
        )
        yield _units_table(full, plan.lora)
    yield from _findings(plan.findings)
    cluster = plan.cluster
    nodes = f", {cluster.gpus_per_node} on each node" if cluster.ranks > 1 else ""
    yield Text(f"\nMemory of each rank, {cluster.ranks} in all{nodes}", style="bold")
    for precision in dict.fromkeys(row.precision for row in plan.rows):
        yield Text(f"\n{precision.name}: {precision.meaning}")
        yield _rows_table([it for it in plan.rows if it.precision == precision], plan)
    yield Text()
    yield from map(_item, (*_batch(plan), *_ASSUMPTIONS))


def _batch(plan: Plan) -> Iterator[str]:
    batch, left = plan.batch, plan.activations
    yield (
        f"in all: a micro batch of {batch.samples} samples of {batch.tokens} tokens "
        f"leaves {byte_words(left.kept)} in the layers, or "
        f"{byte_words(left.checkpointed)} if checkpointed, and its logits are "
        f"{byte_words(left.logits)}: {batch.logits} positions of each sample, in fp32"
    )


def _findings(sentences: Sequence[str]) -> Iterator[RenderableType]:
    if sentences:
        yield Text()
    yield from map(_finding, sentences)


def _units_table(wrapping: Wrapping, lora: Lora) -> Table:
    table = _table("unit", "class", "units", "elements", "of all", "LoRA")
    for unit in wrapping.units:
        part = unit.elements * unit.count / wrapping.elements
        table.add_row(
            Text(unit.name or _ROOT),
            Text(unit.kind),
            str(unit.count),
            count_words(unit.elements),
            f"{part:.1%}",
            count_words(lora_elements(unit, lora)),
        )
    return table


def _rows_table(rows: Sequence[Row], plan: Plan) -> Table:
    table = _table(
        *("sharding", "trains", "weights", "grads", "Adam", "gathered", "in all"),
        "check-\npointed",
    )
    left = plan.activations
    for row in rows:
        share, way = row.share, row.sharding
        sizes = (
            *(share.parameters, share.gradients, share.optimizer),
            share.gathered + share.unreduced,
            share.total + left.kept + left.logits,
            share.total + left.checkpointed + left.logits,
        )
        name = way.strategy if way.version == "fsdp" else way.version
        table.add_row(name, "LoRA" if row.lora else "all", *map(byte_words, sizes))
    return table


def _table(*headings: str) -> Table:
    """Return a table of numbers behind two columns of words."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, heading in enumerate(headings):
        words = at < _WORDS
        table.add_column(
            heading,
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=not words,
        )
    return table


def _item(sentence: str) -> RenderableType:
    return Padding(Text(f"- {sentence}"), (0, 0, 0, 2), expand=False)


def base_document(inspection: BaseInspection) -> Mapping[str, object]:
    """Return what a base is, and the plan of its memory or null.

    ``base`` holds the facts of ``new-model``'s document; ``facts`` all that was found:
    for each key its ``value`` and where it comes from, ``from``; ``findings`` what is odd
    about a checkpoint, sentences; ``refused`` why `new-model` refuses it, or null.
    `docs/inspect-base.schema.json` says what each is. ``memory`` holds

    - ``ranks``, ``gpus_per_node`` and ``batch``: what is planned for;
    - ``elements``: numbers that the base holds, without a value head;
    - ``findings``: what is wrong with how it is wrapped or trained, sentences;
    - ``wrappings``: for each version of FSDP the ``layers`` to wrap, all ``elements``,
      those that train with LoRA, and the ``units``: ``count`` of them with a ``name``
      (empty for the root), a ``class``, and the elements of one;
    - ``activation_bytes``: what a micro batch leaves on any rank, whatever is sharded:
      in layers, in layers if checkpointed, and of logits;
    - ``plans``: for each precision, sharding and whether LoRA trains, the ``bytes`` that
      the fullest rank holds besides; ``total`` sums the others.
    """
    checkout, plan = inspection.checkout, inspection.memory
    return {
        "checkout": str(checkout.root) if checkout else None,
        "base": asdict(inspection.base),
        "facts": {
            it.name: {"value": it.value, "from": it.source} for it in inspection.facts
        },
        "findings": list(inspection.findings),
        "refused": inspection.refused or None,
        "memory": _memory_document(plan) if plan else None,
    }


def _memory_document(plan: Plan) -> Mapping[str, object]:
    return {
        **asdict(plan.cluster),
        "batch": asdict(plan.batch),
        "elements": plan.elements,
        "findings": list(plan.findings),
        "wrappings": [
            {
                "version": full.version,
                "layers": list(full.layers),
                "elements": full.elements,
                "lora_elements": adapted.trainable,
                "units": [_unit_document(unit, plan.lora) for unit in full.units],
            }
            for full, adapted in zip(plan.full, plan.adapted, strict=True)
        ],
        "activation_bytes": asdict(plan.activations),
        "plans": [_row_document(row) for row in plan.rows],
    }


def _unit_document(unit: Unit, lora: Lora) -> Mapping[str, object]:
    return {
        "name": unit.name,
        "class": unit.kind,
        "count": unit.count,
        "elements": unit.elements,
        "lora_elements": lora_elements(unit, lora),
    }


def _row_document(row: Row) -> Mapping[str, object]:
    return {
        "precision": row.precision.name,
        "version": row.sharding.version,
        "strategy": row.sharding.strategy,
        "shards": row.sharding.shards,
        "lora": row.lora,
        "bytes": {**asdict(row.share), "total": row.share.total},
    }
