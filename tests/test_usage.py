from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.usage import names, reads

FOLDER = PurePosixPath("rlinf")


def keys(source: str) -> set[str]:
    tree = MemoryTree.of({"rlinf/deep/a.py": source})
    return {*reads(tree, [FOLDER], "actor", "model")}


@pytest.mark.parametrize(
    "source",
    [
        "",
        "cfg.model.size\n",
        "actor.size\n",
        "# cfg.actor.model.size\n",
        "x = 'cfg.actor.model.size'\n",
        "cfg.actor.model\n",
        "cfg.actor.model.get(name)\n",
        "for k in cfg.actor.model.items(): pass\n",
        "f(cfg.actor.model)\n",
        "cfg.actor.model.size +\n",
    ],
)
def test_nothing_is_read(source: str) -> None:
    assert not keys(source)


@pytest.mark.parametrize(
    "source",
    [
        "self.cfg.actor.model.size\n",
        "actor.model.size\n",
        "cfg.actor.model.get('size', 1)\n",
        "cfg.actor.model['size']\n",
        "getattr(cfg.actor.model, 'size', None)\n",
        "hasattr(cfg.actor.model, 'size')\n",
        "'size' in cfg.actor.model\n",
        "'size' not in cfg.actor.model\n",
        "model_cfg = cfg.actor.model\nmodel_cfg.size\n",
        "self.model_cfg = cfg.actor.model\nself.model_cfg.get('size')\n",
        "cfg.actor.get('model').size\n",
    ],
)
def test_a_key_is_read(source: str) -> None:
    assert keys(source) == {"size"}


def test_where_a_key_is_read_first() -> None:
    tree = MemoryTree.of(
        {
            "rlinf/b.py": "\ncfg.actor.model.size\n",
            "rlinf/a.txt": "cfg.actor.model.other\n",
            "rlinf/deep/c.py": "cfg.actor.model.size\ncfg.actor.model.depth\n",
        }
    )
    assert reads(tree, [FOLDER], "actor", "model") == {
        "size": "rlinf/b.py:2",
        "depth": "rlinf/deep/c.py:2",
    }
    file = PurePosixPath("rlinf/b.py")
    assert reads(tree, [file], "actor", "model") == {"size": "rlinf/b.py:2"}


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({}, True),
        ({"rlinf/a.txt": ""}, True),
        ({"rlinf/a.py": ""}, False),
        ({"rlinf/a.py": "get_fsdp_wrap_policy(config)\n"}, False),
        ({"rlinf/a.py": "config.get('wrap_policy')\n"}, True),
        ({"rlinf/a.py": "", "rlinf/b.py": 'config["wrap_policy"]\n'}, True),
        ({"rlinf/a.py": "config.wrap_policy\n"}, True),
    ],
)
def test_whether_a_key_is_read_of_anything(
    sources: dict[str, str], expected: bool
) -> None:
    assert names(MemoryTree.of(sources), FOLDER, "wrap_policy") is expected
