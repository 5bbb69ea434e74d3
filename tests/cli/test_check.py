from __future__ import annotations

from pathlib import Path

from terminal import FAILING, Ended, edit, rlinf_scaffold
from trees import in_every_layout, interpreter


def test_check_of_nothing(root: Path) -> None:
    ended = rlinf_scaffold("check", "--checkout", root)
    assert ended.code == 0
    assert "No model was scaffolded" in ended.out


@in_every_layout("root")
def test_check_of_what_stands(scaffolded: Path) -> None:
    ended = rlinf_scaffold("check", "--checkout", scaffolded)
    assert ended == Ended(0, "✓ foo: every wiring is in place and agrees\n", "")
    ended = rlinf_scaffold("check", "--checkout", scaffolded, "--format", "github")
    assert ended == Ended(0, "", "")


@in_every_layout("root")
def test_check_of_an_edit(scaffolded: Path) -> None:
    path = edit(scaffolded).relative_to(scaffolded)
    where = ("check", "--checkout", scaffolded)
    ended = rlinf_scaffold(*where)
    assert ended.code == 1
    first, *more = ended.out.splitlines()
    surface = "model YAML" if path.stem == "foo" else "recipe"
    assert first.startswith(f"✗ foo: {surface} edited: {path}:")
    assert set(more) <= {
        f"✗ foo: agreement disagrees: {path}: action_token_len is 7, not 8 as "
        "action_dim is"
    }
    ended = rlinf_scaffold(*where, "--format", "github")
    assert ended.code == 1
    assert ended.out.startswith(f"::error file={path},line=")
    ended = rlinf_scaffold(*where, "--format", "json")
    assert (ended.code, ended.json["ok"]) == (1, False)


def test_an_edit_can_be_accepted(scaffolded: Path) -> None:
    path = edit(scaffolded)
    path.write_text(path.read_text().replace("token_len: 7", "token_len: 8"))
    where = ("check", "--checkout", scaffolded)
    assert rlinf_scaffold(*where).code == 1
    assert rlinf_scaffold(*where, "--accept", "foo").code == 0
    assert rlinf_scaffold(*where).code == 0
    assert rlinf_scaffold(*where, "--accept", "bar").code == 24


def test_check_can_prove_too(scaffolded: Path, python: Path, tmp_path: Path) -> None:
    where = ("check", "--checkout", scaffolded, "--smoke")
    ended = rlinf_scaffold(*where, "--python", python)
    assert ended.code == 0
    assert "Proved: 3 of 3" in ended.out
    bad = interpreter(tmp_path / "bad", proofs=FAILING)
    ended = rlinf_scaffold(*where, "--python", bad, "--format", "json")
    assert (ended.code, ended.json["ok"]) == (20, False)
    edit(scaffolded)
    assert rlinf_scaffold(*where, "--python", bad).code == 1


def test_a_page_about_every_model_can_be_had(
    scaffolded: Path, python: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    where = ("check", "--checkout", scaffolded, "--report", page)
    refused = rlinf_scaffold(*where)
    assert (refused.code, refused.out) == (2, "")
    assert "--report" in refused.err
    assert not page.exists()
    assert rlinf_scaffold(*where, "--smoke", "--python", python).code == 0
    assert "<h1>foo</h1>" in page.read_text("utf-8")
