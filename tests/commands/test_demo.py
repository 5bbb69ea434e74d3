from __future__ import annotations

from pathlib import Path

import pytest
from trees import TREES, snapshot

from rlinf_scaffold.commands.check import check
from rlinf_scaffold.commands.demo import demo, make_checkout
from rlinf_scaffold.errors import InvalidAnswerError
from rlinf_scaffold.git import dirty_files
from rlinf_scaffold.layouts import CONFIG, detect_layout


@pytest.mark.parametrize("layout", TREES)
def test_makes_a_committed_checkout(layout: str, tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "new/rl", layout)
    assert detect_layout(checkout).name == layout
    assert (checkout.root / ".git/refs/heads").is_dir()
    assert not dirty_files(checkout.root, [CONFIG])
    files = {
        path for path, (_, data) in snapshot(checkout.root).items() if data is not None
    }
    assert files == {str(path) for path in TREES[layout].contents}


def test_takes_an_empty_folder(tmp_path: Path) -> None:
    assert make_checkout(tmp_path).root == tmp_path.resolve()


@pytest.mark.parametrize("name", ["notes.txt", "below/notes.txt"])
def test_refuses_a_folder_with_something_in_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine\n")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidAnswerError, match="is there and is not empty"):
        make_checkout(tmp_path)
    assert snapshot(tmp_path) == before


def test_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "rl").write_text("mine\n")
    with pytest.raises(InvalidAnswerError, match="folder"):
        make_checkout(tmp_path / "rl")


@pytest.mark.parametrize("layout", TREES)
def test_does_the_main_job(layout: str, tmp_path: Path, python: Path) -> None:
    outcome = demo(tmp_path / "rl", python, layout=layout, on_event=lambda _: None)
    assert outcome.applied
    assert outcome.smoke is not None
    assert outcome.smoke.ok
    (audit,) = check(tmp_path / "rl")
    assert (audit.manifest.spec.name, audit.findings) == ("foo", ())


def test_does_it_without_a_proof(tmp_path: Path, python: Path) -> None:
    outcome = demo(tmp_path / "rl", python, smoke=False, on_event=lambda _: None)
    assert (outcome.applied, outcome.smoke) == (True, None)
