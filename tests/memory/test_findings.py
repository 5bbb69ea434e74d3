from __future__ import annotations

from dataclasses import replace

import pytest
from trees import LLAMA
from units import llama, matrix, unit, wrapping

from rlinf_scaffold.memory.findings import lora_findings, wrapping_findings
from rlinf_scaffold.memory.units import Lora, Wrapping, with_lora, with_value_head

BASE = replace(LLAMA, layer_classes=("Layer", "Block"))
SMALL = unit("", matrix("norm", 4))
LARGE = unit("", matrix("norm", 4), matrix("embed", 90, 4), matrix("head", 90, 4))
LAYER = unit("layers.*", matrix("q", 8, 8))
EMBEDDING = unit("embed", matrix("weight", 90, 4), kind="Embedding")
SETTING = "fsdp_config.wrap_policy.transformer_layer_cls_to_wrap"
WHOLE = (
    "no layer is wrapped, so every rank gathers the whole model at once. Name Layer, "
    f"Block in {SETTING}"
)
WRAPPINGS = {
    "layers": (wrapping(SMALL, LAYER), []),
    "layers and embeddings": (wrapping(SMALL, LAYER, EMBEDDING, version="fsdp2"), []),
    "one unit": (wrapping(LARGE, layers=()), [f"fsdp: {WHOLE}"]),
    "one unit but for embeddings": (
        wrapping(SMALL, EMBEDDING, version="fsdp2"),
        [f"fsdp2: {WHOLE}"],
    ),
    "a class that is not there": (
        wrapping(SMALL, LAYER, missing=("Lyer",)),
        ["fsdp: LlamaForCausalLM has no Lyer, and RLinf ends in an error"],
    ),
    "a class that is not there in fsdp2": (
        wrapping(SMALL, LAYER, missing=("Lyer",), version="fsdp2"),
        ["fsdp2: LlamaForCausalLM has no Lyer, and RLinf wraps nothing for it"],
    ),
    "too few layers": (
        wrapping(LARGE, LAYER),
        [
            "fsdp: 92% of the elements are in the root unit, which stays gathered for "
            "the whole step: embed.weight, head.weight, norm.weight. Name Block in "
            f"{SETTING}"
        ],
    ),
    "large embeddings": (
        wrapping(LARGE, LAYER, layers=("Block", "Layer")),
        [
            "fsdp: 92% of the elements are in the root unit, which stays gathered for "
            "the whole step: embed.weight, head.weight, norm.weight"
        ],
    ),
}


@pytest.mark.parametrize(("model", "said"), WRAPPINGS.values(), ids=WRAPPINGS)
def test_says_which_units_are_too_large(model: Wrapping, said: list[str]) -> None:
    assert list(wrapping_findings(model, BASE)) == said


REMEDY = "or precision bf16 and a PEFT below 0.12, which keeps adapters in bf16"
FSDP = (
    "fsdp: with LoRA, precision {} ends in an error: adapters are kept in float32, to "
    "which PEFT casts what they read, and computed in bf16. Choose "
    f"mixed_precision.param_dtype 32, {REMEDY}"
)
FSDP2 = (
    "fsdp2: with LoRA, precision bf16 ends in an error: PEFT keeps adapters in float32, "
    f"and a unit that trains must be of one dtype. Choose precision 32, {REMEDY}"
)


@pytest.mark.parametrize(
    ("version", "target", "is_float32", "said"),
    [
        ("fsdp2", "q_proj", False, []),
        ("fsdp2", "lm_head", False, []),
        ("fsdp2", "q_proj", True, []),
        ("fsdp2", "lm_head", True, [FSDP2]),
        ("fsdp", "q_proj", False, [FSDP.format("fp32")]),
        ("fsdp", "q_proj", True, [FSDP.format("bf16 and fp32")]),
    ],
)
def test_says_where_dtypes_of_adapters_do_not_fit(
    version: str, target: str, is_float32: bool, said: list[str]
) -> None:
    lora = Lora(targets=frozenset({target}), rank=4, is_float32=is_float32)
    model = with_value_head(llama(8, 16, 2, 4, 10, version=version), 8)
    assert list(lora_findings(with_lora(model, lora), lora)) == said
