from __future__ import annotations

from pathlib import Path

from terminal import rlinf_scaffold
from trees import in_every_layout

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
