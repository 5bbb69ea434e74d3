"""What a checkpoint says twice, and differently: in config.json, class and weights."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NoReturn

from rlinf_scaffold.bases.autos import causal_names, config_class, seeing_names
from rlinf_scaffold.bases.checkpoints import FILE, Checkpoint
from rlinf_scaffold.bases.facts import Built
from rlinf_scaffold.bases.interpreter import Interpreter
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.values import Instance, is_config
from rlinf_scaffold.bases.weights import Weights
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.spec import Base

_EMBEDDING: Final = re.compile(
    r"(.*\.)?(embed_tokens|wte|word_embeddings|embed_in|tok_embeddings)\.weight"
)
_HEAD: Final = re.compile(r"(.*\.)?(lm_head|embed_out)\.weight")
_NUMBERED: Final = re.compile(r"((?:[A-Za-z_]\w*\.)*)(\d+)\..*")
# A size, and what must be a multiple of it.
_DIVIDES: Final = (
    ("num_attention_heads", "hidden_size"),
    ("num_key_value_heads", "num_attention_heads"),
)
_AT_MOST: Final = (
    ("num_experts_per_tok", "num_experts"),
    ("num_experts_per_tok", "num_local_experts"),
    ("num_experts_per_tok", "n_routed_experts"),
)
_OWN_WIDTH: Final = ("head_dim", "kv_channels", "attention_head_dim", "qk_head_dim")
_MORE_LAYERS: Final = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
# What torch calls the dtypes of safetensors.
DTYPES: Final = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"},
    **{"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "I64": "int64"},
    **{"I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"},
}


def refuse_config(
    library: Library, checkpoint: Checkpoint, built: Built, usual: Instance
) -> None:
    """Refuse a config.json that contradicts its class, or itself.

    Args:
        library: where configuration classes are found.
        checkpoint: what the config.json says.
        built: the class, built with that.
        usual: its configuration without settings, which tells which sizes must fit.

    Raises:
        UnsupportedBaseError: names the settings, and what is wrong between them.
    """
    _refuse_type(library, checkpoint, built)
    for path, config in _configs(built.config):
        default = _at(usual, path)
        for reason in _misfits(built.interpreter, config, default):
            where = f" in {path}" if path else ""
            _refuse(checkpoint.folder, f"{FILE} contradicts itself{where}: {reason}")


def refuse_weights(
    checkpoint: Checkpoint, base: Base, built: Built, weights: Weights
) -> None:
    """Refuse weights of other sizes than config.json says.

    Raises:
        UnsupportedBaseError: names a tensor, and the setting that it contradicts.
    """
    wanted = (base.vocab_size, base.hidden_size)
    names = ("vocab_size", "hidden_size")
    for pattern in (_EMBEDDING, _HEAD):
        found = {
            name: tensor.shape
            for name, tensor in weights.tensors.items()
            if pattern.fullmatch(name) and len(tensor.shape) == len(wanted)
        }
        if found and not weights.missing and wanted not in found.values():
            tensor, shape = next(iter(found.items()))
            pairs = zip(names, wanted, shape, strict=True)
            differ = [
                f"{key} {says}, not {has}" for key, says, has in pairs if says != has
            ]
            reason = f"{tensor} has the shape {shape}, and {FILE} says {differ[0]}"
            _refuse(checkpoint.folder, reason.replace(", not", ", which is not"))
    _refuse_depth(checkpoint, built, weights)


def findings(
    checkpoint: Checkpoint, base: Base, weights: Weights | None
) -> Iterator[str]:
    """Yield what is odd about a checkpoint and yet no reason to refuse it."""
    if weights is None:
        yield f"it has no weights: {FILE} alone was read"
        return
    if weights.missing:
        yield f"its index names files that are not there: {', '.join(weights.missing)}"
    said = checkpoint.settings.get("dtype", checkpoint.settings.get("torch_dtype"))
    main = DTYPES.get(weights.dtypes[0], weights.dtypes[0]) if weights.dtypes else said
    if isinstance(said, str) and said != main:
        yield f"{FILE} says {said}, and most bytes of the weights are {main}"
    has_head = any(_HEAD.fullmatch(name) for name in weights.tensors)
    if base.tie_word_embeddings and has_head:
        yield "embeddings are tied, and the weights hold a language head of their own"
    has_rows = any(_EMBEDDING.fullmatch(name) for name in weights.tensors)
    if not (base.tie_word_embeddings or has_head or weights.missing) and has_rows:
        yield "embeddings are not tied, and the weights hold no lm_head"


def _refuse_type(library: Library, checkpoint: Checkpoint, built: Built) -> None:
    """Refuse a model type whose configuration is of another family than the class's."""
    own = built.config_class
    expected = built.interpreter.class_value(own, "model_type")
    said = checkpoint.model_type
    below = checkpoint.settings.get("text_config")
    nested = below.get("model_type", expected) if isinstance(below, dict) else None
    if not said or expected in (said, nested, "", None) or checkpoint.remote:
        return
    if built.cls.name in (
        causal_names(library).get(said),
        seeing_names(library).get(said),
    ):
        return
    other = config_class(library, said)
    if other is None or not isinstance(expected, str):
        return
    if other in library.lineage(own) or own in library.lineage(other):
        return
    reason = (
        f"{FILE} contradicts itself: its model_type {said!r} is that of {other.name}, and "
        f"its architecture {built.cls.name} is built on {own.name} ({expected!r})"
    )
    _refuse(checkpoint.folder, reason)


def _configs(config: Instance, path: str = "") -> Iterator[tuple[str, Instance]]:
    yield path, config
    for name, value in config.attributes.items():
        if isinstance(value, Instance) and is_config(value):
            yield from _configs(value, f"{path}.{name}".strip("."))


def _at(config: Instance, path: str) -> Instance | None:
    for name in filter(None, path.split(".")):
        below = config.attributes.get(name)
        if not isinstance(below, Instance):
            return None
        config = below
    return config


def _misfits(
    interpreter: Interpreter, config: Instance, usual: Instance | None
) -> Iterator[str]:
    """Yield the sizes that do not fit, of those that fit by default."""

    def size(of: Instance | None, name: str) -> int | None:
        value = interpreter.attribute(of, name) if of is not None else None
        return value if type(value) is int and value > 0 else None

    for part, whole in _DIVIDES:
        small, large = size(config, part), size(config, whole)
        usual_part, usual_whole = size(usual, part), size(usual, whole)
        fits_usually = usual_part and usual_whole and not usual_whole % usual_part
        if small and large and fits_usually and large % small:
            width = whole == "hidden_size" and _has_own_width(config, large, small)
            if not width:
                yield f"{whole} {large} is no multiple of {part} {small}"
    for part, whole in _AT_MOST:
        few, many = size(config, part), size(config, whole)
        if few and many and few > many:
            yield f"{part} {few} is more than {whole} {many}"
    rows, padding = size(config, "vocab_size"), size(config, "pad_token_id")
    if rows and padding and padding >= rows:
        yield f"pad_token_id {padding} is none of vocab_size {rows}"
    kinds, depth = (
        config.attributes.get("layer_types"),
        size(config, "num_hidden_layers"),
    )
    if isinstance(kinds, list) and depth and len(kinds) != depth:
        yield f"layer_types has {len(kinds)} entries for num_hidden_layers {depth}"


def _has_own_width(config: Instance, hidden_size: int, heads: int) -> bool:
    """Whether heads have a width that does not follow from the hidden size."""
    widths = (config.attributes.get(name) for name in _OWN_WIDTH)
    return any(
        isinstance(width, int) and width != hidden_size // heads for width in widths
    )


def _refuse_depth(checkpoint: Checkpoint, built: Built, weights: Weights) -> None:
    """Refuse weights none of whose stacks is as deep as config.json says."""
    depth = built.interpreter.attribute(built.decoder, "num_hidden_layers")
    stacks: defaultdict[str, set[int]] = defaultdict(set)
    for name in weights.tensors:
        found = _NUMBERED.fullmatch(name)
        if found:
            stacks[found[1]].add(int(found[2]))
    if type(depth) is not int or not stacks or weights.missing:
        return
    more = [built.interpreter.attribute(built.decoder, name) for name in _MORE_LAYERS]
    allowed = {depth, *(depth + n for n in more if type(n) is int)}
    depths = {stack: max(numbers) + 1 for stack, numbers in stacks.items()}
    if allowed.isdisjoint(depths.values()):
        stack = max(depths, key=lambda it: (depths[it], it))
        reason = (
            f"the weights have {depths[stack]} layers ({stack}*), and {FILE} says "
            f"num_hidden_layers {depth}"
        )
        _refuse(checkpoint.folder, reason)


def _refuse(given: str, reason: str) -> NoReturn:
    raise UnsupportedBaseError(given, reason)
