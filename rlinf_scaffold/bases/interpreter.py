"""Models built on paper: ``__init__`` methods read as data, nothing imported or run."""

from __future__ import annotations

import ast
import operator
from collections.abc import ItemsView, KeysView, ValuesView
from dataclasses import dataclass, field
from types import BuiltinFunctionType
from typing import Final

from rlinf_scaffold.bases.autos import CONFIGURATIONS, config_class, model_class
from rlinf_scaffold.bases.frames import Frame
from rlinf_scaffold.bases.library import (
    CONFIGURATION,
    Class,
    Definition,
    External,
    Global,
    Import,
    Library,
    Module,
)
from rlinf_scaffold.bases.natives import (
    call_plain,
    copy_of,
    is_instance,
    is_subclass,
    memo_key,
    next_of,
)
from rlinf_scaffold.bases.values import (
    UNKNOWN,
    Bound,
    Function,
    Instance,
    Lambda,
    Made,
    Native,
    Super,
    attempt,
    either,
    is_config,
    is_container,
    is_plain,
    options_of,
)

DEEPEST: Final = 30
MOST_CALLS: Final = 20_000
_COPIES: Final = ("copy.copy", "copy.deepcopy")
_METHODS: Final = (
    *("append", "copy", "count", "endswith", "extend", "get", "index", "insert"),
    *("items", "keys", "lower", "pop", "replace", "setdefault", "split", "startswith"),
    *("strip", "update", "upper", "values"),
)
_VIEWS: Final = (KeysView, ValuesView, ItemsView)
_SINGLE: Final = ("append", "insert")
_ADDERS: Final = (*_SINGLE, "extend", "update")
_FACTORIES: Final = ("_from_config", "from_config")
_SPECIFIED: Final = "create_subconfig"
_CONFIGURATION_OF: Final = (CONFIGURATIONS, "__getitem__")
_CHILD_NAMERS: Final = ("add_module", "register_module")


@dataclass(slots=True, eq=False)
class Interpreter:
    """Calls classes and functions of a library as far as their source tells."""

    library: Library
    _globals: dict[tuple[str, str], object] = field(default_factory=dict)
    _made: dict[tuple[object, ...], tuple[Instance, list[object]]] = field(
        default_factory=dict
    )
    _aliases: dict[Class, dict[object, object]] = field(default_factory=dict)
    _depth: int = 0
    _calls: int = 0

    # Names

    def name(self, module: Module, name: str) -> object:
        """Return what a module-level name is bound to."""
        key = (module.name, name)
        if key not in self._globals:
            self._globals[key] = UNKNOWN
            found = self.library.resolve(module, name)
            self._globals[key] = UNKNOWN if found is None else self._value(found)
        return self._globals[key]

    def follow(self, module: Module, imported: Import) -> object:
        """Return what an import brings in."""
        return self._value(self.library.follow(module, imported))

    def _value(self, found: Definition) -> object:
        if not isinstance(found, Global):
            return found
        if isinstance(found.node, ast.FunctionDef):
            return Function(found.module, found.node)
        return Frame(self, found.module, {}).visit(found.node)

    # Attributes

    def attribute(self, value: object, name: str) -> object:
        """Return an attribute's value; of what is external, its path."""
        match value:
            case Instance():
                return self._instance_attribute(value, name)
            case Super():
                return self._inherited(value, name)
            case Class() if name in _FACTORIES:
                return value
            case Class() if name == _SPECIFIED:
                spec = self.library.find(CONFIGURATION, "SubConfigSpec")
                return self.attribute(self.call(spec, [value], {}), name)
            case Class():
                return self._class_attribute(value, name)
            case External():
                return External(f"{value.name}.{name}")
            case Made() if name in _ADDERS:
                return Native(value, name)
            case _:
                known = is_plain(value) or is_container(value)
                return Native(value, name) if known and name in _METHODS else UNKNOWN

    def assign(self, target: object, name: str, value: object) -> None:
        """Bind an attribute, through its setter where it has one."""
        if not isinstance(target, Instance):
            return
        name = self._alias(target, name)
        for owner in target.owners():
            if name in owner.setters:
                setter = Function(owner.module, owner.setters[name], owner)
                self.call(Bound(setter, target), [value], {})
                return
        target.attributes[name] = value

    def _instance_attribute(self, instance: Instance, name: str) -> object:
        name = self._alias(instance, name)
        found = self._method(instance, name)
        if found is not None and found.is_property:
            return self.call(Bound(found, instance), [], {})
        if name in instance.attributes:
            return instance.attributes[name]
        if found is not None:
            return found if found.is_static else Bound(found, instance)
        for owner in instance.owners():
            if name in owner.values:
                return Frame(self, owner.module, {}).visit(owner.values[name])
        return UNKNOWN if is_config(instance) else Native(instance, name)

    def _inherited(self, view: Super, name: str) -> object:
        found = self._method(view.receiver, name, behind=view.behind)
        if found is None:
            return Native(view.receiver, name)
        if found.is_property:
            return self.call(Bound(found, view.receiver), [], {})
        return Bound(found, view.receiver)

    def _class_attribute(self, cls: Class, name: str) -> object:
        if name in cls.statics:
            return Function(cls.module, cls.methods[name], cls)
        return self.class_value(cls, name)

    def class_value(self, cls: Class, name: str) -> object:
        """Return an attribute that a class or an ancestor binds in its body."""
        for owner in self.library.lineage(cls):
            if isinstance(owner, Class) and name in owner.values:
                return Frame(self, owner.module, {}).visit(owner.values[name])
        return UNKNOWN

    def _method(
        self, instance: Instance, name: str, behind: Class | None = None
    ) -> Function | None:
        owners = list(instance.owners())
        start = owners.index(behind) + 1 if behind in owners else 0
        for owner in owners[start:]:
            if name in owner.methods:
                return Function(owner.module, owner.methods[name], owner)
        return None

    def _alias(self, instance: Instance, name: str) -> str:
        if name == "attribute_map" or not is_config(instance):
            return name
        if instance.cls not in self._aliases:
            aliases = self.class_value(instance.cls, "attribute_map")
            self._aliases[instance.cls] = aliases if isinstance(aliases, dict) else {}
        found = self._aliases[instance.cls].get(name, name)
        return found if isinstance(found, str) else name

    # Calls

    def call(
        self, callee: object, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        """Return what a call returns, as far as it can be read."""
        self._calls += 1
        if self._depth >= DEEPEST or self._calls > MOST_CALLS:
            return UNKNOWN
        self._depth += 1
        try:
            return self._dispatch(callee, arguments, keywords)
        finally:
            self._depth -= 1

    def _dispatch(
        self, callee: object, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        match callee:
            case Class():
                return self._instantiate(callee, arguments, keywords)
            case Bound():
                receiver = callee.receiver
                return self._run(callee.function, [receiver, *arguments], keywords)
            case Function():
                return self._run(callee, arguments, keywords)
            case Lambda():
                return callee.scope.visit(callee.node.body)
            case Native():
                return self._native(callee, arguments, keywords)
            case External():
                return self._external(callee, arguments, keywords)
            case Made() if "default" in keywords:
                return keywords["default"]
            case type() | BuiltinFunctionType():
                return self._builtin(callee, arguments)
            case _:
                return UNKNOWN

    def _run(
        self, function: Function, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        names = self._parameters(function, arguments, keywords)
        first = arguments[0] if arguments else None
        receiver = first if isinstance(first, Instance) else None
        frame = Frame(self, function.module, names, function.owner, receiver)
        frame.run(function.node.body)
        return frame.result()

    def _parameters(
        self, function: Function, arguments: list[object], keywords: dict[str, object]
    ) -> dict[str, object]:
        spec = function.node.args
        frame = Frame(self, function.module, {})
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        defaults = [None] * (len(positional) - len(spec.defaults)) + spec.defaults
        fallback = [
            *zip(positional, defaults, strict=True),
            *zip((a.arg for a in spec.kwonlyargs), spec.kw_defaults, strict=True),
        ]
        bound = dict(zip(positional, arguments, strict=False))
        extra = dict(keywords)
        for name, default in fallback:
            if name in extra:
                bound[name] = extra.pop(name)
            elif name not in bound:
                bound[name] = UNKNOWN if default is None else frame.visit(default)
        if spec.vararg is not None:
            bound[spec.vararg.arg] = tuple(arguments[len(positional) :])
        if spec.kwarg is not None:
            bound[spec.kwarg.arg] = extra
        return bound

    def _instantiate(
        self, cls: Class, arguments: list[object], keywords: dict[str, object]
    ) -> Instance:
        key = memo_key(cls, arguments, keywords)
        if key is not None and key in self._made:
            return self._made[key][0]
        instance = Instance(cls, self.library.lineage(cls))
        if key is not None and not is_config(instance):
            self._made[key] = (instance, [*arguments, *keywords.values()])
        found = self._method(instance, "__init__")
        if found is not None:
            self.call(Bound(found, instance), arguments, keywords)
        elif is_config(instance):
            self._fill_fields(instance, keywords)
        else:
            self._keep(instance, arguments)
        return instance

    def _fill_fields(self, config: Instance, keywords: dict[str, object]) -> None:
        extra = dict(keywords)
        for name, (owner, default) in self._fields(config).items():
            self.assign(config, name, self._default(owner, default))
        for name in list(extra):
            if self._alias(config, name) in config.attributes:
                self.assign(config, name, extra.pop(name))
        post = self._method(config, "__post_init__")
        if post is not None:
            self.call(Bound(post, config), [], extra)
        for name, value in extra.items():
            config.attributes.setdefault(name, value)

    def _fields(self, config: Instance) -> dict[str, tuple[Class, ast.expr]]:
        """Return the dataclass fields with defaults, a subclass's over its parents'."""
        return {
            name: (owner, default)
            for owner in reversed(list(config.owners()))
            for name, default in owner.values.items()
            if name in owner.annotations and not _is_class_variable(owner, name)
        }

    def _default(self, owner: Class, expression: ast.expr) -> object:
        value = Frame(self, owner.module, {}).visit(expression)
        if isinstance(value, Made):
            factory = value.keywords.get("default_factory")
            if factory is not None:
                return self.call(factory, [], {})
            return value.keywords.get("default", UNKNOWN)
        return value

    def _native(
        self, method: Native, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        receiver, name = method.receiver, method.name
        match receiver:
            case Made():
                added = arguments[-1:]
                receiver.arguments.extend([added] if name in _SINGLE else added)
                return None
            case External() if (receiver.leaf, name) == _CONFIGURATION_OF:
                return config_class(self.library, str(arguments[0])) or UNKNOWN
            case Instance() if name == "__init__" and is_config(receiver):
                self._fill_fields(receiver, keywords)
                return None
            case Instance() if name == "__init__":
                self._keep(receiver, arguments)
                return None
            case Instance() if name in _CHILD_NAMERS and len(arguments) == 2:
                self.assign(receiver, str(arguments[0]), arguments[1])
                return None
            case _ if name in _METHODS and not isinstance(receiver, Instance):
                found = attempt(operator.methodcaller(name, *arguments), receiver)
                return list(found) if isinstance(found, _VIEWS) else found
            case _:
                return UNKNOWN

    def _keep(self, instance: Instance, arguments: list[object]) -> None:
        """Keep what an ancestor that is not read was made with."""
        for argument in arguments:
            if isinstance(argument, Instance) and is_config(argument):
                instance.attributes.setdefault("config", argument)
        instance.attributes[""] = arguments

    def _external(
        self, callee: External, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        if callee.name in _COPIES and arguments:
            return copy_of(arguments[0])
        if callee.leaf in _FACTORIES:
            return self._chosen(callee, [*arguments, *keywords.values()])
        return Made(callee, arguments, keywords)

    def _chosen(self, callee: External, arguments: list[object]) -> object:
        """Return what an auto class builds of its first argument, a configuration."""
        auto = External(callee.name.rpartition(".")[0]).leaf
        built = []
        for config in options_of(arguments[0]) if arguments else ():
            if isinstance(config, Instance):
                kind = self.class_value(config.cls, "model_type")
                found = model_class(self.library, auto, str(kind))
                built.append(
                    UNKNOWN if found is None else self.call(found, [config], {})
                )
        return either(*built) if built else UNKNOWN

    def _builtin(self, callee: object, arguments: list[object]) -> object:
        name = getattr(callee, "__name__", "")
        if name == "isinstance":
            return is_instance(arguments)
        if name == "issubclass":
            return is_subclass(self.library, arguments)
        if name in ("getattr", "hasattr") and len(arguments) >= 2:
            return self._has_or_get(name, arguments)
        if name == "setattr" and len(arguments) == 3:
            owner, attribute, value = arguments
            if isinstance(attribute, str):
                self.assign(owner, attribute, value)
            return None
        if name == "next" and arguments:
            return next_of(arguments[0])
        return call_plain(callee, name, arguments)

    def _has_or_get(self, name: str, arguments: list[object]) -> object:
        owner, attribute, *default = arguments
        if not isinstance(owner, Instance) or not isinstance(attribute, str):
            return UNKNOWN
        found = self.attribute(owner, attribute)
        is_there = not isinstance(found, Native) and found is not UNKNOWN
        if name == "hasattr":
            return is_there if is_there or is_config(owner) else UNKNOWN
        if is_there:
            return found
        return default[0] if default and is_config(owner) else UNKNOWN


def _is_class_variable(owner: Class, name: str) -> bool:
    return "ClassVar" in ast.unparse(owner.annotations[name])
