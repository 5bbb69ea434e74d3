"""All that was found of a base, each fact with where it comes from; for people."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rlinf_scaffold.bases import Reading
from rlinf_scaffold.bases.adapters import lora_fact
from rlinf_scaffold.bases.autos import tokenizer_row
from rlinf_scaffold.bases.checkpoints import FILE, Checkpoint, parse_json
from rlinf_scaffold.bases.contradictions import DTYPES
from rlinf_scaffold.bases.facts import Built
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.names import Named
from rlinf_scaffold.bases.parts import instances, parts
from rlinf_scaffold.bases.provenance import Fact, Places, Value, source_of_setting
from rlinf_scaffold.bases.towers import decoder_path, projectors, towers
from rlinf_scaffold.bases.traits import cache_fact, padding_fact
from rlinf_scaffold.bases.values import Instance, Made, is_config, options_of
from rlinf_scaffold.bases.weights import Weights
from rlinf_scaffold.spec import Base

CATALOGUE: Final = "the shipped catalogue"
_SIZES: Final = (
    *("hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "intermediate_size"),
    "max_position_embeddings",
)
_LINEAR: Final = {
    "torch.nn.Linear": "nn.Linear",
    "transformers.pytorch_utils.Conv1D": "Conv1D",
}
_TOKENS: Final = ("_token_id", "_token_index")
# Classes that files beside config.json name: the fact, the file, and its key.
_BESIDE: Final = (
    ("processor", "processor_config.json", "processor_class"),
    ("processor", "preprocessor_config.json", "processor_class"),
    ("image_processor", "preprocessor_config.json", "image_processor_type"),
    ("tokenizer", "tokenizer_config.json", "tokenizer_class"),
)


def portray(reading: Reading, search_path: Sequence[Path]) -> tuple[Fact, ...]:
    """Return the facts of a base in the order in which they are read.

    Args:
        reading: what was read.
        search_path: the folders that packages lie in, from which files are named.
    """
    if reading.built is None or reading.named is None:
        return tuple(_shipped(reading.base))
    places = Places(tuple(search_path))
    built, named, base = reading.built, reading.named, reading.base
    found = [
        *_classes(places, named, built, base),
        *_settings(places, named, built, base),
        *_processing(places, named, base),
        *_layers(places, named, built, base),
        cache_fact(places, built),
        padding_fact(places, built),
        _inputs(places, built),
        *(
            _weights(reading.weights)
            if reading.weights and reading.weights.files
            else ()
        ),
        *(_code(named, reading.checkpoint) if reading.checkpoint else ()),
    ]
    return tuple(found)


def _shipped(base: Base) -> Iterator[Fact]:
    source = (
        f"{FILE} of {base.checkpoint}, over {CATALOGUE}"
        if base.checkpoint
        else CATALOGUE
    )
    plain: Mapping[str, Value] = {
        "class": f"{base.module}.{base.class_name}",
        "config_class": f"{base.config_module}.{base.config_class}",
        "model_type": base.model_type,
        "modality": base.modality,
        "hidden_size": base.hidden_size,
        "vocab_size": base.vocab_size,
        "tie_word_embeddings": base.tie_word_embeddings,
        "decoder_layers": tuple(_decoder_layers(base)),
        "vision_layers": base.vision_layer_classes,
        "linear_layers": base.lora_targets,
        "inputs": base.forward_arguments,
    }
    for name, value in plain.items():
        yield Fact(name, value, source)


def _classes(places: Places, named: Named, built: Built, base: Base) -> Iterator[Fact]:
    place = places.of_class(built.cls)
    yield Fact("class", f"{base.module}.{base.class_name}", f"{named.how}; {place}")
    where = places.of_class(built.config_class)
    yield Fact("config_class", f"{base.config_module}.{base.config_class}", where)
    below = {
        name: value.cls
        for name, value in built.config.attributes.items()
        if isinstance(value, Instance) and is_config(value)
    }
    if below:
        sources = dict.fromkeys(places.of_class(cls) for cls in below.values())
        names = {name: cls.name for name, cls in below.items()}
        yield Fact("sub_configs", names, ", ".join(sources))
    yield Fact("model_type", base.model_type, where)
    yield Fact("modality", base.modality, f"inputs of forward, {place}")
    yield from _parts(places, built)


def _parts(places: Places, built: Built) -> Iterator[Fact]:
    decoder, seeing = decoder_path(built), towers(built)
    if not seeing:
        return
    kinds = {part.cls.name: part.cls for part in instances(built.model)}
    for name, found in (
        ("text_part", {decoder: _class_at(built, decoder)}),
        ("towers", seeing),
        ("projectors", projectors(built)),
    ):
        known = [kinds[kind] for kind in found.values() if kind in kinds]
        source = ", ".join(dict.fromkeys(places.of_class(cls) for cls in known))
        if found:
            yield Fact(name, found, source or places.of_class(built.cls))


def _class_at(built: Built, path: str) -> str:
    part: object = built.model
    for name in filter(None, path.split(".")):
        below = part.attributes[name] if isinstance(part, Instance) else None
        part = next((it for it in options_of(below) if isinstance(it, Instance)), None)
    return part.cls.name if isinstance(part, Instance) else built.cls.name


def _settings(places: Places, named: Named, built: Built, base: Base) -> Iterator[Fact]:
    """Yield sizes of the configuration that decodes, tying, and special tokens."""

    def source(name: str, path: str) -> str:
        return source_of_setting(places, built, named.settings, path, name)

    for name in _SIZES:
        value = built.interpreter.attribute(built.decoder, name)
        if type(value) is int:
            yield Fact(name, value, source(name, built.path))
    tied = "tie_word_embeddings"
    decisive = "" if _read(built, "", tied) is base.tie_word_embeddings else built.path
    yield Fact(tied, base.tie_word_embeddings, source(tied, decisive))
    tokens = dict(_tokens(built))
    if tokens:
        sources = (_file_of(source(name, path)) for name, (path, _) in tokens.items())
        values = {name: value for name, (_, value) in tokens.items()}
        yield Fact("special_tokens", values, ", ".join(dict.fromkeys(sources)))


def _tokens(built: Built) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield special tokens by name, with the path of the configuration and the id."""
    for path, config in (("", built.config), (built.path, built.decoder)):
        for name, value in config.attributes.items():
            if str(name).endswith(_TOKENS) and type(value) is int:
                yield name, (path, value)


def _read(built: Built, path: str, name: str) -> object:
    config = built.decoder if path else built.config
    return built.interpreter.attribute(config, name)


def _file_of(source: str) -> str:
    """Return a source without its line or key."""
    return source.rpartition(":")[0]


def _processing(places: Places, named: Named, base: Base) -> Iterator[Fact]:
    """Yield what makes inputs: what files beside config.json name, else the tables."""
    found = dict(_beside(named.checkpoint)) if named.checkpoint else {}
    cls = (
        named.library.find_class(base.processor_class) if base.processor_class else None
    )
    if cls is not None:
        place = places.of_class(cls)
        table = f"transformers' table of processors, {place}"
        found.setdefault("processor", Fact("processor", cls.name, table))
        for name, value in base.processor.parts if base.processor else ():
            if value and name != "tokenizer":
                found.setdefault(
                    name, Fact(name, value, f"part of {cls.name}, {place}")
                )
    found.setdefault("tokenizer", _tokenizer(places, named.library, base.model_type))
    yield from found.values()


def _tokenizer(places: Places, library: Library, model_type: str) -> Fact:
    row = tokenizer_row(library, model_type)
    if row is None:
        why = "transformers' table of tokenizers has no row: tokenizer_config.json says it"
        return Fact("tokenizer", None, why)
    module, node = row
    place = places.of(module, node.lineno)
    names = tuple(dict.fromkeys(_texts(node)))
    return Fact("tokenizer", names, f"transformers' table of tokenizers, {place}")


def _texts(node: ast.expr) -> list[str]:
    """Return the strings in an expression, as they stand one after the other."""
    parts = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
    parts.sort(key=lambda part: (part.lineno, part.col_offset))
    return [part.value for part in parts if isinstance(part.value, str)]


def _beside(checkpoint: Checkpoint) -> Iterator[tuple[str, Fact]]:
    for name, file, key in reversed(_BESIDE):
        said = _value(checkpoint.path / file, key)
        if said:
            yield name, Fact(name, said, f"{file}: {key}")


def _value(path: Path, key: str) -> str:
    try:
        parsed = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return ""
    value = parsed.get(key) if isinstance(parsed, dict) else None
    return value if isinstance(value, str) else ""


def _layers(places: Places, named: Named, built: Built, base: Base) -> Iterator[Fact]:
    kinds = {part.cls.name: part.cls for part in instances(built.model)}
    for name, layers in (
        ("decoder_layers", tuple(_decoder_layers(base))),
        ("vision_layers", base.vision_layer_classes),
    ):
        if layers:
            where = (places.of_class(kinds[it]) for it in layers if it in kinds)
            yield Fact(name, layers, ", ".join(dict.fromkeys(where)))
    linear = f"{_linear(built, base)} in decoder_layers, as their __init__ builds them"
    yield Fact("linear_layers", base.lora_targets, linear)
    below = built.interpreter.class_value(built.decoder.cls, "model_type")
    types = (base.model_type, str(below))
    yield lora_fact(named.library, places, types, base.lora_targets)


def _linear(built: Built, base: Base) -> str:
    """Return what the linear layers of the part that decodes are."""
    made = (
        part.callee.name
        for layer in instances(built.model)
        if layer.cls.name in base.layer_classes
        for name, part in parts(layer)
        if name in base.lora_targets and isinstance(part, Made)
    )
    kinds = dict.fromkeys(_LINEAR[name] for name in made if name in _LINEAR)
    return " and ".join(kinds) or "nn.Linear"


def _decoder_layers(base: Base) -> Iterator[str]:
    return (it for it in base.layer_classes if it not in base.vision_layer_classes)


def _inputs(places: Places, built: Built) -> Fact:
    owners = (owner for owner in built.model.owners() if "forward" in owner.methods)
    place = next(
        (places.of(it.module, it.methods["forward"].lineno) for it in owners), ""
    )
    return Fact("inputs", built.arguments, place or places.of_class(built.cls))


def _weights(weights: Weights) -> Iterator[Fact]:
    source = f"safetensors header of {', '.join(weights.files)}"
    yield Fact("parameters", weights.parameters, source)
    yield Fact("bytes", weights.size, source)
    yield Fact("dtypes", tuple(DTYPES.get(it, it) for it in weights.dtypes), source)


def _code(named: Named, checkpoint: Checkpoint) -> Iterator[Fact]:
    """Yield what code the checkpoint brings; none of it was run."""
    if checkpoint.remote:
        read = named.library.remote is not None
        how = "read, and not run" if read else "neither read nor run"
        yield Fact("remote_code", dict(checkpoint.remote), f"{FILE}: auto_map; {how}")
