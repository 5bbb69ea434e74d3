"""Objects on paper: attributes, properties, aliases, super and what is not read."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import snippet, value_of

from rlinf_scaffold.bases.library import External
from rlinf_scaffold.bases.values import UNKNOWN, Either, Instance, Made, Native

CLASSES = """
import copy
import torch
from torch import nn
from transformers import PretrainedConfig

class Parent:
    limit = 3
    def __init__(self, size):
        self.size = size
    @property
    def double(self):
        return self.size * 2
    @double.setter
    def double(self, value):
        self.size = value // 2
    @staticmethod
    def plus(a, b):
        return a + b
    def scaled(self, by):
        return self.size * by

class Child(Parent):
    def __init__(self, size):
        super().__init__(size + 1)
        self.extra = size
    @property
    def double(self):
        return super().double + 1
    def scaled(self, by):
        return super().scaled(by) + Parent.limit

class Left(Parent): pass
class Right(Parent):
    limit = 4
class Both(Left, Right): pass

class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

class Conf(PretrainedConfig):
    attribute_map = {"width": "w", "odd": 3}
    kind = "conf"
    def __init__(self, w=1):
        self.w = w
        self.itself = self.kind

def endless(n):
    return endless(n + 1)

def unsure(thing):
    if what:
        thing.size = 9
    return thing.size

one, two = Layer(Parent(1)), Layer(Parent(1))
CYCLE = CYCLE + 1
shared = Parent(1)
changed = copy.deepcopy(shared)
"""

VALUES = [
    ("Parent(2).size", 2),
    ("Parent(size=2).size", 2),
    ("Parent(2).double", 4),
    ("Parent(2).limit", 3),
    ("Parent.limit", 3),
    ("Both(1).limit", 4),
    ("Parent(2).scaled(5)", 10),
    ("Parent(2).plus(1, 2)", 3),
    ("Parent.plus(1, 2)", 3),
    ("Child(2).size", 3),
    ("Child(2).double", 7),
    ("Child(2).scaled(2)", 9),
    ("getattr(Parent(2), 'size')", 2),
    ("getattr(Conf(), 'absent', 8)", 8),
    ("getattr(Conf(5), 'width', 8)", 5),
    ("Conf(5).width", 5),
    ("Conf(5).itself", "conf"),
    ("hasattr(Conf(), 'w')", True),
    ("hasattr(Conf(), 'absent')", False),
    ("hasattr(Parent(1), 'absent')", UNKNOWN),
    ("Conf().absent", UNKNOWN),
    ("Parent.absent", UNKNOWN),
    ("setattr(shared, 'new', 1)", None),
    ("setattr(shared, what, 1)", None),
    ("getattr(Parent(1), 'absent', 2)", UNKNOWN),
    ("isinstance(Conf(), dict)", False),
    ("Parent(1) is None", False),
    ("nn.Linear(1, 2) is None", False),
    ("torch.compile() is None", UNKNOWN),
    ("Parent(1).absent()", UNKNOWN),
    ("nn.Linear(1, 2).weight", UNKNOWN),
    ("nn.Linear(1, 2)(3)", UNKNOWN),
    ("endless(0)", UNKNOWN),
    ("CYCLE", UNKNOWN),
    ("[copy.copy([1]), copy.deepcopy(2)]", [[1], 2]),
    ("bool(Parent(1)) if 0 else (1 if Parent(1) else 2)", 1),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES)
def test_value(tmp_path: Path, expression: str, expected: object) -> None:
    assert value_of(tmp_path, f"{CLASSES}\nresult = {expression}") == expected


def test_property_is_set_through_its_setter(tmp_path: Path) -> None:
    interpreter, module = snippet(tmp_path, CLASSES)
    shared = interpreter.name(module, "shared")
    interpreter.assign(shared, "double", 10)
    assert interpreter.attribute(shared, "size") == 5


def test_attribute_of_something_unknown_is_not_set(tmp_path: Path) -> None:
    interpreter, _ = snippet(tmp_path, "")
    interpreter.assign(UNKNOWN, "size", 1)
    assert interpreter.attribute(UNKNOWN, "size") is UNKNOWN


def test_copies_part_ways(tmp_path: Path) -> None:
    interpreter, module = snippet(tmp_path, CLASSES)
    interpreter.assign(interpreter.name(module, "changed"), "size", 2)
    assert interpreter.attribute(interpreter.name(module, "shared"), "size") == 1


def test_doubtful_attribute_keeps_both_values(tmp_path: Path) -> None:
    found = value_of(tmp_path, f"{CLASSES}\nresult = unsure(Parent(1))")
    assert isinstance(found, Either)
    assert found.options == (1, 9)


def test_equal_constructions_are_read_once(tmp_path: Path) -> None:
    interpreter, module = snippet(tmp_path, f"{CLASSES}\nr = [Layer(1), Layer(1)]")
    first, second = interpreter.name(module, "r")  # type: ignore[misc]
    assert first is second


def test_configurations_are_read_each_time(tmp_path: Path) -> None:
    interpreter, module = snippet(tmp_path, f"{CLASSES}\nr = [Conf(1), Conf(1)]")
    first, second = interpreter.name(module, "r")  # type: ignore[misc]
    assert first is not second


MADE = [
    ("import torch.nn as nn\nresult = nn.Linear(1, bias=False)", "torch.nn.Linear"),
    ("from torch import nn\nresult = nn.Linear(1, bias=False)", "torch.nn.Linear"),
    ("import torch\nresult = torch.nn.Linear(1, bias=False)", "torch.nn.Linear"),
]


@pytest.mark.parametrize(("source", "name"), MADE)
def test_external_calls_keep_their_path(tmp_path: Path, source: str, name: str) -> None:
    made = value_of(tmp_path, source)
    assert isinstance(made, Made)
    assert (made.callee, made.arguments) == (External(name), [1])
    assert made.keywords == {"bias": False}


LISTS = """
from torch import nn

class Own(nn.ModuleList):
    def __init__(self):
        super().__init__([1])

class Bare(nn.Sequential):
    pass

class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.ModuleList([1])
        self.items.insert(0, 2)
        self.items.extend([3, 4])
        self.seen = [item for item in self.items]
        self.add_module("named", 5)
        self.slots = nn.ModuleDict()
        self.slots["a"] = 6
        self.register_buffer("b", 7)

holder = Holder()
own = Own()
bare = Bare(8)
"""


def test_children_are_kept_however_they_are_added(tmp_path: Path) -> None:
    interpreter, module = snippet(tmp_path, LISTS)
    holder = interpreter.name(module, "holder")
    assert isinstance(holder, Instance)
    assert holder.attributes["seen"] == [1, 2, 3, 4]
    assert holder.attributes["named"] == 5
    slots = holder.attributes["slots"]
    assert isinstance(slots, Made)
    assert slots.arguments == [[6]]
    for name, expected in (("own", [[1]]), ("bare", [8])):
        kept = interpreter.name(module, name)
        assert isinstance(kept, Instance)
        assert kept.attributes[""] == expected


def test_methods_of_external_parents_are_native(tmp_path: Path) -> None:
    found = value_of(tmp_path, f"{LISTS}\nresult = holder.register_buffer")
    assert isinstance(found, Native)


def test_calls_run_out(tmp_path: Path) -> None:
    source = """
    def leaf(n):
        return n
    def wide():
        return [leaf(i) for i in range(150)]
    result = [wide() for _ in range(150)]
    """
    found = value_of(tmp_path, source)
    assert isinstance(found, list)
    assert found[0] == list(range(150))
    assert found[-1] is UNKNOWN


def test_configuration_of_a_missing_transformers_takes_its_settings(
    tmp_path: Path,
) -> None:
    interpreter, module = snippet(
        tmp_path,
        """
        from transformers import PretrainedConfig
        class Conf(PretrainedConfig):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
        result = Conf(a=1)
        """,
    )
    config = interpreter.name(module, "result")
    assert interpreter.attribute(config, "a") == 1
