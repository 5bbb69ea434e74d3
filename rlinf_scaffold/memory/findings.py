"""What is wrong with how FSDP wraps a model, or trains adapters: sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlinf_scaffold.memory.shares import COMPUTED, PRECISIONS, Precision
from rlinf_scaffold.memory.units import Lora, Wrapping
from rlinf_scaffold.spec import Base

_FLOAT32: Final = 4
_HALF: Final = 0.5
_SHOWN: Final = 3
_SETTING: Final = "fsdp_config.wrap_policy.transformer_layer_cls_to_wrap"
_PEFT: Final = "precision bf16 and a PEFT below 0.12, which keeps adapters in bf16"


def wrapping_findings(wrapping: Wrapping, base: Base) -> Iterator[str]:
    """Yield that classes are not there, and that units are too large to be gathered."""
    for name in wrapping.missing:
        does = "wraps nothing for it" if wrapping.shards_rows else "ends in an error"
        yield f"{wrapping.version}: {base.class_name} has no {name}, and RLinf {does}"
    if all(unit.kind == "Embedding" for unit in wrapping.others):
        yield (
            f"{wrapping.version}: no layer is wrapped, so every rank gathers the whole "
            f"model at once. Name {', '.join(base.layer_classes)} in {_SETTING}"
        )
    elif wrapping.root.elements > wrapping.elements * _HALF:
        yield _large_root(wrapping, base)


def _large_root(wrapping: Wrapping, base: Base) -> str:
    root = wrapping.root
    largest = sorted(root.parameters, key=lambda it: -it.elements)[:_SHOWN]
    unwrapped = [it for it in base.layer_classes if it not in wrapping.layers]
    advice = f". Name {', '.join(unwrapped)} in {_SETTING}" if unwrapped else ""
    return (
        f"{wrapping.version}: {root.elements / wrapping.elements:.0%} of the elements "
        "are in the root unit, which stays gathered for the whole step: "
        f"{', '.join(it.name for it in largest)}{advice}"
    )


def lora_findings(adapted: Wrapping, lora: Lora) -> Iterator[str]:
    """Yield in which precisions a version of FSDP ends in an error with LoRA."""
    refused = [it.name for it in PRECISIONS if _refuses(adapted, lora, it)]
    precisions = f"with LoRA, precision {' and '.join(refused)} ends in an error"
    if refused and adapted.shards_rows:
        yield (
            f"{adapted.version}: {precisions}: PEFT keeps adapters in float32, and a "
            f"unit that trains must be of one dtype. Choose precision 32, or {_PEFT}"
        )
    elif refused:
        yield (
            f"{adapted.version}: {precisions}: adapters are kept in float32, to which "
            "PEFT casts what they read, and computed in bf16. Choose "
            f"mixed_precision.param_dtype 32, or {_PEFT}"
        )


def _refuses(adapted: Wrapping, lora: Lora, precision: Precision) -> bool:
    kept = _FLOAT32 if lora.is_float32 else precision.kept
    if adapted.shards_rows:
        mixed = any(unit.is_mixed for unit in adapted.units)
        return mixed and precision.kept != kept
    return kept != COMPUTED
