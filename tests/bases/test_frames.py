"""Statements: known branches are taken, unknown ones are taken both."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from reading import value_of

from rlinf_scaffold.bases.library import External
from rlinf_scaffold.bases.values import UNKNOWN, Either

BODIES = [
    ("pass", None),
    ("return", None),
    ("x = 1\nreturn x", 1),
    ("x: int = 1\ny: int\nreturn x", 1),
    ("x = 1\nx += 2\nreturn x", 3),
    ("a, (b, c) = 1, (2, 3)\nreturn [a, b, c]", [1, 2, 3]),
    ("if 1:\n    return 1\nreturn 2", 1),
    ("if 0:\n    return 1\nelse:\n    return 2", 2),
    ("for i in range(9):\n    if i == 3:\n        break\nreturn i", 3),
    ("for i in [1, 2]:\n    return i", 1),
    (
        "x = []\nfor i in [1, 2]:\n    if i == 1:\n        continue\n    x.append(i)\nreturn x",
        [2],
    ),
    ("for i in []:\n    pass\nelse:\n    return 5", 5),
    ("with what():\n    return 1", 1),
    ("try:\n    x = 1\nexcept E:\n    x = 2\nreturn x", 1),
    ("x = {}\nx['a'] = 1\nreturn x", {"a": 1}),
    ("x = [1, 2]\nx[-1] = 3\nx[9] = 4\nreturn x", [1, 3]),
    ("x = []\nx.insert(0, 1)\nx.extend([2])\nreturn x", [1, 2]),
    ("def inner(a, *, b=2):\n    return a + b\nreturn inner(1)", 3),
    ("def inner(*a, **k):\n    return [a, k]\nreturn inner(1, x=2)", [(1,), {"x": 2}]),
    ("def inner(a):\n    return a\nreturn inner(*[1])", 1),
    ("def inner(a):\n    return a\nreturn inner(**{'a': 1})", 1),
    ("def inner(a):\n    return a\nreturn inner()", UNKNOWN),
    ("return (lambda: 4)()", 4),
    ("raise ValueError\nreturn 1", None),
    ("assert False\nreturn 1", 1),
]


def run(root: Path, body: str) -> object:
    source = f"def function():\n{indent(body, '    ')}\nresult = function()\n"
    return value_of(root, source)


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_known(tmp_path: Path, body: str, expected: object) -> None:
    assert run(tmp_path, body) == expected


POSSIBLE = [
    ("if what:\n    return 1\nreturn 2", (1, 2)),
    ("if what:\n    raise E\nreturn 2", (2,)),
    ("x = 1\nif what:\n    x = 2\nreturn x", (1, 2)),
    ("if what:\n    x = 1\nelse:\n    x = 2\nreturn x", (1, 2)),
    ("x = 1\nwhile what:\n    x = 2\nreturn x", (1, 2)),
    ("x = 1\nfor i in what:\n    x = 2\nreturn x", (1, 2)),
    ("x = {'a': 1}\nif what:\n    x['a'] = 2\nreturn x['a']", (1, 2)),
    ("x = [1]\nif what:\n    x[0] = 2\nreturn x[0]", (1, 2)),
    ("a, *b = 1, 2\nreturn a", (1,)),
    ("a, b = what\nreturn a", (UNKNOWN,)),
]


@pytest.mark.parametrize(("body", "options"), POSSIBLE)
def test_every_possibility(
    tmp_path: Path, body: str, options: tuple[object, ...]
) -> None:
    found = run(tmp_path, body)
    assert (found.options if isinstance(found, Either) else (found,)) == options


def test_local_import(tmp_path: Path) -> None:
    found = run(tmp_path, "from torch.nn import Linear as L\nreturn L")
    assert found == External("torch.nn.Linear")
