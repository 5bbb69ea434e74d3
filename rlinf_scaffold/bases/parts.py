"""What a model built on paper is made of: its towers, their layers, linear layers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from rlinf_scaffold.bases.interpreter import Interpreter
from rlinf_scaffold.bases.library import External
from rlinf_scaffold.bases.values import (
    UNKNOWN,
    Instance,
    Made,
    is_config,
    items_of,
    options_of,
)

_LAYERS: Final = External("torch.nn.ModuleList")
_EMBEDDING: Final = External("torch.nn.Embedding")
_LINEAR: Final = ("torch.nn.Linear", "transformers.pytorch_utils.Conv1D")


def parts(root: object) -> Iterator[tuple[str, Instance | Made]]:
    """Yield everything a model is made of, outermost first, with attribute names."""
    seen: set[int] = set()
    level: list[tuple[str, object]] = [("", root)]
    while level:
        below: list[tuple[str, object]] = []
        for name, value in level:
            for option in options_of(value):
                if isinstance(option, Instance | Made):
                    yield name, option
                if id(option) not in seen:
                    seen.add(id(option))
                    below.extend(_children(option))
        level = below


def instances(root: object) -> Iterator[Instance]:
    """Yield every object of a class that was read, outermost first."""
    return (part for _, part in parts(root) if isinstance(part, Instance))


def sources(root: object) -> list[str]:
    """Return the text of each module that a model's parts are defined in."""
    owners = (owner for part in instances(root) for owner in part.owners())
    paths = dict.fromkeys(owner.module.path for owner in owners)
    return [path.read_text("utf-8") for path in paths]


def towers(model: Instance) -> list[tuple[Instance, Instance]]:
    """Return each configuration in a model's parts with the outermost built on it."""
    found: dict[Instance, Instance] = {}
    for part in instances(model):
        config = part.attributes.get("config")
        if isinstance(config, Instance) and is_config(config):
            found.setdefault(config, part)
    return [(tower, config) for config, tower in found.items()]


def layers(interpreter: Interpreter, tower: Instance, config: object) -> set[str]:
    """Return the layer classes of a model: the declared ones that it builds.

    Where none is declared, those in its list of layers. What holds the embeddings is none:
    a language head may share their weight, which no unit of FSDP may hold for another.
    """
    declared = interpreter.class_value(tower.cls, "_no_split_modules")
    listed = set(items_of(declared) or ()) if declared is not UNKNOWN else set()
    built = {part.cls.name for part in instances(tower)} - _embedding(tower)
    return {str(name) for name in listed & built} or _repeated(
        interpreter, tower, config
    )


def repeated_layers(
    interpreter: Interpreter, tower: Instance, config: object
) -> set[str]:
    """Return the layer classes of a model inside another.

    What such a model declares may be a part of its layer, or a part around them.
    """
    lists = [item.cls.name for items in _lists(tower) for item in items]
    declared = layers(interpreter, tower, config)
    return declared.intersection(lists) or _repeated(interpreter, tower, config)


def tower_units(interpreter: Interpreter, tower: Instance, config: object) -> set[str]:
    """Return the layer classes of what sees; the tower where another library makes it.

    Such a tower asks its own parameters where they are, which FSDP1 takes from whatever is
    no unit of its own.
    """
    is_made_elsewhere = any(
        isinstance(value, Made) and not value.callee.name.startswith("torch.")
        for value in tower.attributes.values()
    )
    found = repeated_layers(interpreter, tower, config)
    return found or ({tower.cls.name} if is_made_elsewhere else set())


def told_apart(model: Instance, names: set[str]) -> set[str]:
    """Return the layers that forwards know by their class, which FSDP1 wraps in its own."""
    owners = {owner for part in instances(model) for owner in part.owners()}
    forwards = (owner.methods.get("forward") for owner in owners)
    asked = {
        ast.unparse(node.args[1])
        for forward in forwards
        if forward is not None
        for node in ast.walk(forward)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "isinstance"
        and len(node.args) == 2
    }
    return names & asked


def lora_targets(model: Instance, layers: Iterable[str]) -> tuple[str, ...]:
    """Return the leaf names of the linear layers inside the layer classes.

    Subclasses of ``nn.Linear`` count only where nothing else is there: routers are such.
    """
    wrapped = set(layers)
    inside = [
        pair
        for part in instances(model)
        if part.cls.name in wrapped
        for pair in parts(part)
    ]
    plain = {name for name, part in inside if name and _is_linear(part)}
    derived = {name for name, part in inside if name and _is_derived(part)}
    return tuple(sorted(plain or derived))


def _children(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Instance) and not is_config(value):
        yield from value.attributes.items()
    elif isinstance(value, Made):
        yield from (("", item) for item in value.arguments)
        yield from (("", item) for item in value.keywords.values())
    elif isinstance(value, dict):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from (("", item) for item in value)


def _is_linear(part: Instance | Made) -> bool:
    return isinstance(part, Made) and part.callee.name in _LINEAR


def _is_derived(part: Instance | Made) -> bool:
    return isinstance(part, Instance) and any(
        isinstance(ancestor, External) and ancestor.name in _LINEAR
        for ancestor in part.lineage
    )


def _embedding(tower: Instance) -> set[str]:
    """Return the classes that have embeddings of their own, and are in no list."""
    listed = {item.cls.name for items in _lists(tower) for item in items}
    return {
        part.cls.name
        for part in instances(tower)
        if any(is_embedding(it) for it in part.attributes.values())
    } - listed


def is_embedding(value: object) -> bool:
    """Whether a value is, or may be, an ``nn.Embedding``."""
    return any(
        isinstance(it, Made) and it.callee == _EMBEDDING for it in options_of(value)
    )


def _lists(model: Instance) -> list[list[Instance]]:
    """Return the lists of layers in a model: the long ones first, inner ones last."""
    found = {
        id(part): _items(part)
        for _, part in parts(model)
        if isinstance(part, Made) and part.callee == _LAYERS
    }
    outer = dict.fromkeys(item for items in found.values() for item in items)
    inner = {id(part) for item in outer for _, part in parts(item)}
    keys = sorted(found, key=lambda key: (key in inner, -len(found[key])))
    return [found[key] for key in keys]


def _items(layers: Made) -> list[Instance]:
    options = [option for item in items_of(layers) or () for option in options_of(item)]
    return [option for option in options if isinstance(option, Instance)]


def _repeated(interpreter: Interpreter, model: Instance, config: object) -> set[str]:
    """Return the classes in the list that has one per hidden layer, else the first."""
    count = interpreter.attribute(config, "num_hidden_layers")
    lists = sorted(_lists(model), key=lambda items: len(items) != count)
    return next(({item.cls.name for item in items} for items in lists if items), set())
