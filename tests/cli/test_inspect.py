from __future__ import annotations

from pathlib import Path

import pytest
from terminal import rlinf_scaffold
from trees import in_every_layout
from zoo import write_zoo

from rlinf_scaffold.layouts import LOADER


@in_every_layout("root")
def test_inspect_says_what_a_checkout_is(root: Path) -> None:
    ended = rlinf_scaffold("inspect", "--checkout", root)
    assert (ended.code, ended.err) == (0, "")
    assert "\nregistration: " in ended.out
    assert "\nruntime contract: " in ended.out
    assert "\nYAML: " in ended.out
    assert "\nmodel " in ended.out
    assert rlinf_scaffold("inspect", "--checkout", root) == ended


@in_every_layout("root")
def test_inspect_says_how_a_model_fares(root: Path) -> None:
    where = ("inspect", "--checkout", root, "--name", "foo")
    assert "foo is not wired here" in rlinf_scaffold(*where).out
    document = rlinf_scaffold(*where, "--format", "json").json
    assert document["judged"]["model"] == "foo"
    assert document["judged"]["sites"]


@in_every_layout("root")
def test_inspect_shows_what_an_unknown_checkout_has(root: Path) -> None:
    (root / LOADER).write_text("x = 1\n")
    ended = rlinf_scaffold("inspect", "--checkout", root)
    assert (ended.code, ended.err) == (8, "")
    assert "registration: the checkout's registration is not recognised" in ended.out
    assert "\nruntime contract: " in ended.out
    document = rlinf_scaffold("inspect", "--checkout", root, "--format", "json").json
    assert document["axes"][0]["error"]["exit_code"] == 8


def test_inspect_refuses_a_name_that_no_model_can_have(root: Path) -> None:
    ended = rlinf_scaffold("inspect", "--checkout", root, "--name", "Foo")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: --name 'Foo'")


def test_inspect_says_what_a_base_is(tmp_path: Path) -> None:
    words = ("inspect", "--base", "zoo:ZooForCausalLM", "--python", write_zoo(tmp_path))
    ended = rlinf_scaffold(*words)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("ZooForCausalLM (zoo), the defaults of ZooConfig\n")
    document = rlinf_scaffold(*words, "--format", "json").json
    assert document["base"]["class_name"] == "ZooForCausalLM"
    assert document["memory"] is None


def test_inspect_plans_memory(root: Path, tmp_path: Path) -> None:
    python = write_zoo(tmp_path)
    words = ("inspect", "--base", "zoo:ZooForCausalLM", "--python", python)
    batch = ("--micro-batch", "4", "--tokens", "9", "--wrap", "ZooBody")
    where = ("--ranks", "16", "--gpus-per-node", "4", "--checkout", root)
    ended = rlinf_scaffold(*words, *batch, *where)
    assert (ended.code, ended.err) == (0, "")
    assert "\nMemory of each rank, 16 in all, 4 on each node\n" in ended.out
    document = rlinf_scaffold(*words, *batch, *where, "--format", "json").json
    assert document["checkout"] == str(root)
    memory = document["memory"]
    assert (memory["ranks"], memory["gpus_per_node"]) == (16, 4)
    assert (memory["batch"]["samples"], memory["batch"]["tokens"]) == (4, 9)
    assert memory["wrappings"][0]["layers"] == ["ZooBody"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--ranks", "4"), "--ranks 4: memory is planned for a base: give it with"),
        (("--base", "zoo:ZooForCausalLM", "--ranks", "0"), "--ranks 0: must be at"),
    ],
)
def test_inspect_refuses_ranks_for_nothing(
    root: Path, words: tuple[str, ...], error: str
) -> None:
    ended = rlinf_scaffold("inspect", "--checkout", root, *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {error}")


@pytest.mark.parametrize(
    ("base", "code", "words"),
    [
        ("zoo:ZooForCausalML", 5, "did you mean zoo:ZooForCausalLM"),
        ("./gone", 5, "looked in the folder ./gone, which is not there"),
        ("org/name", 31, "is not in the cache"),
        ("broken", 6, "config.json is no JSON"),
        ("remote", 6, "executes modeling_x.X (it holds modeling_x.py)"),
    ],
)
def test_inspect_says_in_one_line_why_a_base_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    remote = '{"auto_map": {"AutoModel": "modeling_x.X"}, "architectures": ["X"]}'
    texts = {"broken": "{", "remote": remote}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(text)
    (tmp_path / "remote/modeling_x.py").touch()
    ended = rlinf_scaffold("inspect", "--base", base, "--python", write_zoo(tmp_path))
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("error: ")
    assert words in ended.err
