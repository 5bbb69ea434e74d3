"""Units of small models, as FSDP would make them."""

from __future__ import annotations

from collections.abc import Sequence

from rlinf_scaffold.memory.units import Lora, Parameter, Unit, Wrapping

LORA = Lora(
    targets=frozenset(
        {
            *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj"),
            *("down_proj", "lm_head"),
        }
    ),
    rank=4,
    is_float32=False,
)


def matrix(name: str, *shape: int, count: int = 1) -> Parameter:
    return Parameter(name=f"{name}.weight", shape=shape, count=count)


def unit(
    name: str, *parameters: Parameter, kind: str = "Layer", count: int = 1
) -> Unit:
    return Unit(name=name, kind=kind, parameters=parameters, count=count)


def wrapping(
    *units: Unit,
    version: str = "fsdp",
    layers: Sequence[str] = ("Layer",),
    missing: Sequence[str] = (),
) -> Wrapping:
    return Wrapping(
        version=version, layers=tuple(layers), missing=tuple(missing), units=units
    )


def llama(
    hidden: int, inner: int, layers: int, keys: int, vocabulary: int, version: str
) -> Wrapping:
    """Return the units of a Llama of these sizes."""
    layer = unit(
        "model.layers.*",
        matrix("self_attn.q_proj", hidden, hidden),
        matrix("self_attn.k_proj", keys, hidden),
        matrix("self_attn.v_proj", keys, hidden),
        matrix("self_attn.o_proj", hidden, hidden),
        matrix("mlp.gate_proj", inner, hidden),
        matrix("mlp.up_proj", inner, hidden),
        matrix("mlp.down_proj", hidden, inner),
        matrix("input_layernorm", hidden),
        matrix("post_attention_layernorm", hidden),
        kind="LlamaDecoderLayer",
        count=layers,
    )
    embedding = matrix("model.embed_tokens", vocabulary, hidden)
    others = (matrix("model.norm", hidden), matrix("lm_head", vocabulary, hidden))
    kind = "LlamaForCausalLM"
    if version == "fsdp":
        units = [unit("", embedding, *others, kind=kind), layer]
    else:
        table = Parameter(name="weight", shape=embedding.shape)
        embedded = unit("model.embed_tokens", table, kind="Embedding")
        units = [embedded, layer, unit("", *others, kind=kind)]
    return wrapping(*units, version=version, layers=("LlamaDecoderLayer",))
