"""What reading an ``__init__`` can yield: plain values, modules made, and the unknown."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import Final, Protocol

from rlinf_scaffold.bases.library import CONFIG_ROOTS, Class, External, Module

MOST_ITEMS: Final = 512
_PLAIN: Final = (bool, int, float, str, bytes, type(None))
_CONTAINERS: Final = (list, tuple, dict, set, range)


class Unknown(Enum):
    """The one value of everything that is not understood."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """One of several values: which one hangs on something unknown."""

    options: tuple[object, ...]


@dataclass(slots=True, eq=False)
class Made:
    """The result of calling something external, e.g. ``torch.nn.Linear``."""

    callee: External
    arguments: list[object]
    keywords: dict[str, object]


@dataclass(slots=True, eq=False)
class Instance:
    """An object of a class that was read, with what its ``__init__`` bound."""

    cls: Class
    lineage: tuple[Class | External, ...]
    attributes: dict[str, object] = field(default_factory=dict)

    def owners(self) -> Iterator[Class]:
        """Yield the classes that were read, in the order attributes are found."""
        return (cls for cls in self.lineage if isinstance(cls, Class))


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function, and the class it stands in."""

    module: Module
    node: ast.FunctionDef
    owner: Class | None = None

    @property
    def is_property(self) -> bool:
        """Whether it is read like an attribute."""
        return self.owner is not None and self.node.name in self.owner.properties

    @property
    def is_static(self) -> bool:
        """Whether it takes no instance."""
        return self.owner is not None and self.node.name in self.owner.statics


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A function of a class, taken from an instance."""

    function: Function
    receiver: Instance


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """What ``super()`` returns: the instance seen from behind one of its classes."""

    receiver: Instance
    behind: Class


@dataclass(frozen=True, slots=True, eq=False)
class Native:
    """A method that is not read: of an external ancestor or of a plain value."""

    receiver: object
    name: str


class Scope(Protocol):
    """Where a lambda was written."""

    def visit(self, node: ast.AST) -> object:
        """Return an expression's value."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Lambda:
    """A lambda; its body is read in the scope it was written in."""

    scope: Scope
    node: ast.Lambda


OPERATORS: Final[Mapping[type[ast.AST], Callable[..., object]]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.In: lambda left, right: operator.contains(right, left),
        ast.NotIn: lambda left, right: not operator.contains(right, left),
    }
)


def is_plain(value: object) -> bool:
    """Whether a value is an ordinary Python value, known through and through."""
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, list | tuple | set):
        return all(map(is_plain, value))
    return isinstance(value, (*_PLAIN, range))


def is_container(value: object) -> bool:
    """Whether a value is an ordinary container, whatever it holds."""
    return isinstance(value, _CONTAINERS)


def truth(value: object) -> bool | None:
    """Return whether a value is true; None where that is not known."""
    if isinstance(value, (*_PLAIN, *_CONTAINERS)):
        return bool(value)
    return True if isinstance(value, Instance | Class | Function | Bound) else None


def either(*values: object) -> object:
    """Return the one value, or that it is one of several."""
    options: list[object] = []
    for value in values:
        for option in options_of(value):
            if not any(option is seen or _same(option, seen) for seen in options):
                options.append(option)
    return options[0] if len(options) == 1 else Either(tuple(options))


def options_of(value: object) -> tuple[object, ...]:
    """Return every value that a value may be."""
    return value.options if isinstance(value, Either) else (value,)


def items_of(value: object) -> list[object] | None:
    """Return what iterating yields, cut to a bearable length; None if not known."""
    if isinstance(value, Made):
        nested = [items_of(argument) for argument in value.arguments]
        return [item for items in nested if items is not None for item in items]
    if isinstance(value, str | list | tuple | dict | set | range):
        return list(islice(value, MOST_ITEMS))
    return None


def compute(operation: ast.AST, left: object, right: object) -> object:
    """Return the result of a binary operation or comparison, if it is known."""
    if isinstance(operation, ast.Is | ast.IsNot):
        same = _is(left, right)
        return UNKNOWN if same is None else same is isinstance(operation, ast.Is)
    function = OPERATORS.get(type(operation))
    if isinstance(operation, ast.Add) and is_container(left) and is_container(right):
        return attempt(operator.add, left, right)
    if function is None or not (is_plain(left) and is_plain(right)):
        return UNKNOWN
    if isinstance(operation, ast.Mult) and _is_huge(left, right):
        return UNKNOWN
    return attempt(function, left, right)


def attempt(function: Callable[..., object], *arguments: object) -> object:
    """Return what an ordinary function returns; unknown where it fails."""
    try:
        return function(*arguments)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return UNKNOWN


def _is(left: object, right: object) -> bool | None:
    if isinstance(left, Unknown | Either) or isinstance(right, Unknown | Either):
        return None
    if isinstance(left, Made | External) and not is_layer(left):
        return None
    return left is right


def is_config(instance: Instance) -> bool:
    """Whether an instance is a model's configuration."""
    return any(_leaf(ancestor) in CONFIG_ROOTS for ancestor in instance.lineage)


def configurations(config: Instance, path: str = "") -> Iterator[tuple[str, Instance]]:
    """Yield a configuration and those inside, each with its dotted path from the first."""
    yield path, config
    for name, value in config.attributes.items():
        if isinstance(value, Instance) and is_config(value):
            yield from configurations(value, f"{path}.{name}".strip("."))


def is_layer(value: Made | External) -> bool:
    """Whether something external is sure to be an object: a layer of torch."""
    name = value.callee.name if isinstance(value, Made) else value.name
    return name.startswith("torch.nn.")


def _leaf(ancestor: Class | External) -> str:
    return ancestor.name if isinstance(ancestor, Class) else ancestor.leaf


def _is_huge(left: object, right: object) -> bool:
    sized = [v for v in (left, right) if isinstance(v, str | list | tuple)]
    counts = [v for v in (left, right) if isinstance(v, int)]
    return bool(sized and counts and len(sized[0]) * counts[0] > MOST_ITEMS**2)


def _same(left: object, right: object) -> bool:
    return (
        is_plain(left)
        and is_plain(right)
        and type(left) is type(right)
        and left == right
    )
