"""Find the one value that each module of a package ends in."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import TypeVar

Value = TypeVar("Value")


@cache
def discover(package: ModuleType, kind: type[Value]) -> tuple[Value, ...]:
    """Return each module's value of this kind, in the order of module names.

    Raises:
        TypeError: a module ends in none, or in more than one.
    """
    values: list[Value] = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found = [value for value in vars(module).values() if type(value) is kind]
        if len(found) != 1:
            msg = f"{module.__name__} must end in one {kind.__name__}, has {len(found)}"
            raise TypeError(msg)
        values.append(found[0])
    return tuple(values)
