from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from findings import style, unmounted, unparsable

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import MemoryTree

RECIPE = "examples/embodiment/config/foo.yaml"
HOOKS = """
repos:
  - repo: ruff
    hooks:
      - {id: ruff, args: [--extend-select=E401, --fix]}
      - {id: ruff-format}
"""


def created(path: str, text: str) -> FileChange:
    return FileChange(PurePosixPath(path), before=None, after=text)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", "match = 1\n", ""),
        ("a.py", "return 1\n", "'return' outside function"),
        ("a.py", "try:\n    pass\nexcept* ValueError:\n    pass\n", "a.py"),
        ("a.yaml", "a: 1\n", ""),
        ("a.yaml", "a: 1\na: 2\n", "duplicate key"),
        ("a.md", "a: a: a", ""),
    ],
)
def test_finds_what_does_not_parse(path: str, text: str, expected: str) -> None:
    found = "\n".join(unparsable([created(path, text)]))
    assert expected in found
    assert bool(expected) == bool(found)


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ("[]", []),
        ("[_self_, override hydra/job_logging: stdout]", []),
        ("[model/foo@actor.model, env/train: maniskill]", []),
        ("[model/bar@actor.model]", ["model/bar"]),
        ("[env/train: libero]", ["env/train/libero"]),
    ],
)
def test_finds_mounts_of_nothing(defaults: str, expected: list[str]) -> None:
    folder = PurePosixPath(RECIPE).parent
    tree = MemoryTree.of(
        {f"{folder}/model/foo.yaml": "", f"{folder}/env/train/maniskill.yaml": ""}
    )
    changes = [created(RECIPE, f"defaults: {defaults}\n"), created("a.yaml", "a: 1\n")]
    found = list(unmounted(tree, changes))
    assert found == [f"{RECIPE}: no {name}" for name in expected]


def test_finds_what_ruff_set_and_called_as_there_would_have(tmp_path: Path) -> None:
    root = tmp_path / "rl"
    root.mkdir()
    (root / "ruff.toml").write_text('lint.select = ["F"]\n')
    (root / "good.py").write_text("A = 1\n")
    (root / "bad.py").write_text("import os, sys\nA = 'b'\n")
    paths = [PurePosixPath(name) for name in ("good.py", "bad.py", "none.py")]
    found = style(root, paths, tmp_path)
    assert {it.split()[1] for it in found} == {"F401", "ruff"}
    assert "bad.py: ruff format has other than \"A = 'b'\"" in found
    (root / ".pre-commit-config.yaml").write_text(HOOKS)
    called = style(root, paths, tmp_path) - found
    assert [it.split()[:2] for it in called] == [["bad.py:", "E401"]]
    assert (root / "bad.py").read_text() == "import os, sys\nA = 'b'\n"
    assert not style(root, paths[2:], tmp_path)
