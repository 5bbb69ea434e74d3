"""From a model class to its Base: the model is built on paper, then looked at."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from rlinf_scaffold.bases import autos
from rlinf_scaffold.bases.interpreter import Interpreter
from rlinf_scaffold.bases.library import (
    CONFIG_ROOTS,
    TRANSFORMERS,
    Class,
    External,
    Library,
    literal,
)
from rlinf_scaffold.bases.parts import (
    instances,
    layers,
    lora_targets,
    parts,
    repeated_layers,
    told_apart,
    tower_units,
    towers,
)
from rlinf_scaffold.bases.positions import computes_positions, has_rope_index
from rlinf_scaffold.bases.processors import folder_processor, read_processor
from rlinf_scaffold.bases.refusals import (
    asks_for_decoder,
    delegates,
    drops_processors,
    drops_tokens,
    needs_images,
    refuse_forward,
    refuse_model,
    refuse_name,
    sees,
)
from rlinf_scaffold.bases.signs import read_signs
from rlinf_scaffold.bases.tables import read_tables
from rlinf_scaffold.bases.values import (
    Instance,
    Made,
    configurations,
    is_config,
    options_of,
)
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.families import family_of
from rlinf_scaffold.spec import Base
from rlinf_scaffold.tiny import text_rules

_HEAD: Final = "lm_head"
_DECODERS: Final = ("text_config", "decoder", "generator", "decoder_config")
_SIZE: Final = "hidden_size"
_HEARS: Final = re.compile(r"\b(audio|sound|speech)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A model class, built on paper.

    Attributes:
        cls: the class.
        config_class: its configuration class.
        config: the configuration that it is built on.
        path: dotted path, from that, to the configuration that decodes.
        decoder: the one at that path.
        model: what the class's ``__init__`` makes.
        arguments: named parameters of its ``forward``.
        interpreter: what read all of it.
    """

    cls: Class
    config_class: Class
    config: Instance
    path: str
    decoder: Instance
    model: Instance
    arguments: tuple[str, ...]
    interpreter: Interpreter


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
        return self.facts(self.build(cls, settings))

    def build(self, cls: Class, settings: Mapping[str, object]) -> Built:
        """Return the class built on paper; raises as ``read`` does."""
        refuse_name(self.library, self.given, cls)
        interpreter = Interpreter(self.library)
        config_class = self._config_class(cls)
        if asks_for_decoder(cls.node):
            settings = {**settings, "is_decoder": True}
        config = self._config(interpreter, config_class, settings)
        arguments = self._forward_arguments(cls)
        refuse_forward(self.library, self.given, cls, config, arguments)
        sized = interpreter.attribute(config, _SIZE)
        whole = isinstance(sized, int) and not sees(arguments)
        path = "" if whole else _decoder_path(config)
        model = interpreter.call(cls, [config], {})
        if not isinstance(model, Instance):
            raise UnsupportedBaseError(self.given, "its __init__ cannot be followed")
        refuse_model(self.library, self.given, model, interpreter, arguments)
        return Built(
            cls=cls,
            config_class=config_class,
            config=config,
            path=path,
            decoder=_nested(config, path),
            model=model,
            arguments=arguments,
            interpreter=interpreter,
        )

    def facts(self, built: Built) -> Base:
        """Return the facts of what was built; raises as ``read`` does."""
        interpreter, config_class = built.interpreter, built.config_class
        config, decoder, model = built.config, built.decoder, built.model
        base = Base(
            class_name=built.cls.name,
            module=self._home(built.cls),
            config_class=config_class.name,
            config_module=self._home(config_class),
            model_type=_text(interpreter.class_value(config_class, "model_type")),
            hidden_size=self._size(interpreter, decoder, _SIZE),
            vocab_size=self._size(interpreter, decoder, "vocab_size"),
            tie_word_embeddings=_is_tied(interpreter, config, decoder),
            layer_classes=(),
            lora_targets=(),
            forward_arguments=built.arguments,
            text_config=built.path,
            decoder_switch=asks_for_decoder(built.cls.node),
            mrope=delegates(self.library, built.cls)
            or computes_positions(self.library, model),
            unlisted_config=self._is_unlisted(config_class, interpreter),
            renames_weights=self._renames_weights(built.cls.name),
            **read_signs(model),
        )
        if sees(built.arguments):
            return self._seeing(interpreter, base, model, decoder)
        names = repeated_layers(interpreter, model, config)
        names = names or layers(interpreter, model, config)
        own = names.difference(text_rules().undivided.get(base.model_type, ()))
        return self._with_layers(base, model, own.difference(told_apart(model, own)))

    def _seeing(
        self, interpreter: Interpreter, base: Base, model: Instance, decoder: Instance
    ) -> Base:
        """Return the base with what vision adds: towers apart from the decoder's."""
        own = interpreter.attribute(model, "config")
        inside = [found for found in towers(model) if found[1] is not own]
        tower = next((t for t, config in inside if config is decoder), model)
        names = repeated_layers(interpreter, tower, decoder)
        others = _hearing(own) | {decoder}
        vision = {
            name
            for t, config in inside
            if config not in others
            for name in tower_units(interpreter, t, config)
        }.difference(text_rules().undivided.get(base.model_type, ()))
        family = family_of(base.model_type)
        processor = (
            family.processor_class
            or autos.processor_name(self.library, base.model_type)
            or folder_processor(self.library, model.cls)
        )
        seeing = replace(
            base,
            modality="vision",
            processor_class=processor,
            processor=read_processor(
                self.library, processor, base.model_type, family.classes
            ),
            vision_layer_classes=tuple(sorted(vision)),
            keeps_offsets=any(map(has_rope_index, instances(model))),
            normalizes_batches="timm" in family.packages or _normalizes_batches(model),
            head_owner=_head_owner(model),
            drops_processors=drops_processors(self.library, model.cls)
            or drops_tokens(self.library, model.cls),
            needs_images=family.needs_images or needs_images(self.library, model.cls),
            tables=read_tables(model),
        )
        return self._with_layers(seeing, model, (names - vision) or names)

    def _with_layers(self, base: Base, model: Instance, names: set[str]) -> Base:
        if not names:
            reason = (
                "no layer class to wrap: _no_split_modules names none that is built, "
                "and no nn.ModuleList holds num_hidden_layers layers"
            )
            raise UnsupportedBaseError(self.given, reason)
        return replace(
            base,
            layer_classes=tuple(sorted(names | {*base.vision_layer_classes})),
            lora_targets=lora_targets(model, names),
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
        if isinstance(found, External) and found.name == f"transformers.{found.leaf}":
            found = self.library.find_class(found.leaf)
        return found if isinstance(found, Class) else None

    def _config(
        self, interpreter: Interpreter, cls: Class, settings: Mapping[str, object]
    ) -> Instance:
        settings = self._settings_of(interpreter, cls, settings)
        keywords = {key: value for key, value in settings.items() if key.isidentifier()}
        config = interpreter.call(cls, [], keywords)
        if not isinstance(config, Instance) or not is_config(config):
            reason = f"its configuration class {cls.name} is not a transformers one"
            raise UnsupportedBaseError(self.given, reason)
        return config

    def _settings_of(
        self, interpreter: Interpreter, cls: Class, settings: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Return the settings where a configuration class looks for them.

        A text model may be asked for in the folder of a larger one; and the folder of a
        larger one may hold what its text model is set to at the top.
        """
        nested = settings.get("text_config")
        if self._is_composite(cls):
            if isinstance(nested, dict) or "hidden_size" not in settings:
                return settings
            text = {key: settings[key] for key in settings if not _is_of_whole(key)}
            return {**settings, "text_config": text}
        own_type = interpreter.class_value(cls, "model_type")
        if isinstance(nested, dict) and settings.get("model_type") != own_type:
            return nested
        return settings

    def _is_composite(self, cls: Class) -> bool:
        return any(
            "text_config" in owner.annotations
            or "text_config" in _parameters(owner, "__init__")
            for owner in self.library.lineage(cls)
            if isinstance(owner, Class)
        )

    def _size(self, interpreter: Interpreter, config: Instance, name: str) -> int:
        value = interpreter.attribute(config, name)
        if type(value) is not int or value < 1:
            reason = f"{config.cls.name} gives no {name} that is a positive integer"
            raise UnsupportedBaseError(self.given, reason)
        return value

    def _forward_arguments(self, cls: Class) -> tuple[str, ...]:
        owners = (o for o in self.library.lineage(cls) if isinstance(o, Class))
        return next(
            (_parameters(o, "forward") for o in owners if "forward" in o.methods), ()
        )

    def _renames_weights(self, name: str) -> bool:
        module = self.library.module(f"{TRANSFORMERS}.conversion_mapping")
        text = module.path.read_text("utf-8") if module else ""
        return f'"{name}"' in text

    def _is_unlisted(self, config_class: Class, interpreter: Interpreter) -> bool:
        kind = _text(interpreter.class_value(config_class, "model_type"))
        listed = autos.config_class(self.library, kind)
        return listed is None and self._home(config_class).startswith(TRANSFORMERS)

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


def _parameters(owner: Class, method: str) -> tuple[str, ...]:
    """Return the named parameters of a class's own method, without ``self``."""
    if method not in owner.methods:
        return ()
    spec = owner.methods[method].args
    named = (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)
    return tuple(argument.arg for argument in named[1:])


def _decoder_path(config: Instance) -> str:
    """Return the dotted path to the configuration that decodes; empty is the top."""
    for name in _DECODERS:
        if isinstance(config.attributes.get(name), Instance):
            return name
    for name, value in config.attributes.items():
        below = (
            _decoder_path(value)
            if isinstance(value, Instance) and is_config(value)
            else ""
        )
        if below:
            return f"{name}.{below}"
    return ""


def _is_of_whole(key: str) -> bool:
    return key == "model_type" or key.endswith("_config")


def _nested(config: Instance, path: str) -> Instance:
    for name in filter(None, path.split(".")):
        below = config.attributes[name]
        config = below if isinstance(below, Instance) else config
    return config


def _is_tied(interpreter: Interpreter, config: Instance, decoder: Instance) -> bool:
    """Whether the head is the embedding.

    Where the root of all configurations has an ``__init__``, that gives the flag to each
    of them, and the decoder's decides; else the outermost one's does.
    """
    is_given = any(
        "__init__" in owner.methods
        for owner in config.owners()
        if owner.name in CONFIG_ROOTS
    )
    decisive = decoder if is_given else config
    return interpreter.attribute(decisive, "tie_word_embeddings") is True


def _head_owner(model: Instance) -> str:
    """Return the part that has the language head, where transformers asks none for it."""
    if _HEAD in model.attributes or any(
        "get_output_embeddings" in owner.methods for owner in model.owners()
    ):
        return ""
    owners = (
        name
        for name, part in model.attributes.items()
        if any(isinstance(it, Instance) and _has_head(it) for it in options_of(part))
    )
    return next(owners, "")


def _has_head(part: Instance) -> bool:
    methods = {name for owner in part.owners() for name in owner.methods}
    return _HEAD in part.attributes or "get_output_embeddings" in methods


def _hearing(config: object) -> set[Instance]:
    """Return the configurations of what hears, whose layers no policy runs."""
    inside = configurations(config) if isinstance(config, Instance) else ()
    return {found for path, found in inside if _HEARS.search(path)}


def _normalizes_batches(model: Instance) -> bool:
    made = (part for _, part in parts(model) if isinstance(part, Made))
    return any("BatchNorm" in part.callee.name for part in made)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
