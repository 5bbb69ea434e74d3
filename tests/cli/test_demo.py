from __future__ import annotations

from pathlib import Path

from terminal import rlinf_scaffold
from trees import snapshot


def test_demo(tmp_path: Path, python: Path) -> None:
    folder = tmp_path / "practice"
    ended = rlinf_scaffold("demo", folder, "--python", python)
    assert ended.code == 0
    assert ended.out.startswith("FooForRLActionPrediction on LlamaForCausalLM")
    assert "Proved: 3 of 3" in ended.out
    assert rlinf_scaffold("check", "--checkout", folder).code == 0


def test_demo_leaves_a_folder_with_something_in_it_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine\n")
    before = snapshot(tmp_path)
    ended = rlinf_scaffold("demo", tmp_path, "--no-smoke")
    assert ended.code == 2
    assert "is there and is not empty" in ended.err
    assert snapshot(tmp_path) == before
