from __future__ import annotations

from pathlib import Path

from terminal import edit, rlinf_scaffold
from trees import in_every_layout, snapshot

from rlinf_scaffold.apply import STATE
from rlinf_scaffold.layouts import CONFIG


@in_every_layout("root")
def test_undo(new_model: tuple[str, ...], root: Path) -> None:
    before = snapshot(root)
    rlinf_scaffold(*new_model)
    ended = rlinf_scaffold("undo", "foo", "--checkout", root)
    assert ended.code == 0
    assert "  - rlinf/models/embodiment/foo" in ended.out
    assert snapshot(root) == before
    ended = rlinf_scaffold("undo", "foo", "--checkout", root)
    assert (ended.code, ended.out) == (17, "")


def test_undo_as_json(scaffolded: Path) -> None:
    document = rlinf_scaffold(
        "undo", "foo", "--checkout", scaffolded, "--format", "json"
    ).json
    changes = document["changes"]
    assert {"path": str(CONFIG), "kind": "modify"} in changes
    assert not (scaffolded / STATE).exists()


def test_undo_of_an_edited_file(scaffolded: Path) -> None:
    path = edit(scaffolded).relative_to(scaffolded)
    before = snapshot(scaffolded)
    ended = rlinf_scaffold("undo", "foo", "--checkout", scaffolded)
    assert ended.code == 19
    assert f"edited since it was written: {path}" in ended.err
    assert snapshot(scaffolded) == before
