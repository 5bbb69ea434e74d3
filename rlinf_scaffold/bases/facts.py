"""From a model class to its Base: the model is built on paper, then looked at."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rlinf_scaffold.bases.interpreter import Interpreter, is_config
from rlinf_scaffold.bases.library import (
    TRANSFORMERS,
    Class,
    External,
    Library,
    literal,
)
from rlinf_scaffold.bases.refusals import (
    refuse_config,
    refuse_model,
    refuse_name,
)
from rlinf_scaffold.bases.values import UNKNOWN, Instance, Made, items_of, options_of
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.spec import Base

_LAYERS: Final = External("torch.nn.ModuleList")
_LINEAR: Final = ("torch.nn.Linear", "transformers.pytorch_utils.Conv1D")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads bases out of one library.

    Attributes:
        library: where classes and their imports are found.
        given: what the user called the base, for messages.
    """

    library: Library
    given: str

    def read(self, cls: Class, settings: Mapping[str, object]) -> Base:
        """Return the facts of a class under settings that override its defaults.

        Raises:
            UnsupportedBaseError: no action model can be generated on it.
            SourceSyntaxError: a source file to read does not parse.
        """
        refuse_name(self.library, self.given, cls)
        interpreter = Interpreter(self.library)
        config_class = self._config_class(cls)
        config = self._config(interpreter, config_class, settings)
        refuse_config(self.library, self.given, cls, config)
        model = interpreter.call(cls, [config], {})
        if not isinstance(model, Instance):
            raise UnsupportedBaseError(self.given, "its __init__ cannot be followed")
        refuse_model(self.library, self.given, model, interpreter)
        layers = self._layers(interpreter, model, config)
        return Base(
            class_name=cls.name,
            module=self._home(cls),
            config_class=config_class.name,
            config_module=self._home(config_class),
            model_type=_text(interpreter.class_value(config_class, "model_type")),
            hidden_size=self._size(interpreter, config, "hidden_size"),
            vocab_size=self._size(interpreter, config, "vocab_size"),
            tie_word_embeddings=interpreter.attribute(config, "tie_word_embeddings")
            is True,
            layer_classes=layers,
            lora_targets=lora_targets(model, layers),
            forward_arguments=_forward_arguments(model),
        )

    def _config_class(self, cls: Class) -> Class:
        for owner in self.library.lineage(cls):
            if isinstance(owner, Class):
                found = self._named_config(owner)
                if found is not None:
                    return found
        reason = "no configuration class: neither config_class nor an annotated config"
        raise UnsupportedBaseError(self.given, reason)

    def _named_config(self, owner: Class) -> Class | None:
        named = owner.values.get("config_class") or owner.annotations.get("config")
        if named is None:
            return None
        name = named.value if isinstance(named, ast.Constant) else ast.unparse(named)
        found = self.library.resolve(owner.module, str(name))
        return found if isinstance(found, Class) else None

    def _config(
        self, interpreter: Interpreter, cls: Class, settings: Mapping[str, object]
    ) -> Instance:
        nested = settings.get("text_config")
        own_type = interpreter.class_value(cls, "model_type")
        if isinstance(nested, dict) and settings.get("model_type") != own_type:
            settings = nested
        keywords = {key: value for key, value in settings.items() if key.isidentifier()}
        config = interpreter.call(cls, [], keywords)
        if not isinstance(config, Instance) or not is_config(config):
            reason = f"its configuration class {cls.name} is not a transformers one"
            raise UnsupportedBaseError(self.given, reason)
        return config

    def _size(self, interpreter: Interpreter, config: Instance, name: str) -> int:
        value = interpreter.attribute(config, name)
        if type(value) is not int or value < 1:
            reason = f"{config.cls.name} gives no {name} that is a positive integer"
            raise UnsupportedBaseError(self.given, reason)
        return value

    def _layers(
        self, interpreter: Interpreter, model: Instance, config: Instance
    ) -> tuple[str, ...]:
        declared = interpreter.class_value(model.cls, "_no_split_modules")
        made = {part.cls.name for _, part in parts(model) if isinstance(part, Instance)}
        listed = set(items_of(declared) or ()) if declared is not UNKNOWN else set()
        names = listed & made or _repeated(interpreter, model, config)
        if not names:
            reason = (
                "no layer class to wrap: _no_split_modules names none that is built, "
                "and no nn.ModuleList holds num_hidden_layers layers"
            )
            raise UnsupportedBaseError(self.given, reason)
        return tuple(sorted(map(str, names)))

    def _home(self, cls: Class) -> str:
        """Return the module to import a class from: the shortest that has it."""
        if not cls.module.name.startswith(f"{TRANSFORMERS}."):
            return cls.module.name
        listed = literal(cls.module, "__all__")
        if isinstance(listed, list):
            return TRANSFORMERS if cls.name in listed else cls.module.name
        folder = self.library.transformers
        names = (folder / "__init__.py").read_text("utf-8") if folder else ""
        return TRANSFORMERS if f'"{cls.name}"' in names else cls.module.name


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


def lora_targets(model: Instance, layers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the leaf names of the linear layers inside the layer classes.

    Subclasses of ``nn.Linear`` count only where nothing else is there: routers are such.
    """
    inside = [
        pair
        for _, part in parts(model)
        if isinstance(part, Instance) and part.cls.name in layers
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


def _repeated(
    interpreter: Interpreter, model: Instance, config: Instance
) -> set[object]:
    """Return the classes in the outermost list of layers, one per hidden layer if any."""
    count = interpreter.attribute(config, "num_hidden_layers")
    lists = [
        [option for item in items_of(part) or () for option in options_of(item)]
        for _, part in parts(model)
        if isinstance(part, Made) and part.callee == _LAYERS
    ]
    built = [[i.cls.name for i in each if isinstance(i, Instance)] for each in lists]
    built.sort(key=lambda names: len(names) != count)
    return next((set(names) for names in built if names), set())


def _forward_arguments(model: Instance) -> tuple[str, ...]:
    for owner in model.owners():
        if "forward" in owner.methods:
            spec = owner.methods["forward"].args
            named = (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)
            return tuple(argument.arg for argument in named[1:])
    return ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
