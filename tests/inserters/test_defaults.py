from __future__ import annotations

import pytest

from rlinf_scaffold.inserters.defaults import Mount, mounts
from rlinf_scaffold.inserters.yaml import read_value


def only(entry: str) -> Mount:
    text = f"defaults:\n  - {entry}\n"
    (mount,) = mounts(read_value(text, (), path="x"))
    return mount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1\n",
        "defaults:\n",
        "defaults: [_self_]\n",
        "defaults: [1, {env: [a, b]}, {env: null}]\n",
        "defaults: ['a b', {'a b c': x}]\n",
    ],
)
def test_nothing_is_mounted(text: str) -> None:
    assert not [*mounts(read_value(text, (), path="x"))]


ENTRIES = [
    ("env/table@env.train", "env/table", "env.train", "env/new@env.train"),
    ("'/env/table.yaml@a'", "env/table", "a", "/env/new.yaml@a"),
    ("override env/table@env", "env/table", "env", "override env/new@env"),
    ("env/deep/table", "env/deep/table", "env.deep", "env/deep/new"),
    ("table", "table", "", "new"),
    ("env/train: table", "env/train/table", "env.train", "new"),
    ("env/train: table.yaml", "env/train/table", "env.train", "new.yaml"),
    ("/model@actor.model: table", "model/table", "actor.model", "new"),
    ("override hydra/log: table", "hydra/log/table", "hydra.log", "new"),
]


@pytest.mark.parametrize(("entry", "config", "package", "renamed"), ENTRIES)
def test_what_is_mounted(entry: str, config: str, package: str, renamed: str) -> None:
    mount = only(entry)
    assert (mount.config, mount.package) == (config, package)
    assert mount.group == config.rpartition("/")[0]
    assert mount.name == "table"
    assert mount.renamed("new") == renamed


def test_where_entries_stand() -> None:
    text = "defaults:\n  - a/b\n  - c: d\n    e: f\n"
    keys = [mount.keys for mount in mounts(read_value(text, (), path="x"))]
    assert keys == [("defaults", 0), ("defaults", 1, "c"), ("defaults", 1, "e")]
