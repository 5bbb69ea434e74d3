"""Where facts come from: a line of source, a key of a file, a default."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from rlinf_scaffold.bases.checkpoints import FILE
from rlinf_scaffold.bases.facts import Built
from rlinf_scaffold.bases.library import Class, Module
from rlinf_scaffold.bases.values import Instance

Value: TypeAlias = "bool | int | str | tuple[str, ...] | Mapping[str, int | str] | None"
_MAKERS: Final = ("__init__", "__post_init__")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was found.

    Attributes:
        name: what it is, a key.
        value: what was found.
        source: where: ``file:line``, a key of a JSON file, or a table.
    """

    name: str
    value: Value
    source: str


@dataclass(frozen=True, slots=True)
class Places:
    """Names places in sources as people look them up.

    Attributes:
        search_path: the folders that packages lie in.
    """

    search_path: Sequence[Path]

    def of(self, module: Module, line: int) -> str:
        """Return ``file:line``, the file from the folder that its package lies in."""
        roots = [root for root in self.search_path if module.path.is_relative_to(root)]
        root = max(roots, key=lambda it: len(it.parts), default=module.path.parent)
        return f"{module.path.relative_to(root).as_posix()}:{line}"

    def of_class(self, cls: Class) -> str:
        """Return where a class statement stands."""
        return self.of(cls.module, cls.node.lineno)


def source_of_setting(
    places: Places, built: Built, settings: Mapping[str, object], path: str, name: str
) -> str:
    """Return where a setting of a configuration comes from.

    Args:
        places: how places are named.
        built: the class, built on paper.
        settings: what the checkpoint's config.json says, if there is one.
        path: dotted path to the configuration.
        name: the setting.
    """
    config = _below(built.config, path)
    value = built.interpreter.attribute(config, name)
    names = _spellings(built, config, name)
    for key, found in _given(settings, path, names):
        if found == value:
            return f"{FILE}: {key}"
    place = _declared(places, config, names)
    usual = built.interpreter.call(config.cls, [], {})
    default = built.interpreter.attribute(usual, name)
    if place and default == value:
        return f"default of {config.cls.name}, {place}"
    parent = _below(built.config, path.rpartition(".")[0])
    maker = config if place and not path else parent
    where = places.of_class(maker.cls)
    return f"computed by {maker.cls.name}, {where}"


def _given(
    settings: Mapping[str, object], path: str, names: Sequence[str]
) -> Iterator[tuple[str, object]]:
    """Yield what a config.json says of a setting, at its place and where others put it."""
    for prefix in dict.fromkeys((path, "text_config", "")):
        nested: object = settings
        for part in filter(None, prefix.split(".")):
            nested = nested.get(part) if isinstance(nested, Mapping) else None
        for name in names:
            if isinstance(nested, Mapping) and name in nested:
                yield f"{prefix}.{name}".strip("."), nested[name]


def _spellings(built: Built, config: Instance, name: str) -> list[str]:
    aliases = built.interpreter.class_value(config.cls, "attribute_map")
    other = aliases.get(name) if isinstance(aliases, dict) else None
    return [name, other] if isinstance(other, str) else [name]


def _declared(places: Places, config: Instance, names: Sequence[str]) -> str:
    """Return where a configuration class says a setting's default; empty where nowhere."""
    for owner in config.owners():
        for name in names:
            line = _line(owner, name)
            if line:
                return places.of(owner.module, line)
    return ""


def _line(owner: Class, name: str) -> int:
    if name in owner.values:
        return owner.values[name].lineno
    if name in owner.properties:
        return owner.methods[name].lineno
    for maker in _MAKERS:
        node = owner.methods.get(maker)
        if node is None:
            continue
        spec = node.args
        for argument in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs):
            if argument.arg == name:
                return argument.lineno
        for part in ast.walk(node):
            if (
                isinstance(part, ast.Attribute)
                and isinstance(part.ctx, ast.Store)
                and part.attr == name
            ):
                return part.lineno
    return 0


def _below(config: Instance, path: str) -> Instance:
    for part in filter(None, path.split(".")):
        below = config.attributes.get(part)
        config = below if isinstance(below, Instance) else config
    return config
