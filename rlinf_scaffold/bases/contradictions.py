"""What a checkpoint says twice, and differently: in config.json, class and weights."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NoReturn, TypeAlias

from rlinf_scaffold.bases.autos import (
    causal_names,
    config_class,
    is_model_type,
    seeing_names,
)
from rlinf_scaffold.bases.checkpoints import FILE, Checkpoint, code_beside
from rlinf_scaffold.bases.facts import Built
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.values import UNKNOWN, Instance, configurations, is_plain
from rlinf_scaffold.bases.weights import Weights
from rlinf_scaffold.errors import UnsupportedBaseError, quoted
from rlinf_scaffold.spec import Base

# Says what a setting is.
Said: TypeAlias = Callable[[str], object]

_EMBEDDING: Final = re.compile(
    r"(.*\.)?(embed_tokens|wte|word_embeddings|embed_in|tok_embeddings)\.weight"
)
_HEAD: Final = re.compile(r"(.*\.)?(lm_head|embed_out)\.weight")
_NUMBERED: Final = re.compile(r"((?:[A-Za-z_]\w*\.)*)(\d{1,9})\d*\..*")
_SIZES: Final = (
    *("hidden_size", "vocab_size", "num_hidden_layers"),
    *("num_attention_heads", "num_key_value_heads"),
)
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
_UNREAD: Final = re.compile(r"[^/]*\.(safetensors|gguf|h5|msgpack)")
_NAMED: Final = 3
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
    read = built.interpreter.attribute
    for path, config in configurations(built.config):
        said, usually = partial(read, config), partial(read, _at(usual, path))
        where = f" in {path}" if path else ""
        _refuse_sizes(checkpoint.folder, where, said, usually)


def refuse_settings(checkpoint: Checkpoint, settings: Mapping[str, object]) -> None:
    """Refuse settings that contradict each other, whatever the defaults of their class.

    Raises:
        UnsupportedBaseError: names the settings, and what is wrong between them.
    """
    _refuse_sizes(checkpoint.folder, "", said_by(settings), lambda _: 1)


def said_by(settings: Mapping[str, object]) -> Said:
    """Return what settings alone say: of what is null they leave it to others."""
    given = {key: value for key, value in settings.items() if value is not None}
    return lambda name: given.get(name, UNKNOWN)


def refuse_weights(
    checkpoint: Checkpoint, base: Base, said: Said, weights: Weights
) -> None:
    """Refuse weights that are not there, or of other sizes than config.json says.

    Args:
        checkpoint: what they belong to.
        base: its sizes.
        said: what says how deep it is.
        weights: what they hold.

    Raises:
        UnsupportedBaseError: names a file, or a tensor and the setting it contradicts.
    """
    if weights.missing:
        if not checkpoint.is_fetched:
            files = _listed(weights.missing)
            reason = f"it lacks weights: {files}. Download them, or mend the link"
            _refuse(checkpoint.folder, reason)
        return
    wanted = (base.vocab_size, base.hidden_size)
    names = ("vocab_size", "hidden_size")
    for pattern in (_EMBEDDING, _HEAD):
        found = {
            name: tensor.shape
            for name, tensor in weights.tensors.items()
            if pattern.fullmatch(name) and len(tensor.shape) == len(wanted)
        }
        if found and wanted not in found.values():
            tensor, shape = next(iter(found.items()))
            pairs = zip(names, wanted, shape, strict=True)
            differ = [
                f"{key} {says}, which is not {has}"
                for key, says, has in pairs
                if says != has
            ]
            reason = f"{tensor} has the shape {shape}, and {FILE} says {differ[0]}"
            _refuse(checkpoint.folder, reason)
    _refuse_depth(checkpoint, said, weights)


def findings(
    checkpoint: Checkpoint, base: Base, weights: Weights | None
) -> Iterator[str]:
    """Yield what is odd about a checkpoint and yet no reason to refuse it."""
    for file, code in code_beside(checkpoint).items():
        yield f"{file} names code that loading it would run: {quoted(code)}"
    if weights is None:
        unread = [name for name in checkpoint.files if _UNREAD.fullmatch(name)]
        also = f", and not {_listed(unread)}" if unread else ""
        yield f"it has no weights: {FILE} alone was read{also}"
        return
    if weights.missing:
        yield f"weights are not there, and were not read: {_listed(weights.missing)}"
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
    if not is_model_type(library, said) and is_model_type(library, str(expected)):
        reason = (
            f"{FILE} has the model_type {quoted(said)}, which transformers does not "
        )
        _refuse(
            checkpoint.folder, f"{reason}know; that of {built.cls.name} is {expected!r}"
        )
    other = config_class(library, said)
    if other is None or other in library.lineage(own) or own in library.lineage(other):
        return
    reason = (
        f"{FILE} contradicts itself: its model_type {said!r} is that of {other.name}, and "
        f"its architecture {built.cls.name} is built on {own.name} ({expected!r})"
    )
    _refuse(checkpoint.folder, reason)


def _at(config: Instance, path: str) -> Instance | None:
    for name in filter(None, path.split(".")):
        below = config.attributes.get(name)
        if not isinstance(below, Instance):
            return None
        config = below
    return config


def _refuse_sizes(folder: str, where: str, said: Said, usual: Said) -> None:
    for name in _SIZES:
        value = said(name)
        if _size(usual, name) and is_plain(value) and not _size(said, name):
            reason = f"{name} {quoted(value)}, which is no positive integer"
            _refuse(folder, f"{FILE} says{where} {reason}")
    for reason in _misfits(said, usual):
        _refuse(folder, f"{FILE} contradicts itself{where}: {reason}")


def _size(said: Said, name: str) -> int:
    """Return a setting that is a positive integer; 0 where it is none."""
    value = said(name)
    return value if type(value) is int and value > 0 else 0


def _misfits(said: Said, usual: Said) -> Iterator[str]:
    """Yield the sizes that do not fit, of those that fit by default."""
    for part, whole in _DIVIDES:
        small, large = _size(said, part), _size(said, whole)
        usual_part, usual_whole = _size(usual, part), _size(usual, whole)
        fits_usually = usual_part and usual_whole and not usual_whole % usual_part
        if small and large and fits_usually and large % small:
            width = whole == "hidden_size" and _has_own_width(said, large, small)
            if not width:
                yield f"{whole} {large} is no multiple of {part} {small}"
    for part, whole in _AT_MOST:
        few, many = _size(said, part), _size(said, whole)
        if few and many and few > many:
            yield f"{part} {few} is more than {whole} {many}"
    rows, padding = _size(said, "vocab_size"), _size(said, "pad_token_id")
    if rows and padding >= rows:
        yield f"pad_token_id {padding} is none of vocab_size {rows}"
    kinds, depth = said("layer_types"), _size(said, "num_hidden_layers")
    if isinstance(kinds, list) and depth and len(kinds) != depth:
        yield f"layer_types has {len(kinds)} entries for num_hidden_layers {depth}"


def _has_own_width(said: Said, hidden_size: int, heads: int) -> bool:
    """Whether heads have a width that does not follow from the hidden size."""
    widths = map(said, _OWN_WIDTH)
    return any(type(it) is int and it != hidden_size // heads for it in widths)


def _refuse_depth(checkpoint: Checkpoint, said: Said, weights: Weights) -> None:
    """Refuse weights none of whose stacks is as deep as config.json says."""
    stacks: defaultdict[str, set[int]] = defaultdict(set)
    for name in weights.tensors:
        found = _NUMBERED.fullmatch(name)
        if found:
            stacks[found[1]].add(int(found[2]))
    if not stacks:
        named = _listed([quoted(name) for name in weights.tensors])
        _refuse(checkpoint.folder, f"its weights hold no layers, but {named}")
    depth = _size(said, "num_hidden_layers")
    allowed = {depth, *(depth + _size(said, name) for name in _MORE_LAYERS)}
    depths = {stack: max(numbers) + 1 for stack, numbers in stacks.items()}
    if depth and allowed.isdisjoint(depths.values()):
        stack = max(depths, key=lambda it: (depths[it], it))
        reason = (
            f"the weights have {depths[stack]} layers ({stack}*), and {FILE} says "
            f"num_hidden_layers {depth}"
        )
        _refuse(checkpoint.folder, reason)


def _listed(names: Sequence[str]) -> str:
    """Return the first of several names, and how many follow."""
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])}{f' and {more} more' if more > 0 else ''}"


def _refuse(given: str, reason: str) -> NoReturn:
    raise UnsupportedBaseError(given, reason)
