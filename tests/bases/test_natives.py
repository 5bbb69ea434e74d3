"""Builtins, copies and the key of a construction."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlinf_scaffold.bases.library import Class, External, Library
from rlinf_scaffold.bases.natives import (
    call_plain,
    copy_of,
    is_instance,
    is_subclass,
    memo_key,
    next_of,
)
from rlinf_scaffold.bases.values import UNKNOWN, Instance, Made


@pytest.mark.parametrize(
    ("callee", "name", "arguments", "expected"),
    [
        (len, "len", [[UNKNOWN]], 1),
        (zip, "zip", [[1], [2]], [(1, 2)]),
        (list, "list", [range(10**6)], UNKNOWN),
        (len, "len", [UNKNOWN], UNKNOWN),
        (len, "len", [3], UNKNOWN),
        (3, "three", [], UNKNOWN),
    ],
)
def test_call_plain(
    callee: object, name: str, arguments: list[object], expected: object
) -> None:
    assert call_plain(callee, name, arguments) == expected


def test_next_empties_an_iterator() -> None:
    iterator: list[object] = [1, 2]
    assert [next_of(iterator) for _ in range(3)] == [1, 2, UNKNOWN]
    assert next_of(Made(External("itertools.cycle"), [[4]], {})) == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([1, int], True),
        ([1, (str, list)], False),
        ([UNKNOWN, int], UNKNOWN),
        ([1, UNKNOWN], UNKNOWN),
        ([1], UNKNOWN),
    ],
)
def test_is_instance(arguments: list[object], expected: object) -> None:
    assert is_instance(arguments) == expected


def test_is_instance_of_what_was_read(site: Path) -> None:
    library = Library((site,))
    config, model = library.find_class("ToyConfig"), library.find_class("ToyModel")
    assert isinstance(config, Class)
    instance = Instance(config, library.lineage(config))
    assert is_instance([instance, config]) is True
    assert is_instance([instance, (dict, config)]) is True
    assert is_instance([instance, (dict, model)]) is False
    assert is_instance([None, config]) is False
    assert is_instance([UNKNOWN, config]) is UNKNOWN


def test_is_subclass(site: Path) -> None:
    library = Library((site,))
    parent, child = (
        library.find_class("ToyConfig"),
        library.find_class("HybridV1Config"),
    )
    assert is_subclass(library, [child, parent]) is True
    assert is_subclass(library, [parent, child]) is False
    assert is_subclass(library, [External("a.AutoConfig"), parent]) is False
    assert is_subclass(library, [UNKNOWN, parent]) is UNKNOWN
    assert is_subclass(library, [child, External("a.Base")]) is UNKNOWN
    assert is_subclass(library, []) is UNKNOWN


def test_copies_change_on_their_own() -> None:
    for value in ([1], {"a": 1}, {1}):
        assert copy_of(value) == value
        assert copy_of(value) is not value
    assert copy_of(UNKNOWN) is UNKNOWN


def test_key_of_a_construction(site: Path) -> None:
    cls = Library((site,)).find_class("ToyModel")
    assert isinstance(cls, Class)
    config = Instance(cls, (cls,))
    assert memo_key(cls, [config, 1], {}) == memo_key(cls, [config, 1], {})
    different = [
        memo_key(cls, [config, True], {}),
        memo_key(cls, [config], {}),
        memo_key(cls, [config], {"a": 1}),
        memo_key(cls, [Instance(cls, (cls,)), 1], {}),
    ]
    assert memo_key(cls, [config, 1], {}) not in different
    assert len(set(different)) == len(different)
    assert memo_key(cls, [[1]], {}) is None
